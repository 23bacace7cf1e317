set(ONNXPACK_UNIT_DEPS package protocol model json)
