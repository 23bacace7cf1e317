onnx-pack build "$DATA/models/add.onnx" --tagret host -o out.onnxpkg
