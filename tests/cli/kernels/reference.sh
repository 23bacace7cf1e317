# Forced to the baseline, every machine prints the same choice.
ONNXPACK_KERNELS=reference onnx-pack kernels | grep chosen
