onnx-pack build "$DATA/models/add.onnx" -o out.onnxpkg --target
