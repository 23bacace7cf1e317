# Forced to the baseline, every machine prints the same choice.
ONNXPACK_KERNELS=reference onnx-pack kernels | awk '$3 == "chosen" {print $1, $2}'
