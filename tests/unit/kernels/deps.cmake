# The functions as the kernels have them, with fused multiply-add; the cases ask the CPU before they run.
if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
  set_source_files_properties("${CMAKE_SOURCE_DIR}/tests/unit/kernels/flex_math_test.cc" PROPERTIES
    COMPILE_OPTIONS "-mavx2;-mfma;-ffp-contract=fast")
endif()
