onnx-pack --version
onnx-pack version --json
