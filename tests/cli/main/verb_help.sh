onnx-pack extract --help
