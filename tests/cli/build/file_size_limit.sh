# As on a full disk: the write fails in the middle. Nothing appears under the output's name.
head -c 3000000 /dev/urandom > big.txt
ulimit -f 1000
onnx-pack build "$DATA/models/add.onnx" --attach big.txt --backend none -o out.onnxpkg -q
status=$?
ls
exit $status
