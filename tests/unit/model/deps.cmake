set(ONNXPACK_UNIT_DEPS json io deps::onnx deps::protobuf_lite)

# onnx's own Python reader and ONNX Runtime judge what we read and write, over onnx's node tests and real models.
find_program(ONNXPACK_MODEL_PYTHON python3 HINTS "${ONNXPACK_DEPS_DIR}/venv/bin" NO_DEFAULT_PATH)
if(ONNXPACK_MODEL_PYTHON AND TARGET deps::catch2)
  add_test(NAME model_peers COMMAND "${ONNXPACK_MODEL_PYTHON}"
    "${CMAKE_SOURCE_DIR}/tests/unit/model/peers.py" "$<TARGET_FILE:unit_model>")
  set_tests_properties(model_peers PROPERTIES LABELS peers TIMEOUT 600 SKIP_RETURN_CODE 77)
endif()
