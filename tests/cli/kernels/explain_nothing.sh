onnx-pack kernels explain
