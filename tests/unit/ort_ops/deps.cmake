set(ONNXPACK_UNIT_DEPS kernels deps::onnxruntime_headers)
# What runs AMX kernels on a CPU without AMX.
list(APPEND sources "${CMAKE_SOURCE_DIR}/tests/unit/kernels/amx/stand_in.cc" "${CMAKE_SOURCE_DIR}/tests/unit/kernels/amx/tiles.cc")
