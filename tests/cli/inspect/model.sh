cp "$DATA/models/add.onnx" .
onnx-pack inspect add.onnx
