cp "$DATA/models/add.onnx" "$DATA/models/if.onnx" .
echo "a b c" > vocab.txt
onnx-pack build --component encoder=add.onnx --component decoder=if.onnx --attach vocab.txt --backend none -o out.onnxpkg -q > /dev/null
onnx-pack inspect out.onnxpkg --tree | norm digest
