set(ONNXPACK_UNIT_DEPS kernels deps::onnxruntime_headers)
