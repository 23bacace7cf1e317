onnx-pack targets diff x86-64-v3
onnx-pack targets show x86-64-v3 zen4
