cp "$DATA/models/external.onnx" .
onnx-pack inspect external.onnx | grep 'data file'
cp "$DATA/models/external.bin" .
onnx-pack inspect external.onnx | grep 'data file'
