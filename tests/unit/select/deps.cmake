set(ONNXPACK_UNIT_DEPS manifest target)
