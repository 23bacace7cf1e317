onnx-pack help exit-codes
