onnx-pack build "$DATA/models/add.onnx" --backend none -o no/such/folder/out.onnxpkg -q
