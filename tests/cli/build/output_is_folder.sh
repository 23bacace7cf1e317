mkdir out.onnxpkg
onnx-pack build "$DATA/models/add.onnx" --backend none -o out.onnxpkg -q
echo $?
onnx-pack build "$DATA/models/add.onnx" --backend none -o out.onnxpkg -q --force
