set(ONNXPACK_UNIT_DEPS kernels io deps::onnx deps::protobuf_lite)
