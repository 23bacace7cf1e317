# Finds onnx's C++ library through the targets file of its install. Set Onnx_ROOT or ONNX_ROOT to point elsewhere.
# Gives Onnx::Onnx (schemas, checker, shape inference and the messages), Onnx_VERSION, Onnx_DIR_FOUND.
#
# Not through its ONNXConfig.cmake: that insists on protobuf's own CMake package, which Debian's protobuf lacks.
find_path(Onnx_CMAKE_DIR NAMES ONNXTargets.cmake
          HINTS "${ONNX_DIR}" "${ONNX_ROOT}" "$ENV{ONNX_ROOT}"
          PATH_SUFFIXES lib/cmake/ONNX lib64/cmake/ONNX share/onnx cmake/ONNX)
if(Onnx_CMAKE_DIR AND EXISTS "${Onnx_CMAKE_DIR}/ONNXConfigVersion.cmake")
  file(STRINGS "${Onnx_CMAKE_DIR}/ONNXConfigVersion.cmake" _line REGEX "set\\(PACKAGE_VERSION \"")
  string(REGEX MATCH "[0-9]+[0-9.]*" Onnx_VERSION "${_line}")
endif()
include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(Onnx REQUIRED_VARS Onnx_CMAKE_DIR VERSION_VAR Onnx_VERSION
  REASON_FAILURE_MESSAGE "run cmake/setup.sh, which builds it, or set ONNX_ROOT to an install of onnx 1.23 or newer")
if(Onnx_FOUND AND NOT TARGET Onnx::Onnx)
  if(NOT TARGET ONNX::onnx)
    include("${Onnx_CMAKE_DIR}/ONNXTargets.cmake")
  endif()
  add_library(Onnx::Onnx INTERFACE IMPORTED)
  target_link_libraries(Onnx::Onnx INTERFACE ONNX::onnx)
  if(TARGET ONNX::onnx_proto)
    target_link_libraries(Onnx::Onnx INTERFACE ONNX::onnx_proto)
  endif()
endif()
mark_as_advanced(Onnx_CMAKE_DIR)
