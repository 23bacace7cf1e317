onnx-pack ternarize "$DATA/models/add.onnx" --form fast -o out.onnx
