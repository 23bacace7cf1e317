set(ONNXPACK_UNIT_DEPS crypto io base)
# The differential tests against libzip say so when it is not there.
if(TARGET deps::libzip)
  list(APPEND ONNXPACK_UNIT_DEPS deps::libzip)
endif()
