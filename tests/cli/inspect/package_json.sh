onnx-pack build "$DATA/models/add.onnx" --backend none -o out.onnxpkg -q > /dev/null
onnx-pack inspect out.onnxpkg --json
