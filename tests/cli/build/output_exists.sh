echo precious > out.onnxpkg
onnx-pack build "$DATA/models/add.onnx" --backend none -o out.onnxpkg -q
echo $?
cat out.onnxpkg
onnx-pack build "$DATA/models/add.onnx" --backend none -o out.onnxpkg -q --force > /dev/null
echo $?
