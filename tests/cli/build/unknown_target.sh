onnx-pack build "$DATA/models/add.onnx" --target x86-64-v33 -o out.onnxpkg
