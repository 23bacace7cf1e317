set(ONNXPACK_UNIT_DEPS onnxpack::model transform)
