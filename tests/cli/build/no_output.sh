onnx-pack build "$DATA/models/add.onnx" --target host
