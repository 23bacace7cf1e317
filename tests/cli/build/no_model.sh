onnx-pack build
