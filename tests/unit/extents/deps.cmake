set(ONNXPACK_UNIT_DEPS io base)
