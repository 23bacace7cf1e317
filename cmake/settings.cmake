# What every target of the project is compiled with, beyond warnings.
include(GNUInstallDirs)

if(NOT CMAKE_BUILD_TYPE AND NOT CMAKE_CONFIGURATION_TYPES)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "Build type" FORCE)
endif()

set(CMAKE_CXX_STANDARD 23)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_CXX_SCAN_FOR_MODULES OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
# Hidden by default: libonnxpack_ops and the runners are loaded into processes which bring their own onnx and fmt.
set(CMAKE_CXX_VISIBILITY_PRESET hidden)
set(CMAKE_VISIBILITY_INLINES_HIDDEN ON)

# The build tree looks like an install (bin, libexec), so a program finds its backends the same way in both.
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/bin")

find_program(ONNXPACK_CCACHE ccache)
if(ONNXPACK_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_CXX_COMPILER_LAUNCHER "${ONNXPACK_CCACHE}")
endif()

add_library(onnxpack_settings INTERFACE)
target_compile_features(onnxpack_settings INTERFACE cxx_std_23)
target_compile_definitions(onnxpack_settings INTERFACE ONNXPACK_VERSION="${PROJECT_VERSION}")
if(ONNXPACK_ASSERTS)
  target_compile_options(onnxpack_settings INTERFACE -UNDEBUG)
endif()
# Equal sources in two checkouts give equal programs (and equal program digests in build keys).
target_compile_options(onnxpack_settings INTERFACE "-ffile-prefix-map=${CMAKE_SOURCE_DIR}/=")

if(ONNXPACK_SANITIZE)
  target_compile_options(onnxpack_settings INTERFACE
    -fsanitize=${ONNXPACK_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  target_link_options(onnxpack_settings INTERFACE -fsanitize=${ONNXPACK_SANITIZE})
endif()
if(ONNXPACK_FUZZERS)
  # The libraries too, or libFuzzer sees no new path in what it is there to explore.
  target_compile_options(onnxpack_settings INTERFACE -fsanitize=fuzzer-no-link)
  target_link_options(onnxpack_settings INTERFACE -fsanitize=fuzzer-no-link)
endif()
