cp "$DATA/models/if.onnx" .
onnx-pack inspect if.onnx --json
