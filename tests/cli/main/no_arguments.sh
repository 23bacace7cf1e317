onnx-pack
