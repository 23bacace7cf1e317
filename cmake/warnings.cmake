add_library(onnxpack_warnings INTERFACE)
target_compile_options(onnxpack_warnings INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Wnon-virtual-dtor
  -Wold-style-cast -Wimplicit-fallthrough)
if(ONNXPACK_DEVELOPER)
  target_compile_options(onnxpack_warnings INTERFACE -Werror)
endif()
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # False alarms of g++ 12 in its own std::string and std::vector at -O2 and above.
  target_compile_options(onnxpack_warnings INTERFACE
    -Wno-restrict -Wno-stringop-overflow -Wno-array-bounds -Wno-dangling-pointer)
endif()
