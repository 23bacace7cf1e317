ONNXPACK_KERNELS=fast onnx-pack kernels
