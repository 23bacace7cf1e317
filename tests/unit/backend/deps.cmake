set(ONNXPACK_UNIT_DEPS io crypto manifest)
