onnx-pack ternarize "$DATA/models/add.onnx" -o out.onnx
