# Finds the headers of ONNX Runtime's C API, and, when it is there, the folder of its library.
# Set OnnxRuntime_ROOT to point elsewhere. Gives OnnxRuntime::headers (headers only: the library is loaded on demand by
# dlopen("libonnxruntime.so.1"), for which the folder of a library found here is put into the programs' run path),
# OnnxRuntime_VERSION (of the headers), OnnxRuntime_INCLUDE_DIR, OnnxRuntime_LIBRARY_DIR.
find_path(OnnxRuntime_INCLUDE_DIR NAMES onnxruntime_c_api.h
          PATH_SUFFIXES onnxruntime onnxruntime/core/session include include/onnxruntime)
find_library(OnnxRuntime_LIBRARY NAMES onnxruntime libonnxruntime.so.1)
if(OnnxRuntime_INCLUDE_DIR)
  file(STRINGS "${OnnxRuntime_INCLUDE_DIR}/onnxruntime_c_api.h" _line REGEX "#define ORT_API_VERSION [0-9]+")
  string(REGEX MATCH "[0-9]+" _api "${_line}")
  if(_api)
    set(OnnxRuntime_VERSION "1.${_api}")
  endif()
endif()
include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(OnnxRuntime REQUIRED_VARS OnnxRuntime_INCLUDE_DIR VERSION_VAR OnnxRuntime_VERSION)
if(OnnxRuntime_FOUND AND NOT TARGET OnnxRuntime::headers)
  add_library(OnnxRuntime::headers INTERFACE IMPORTED)
  set_target_properties(OnnxRuntime::headers PROPERTIES
    INTERFACE_INCLUDE_DIRECTORIES "${OnnxRuntime_INCLUDE_DIR}"
    INTERFACE_LINK_LIBRARIES "${CMAKE_DL_LIBS}")
  if(OnnxRuntime_LIBRARY)
    cmake_path(GET OnnxRuntime_LIBRARY PARENT_PATH OnnxRuntime_LIBRARY_DIR)
    set_target_properties(OnnxRuntime::headers PROPERTIES
      INTERFACE_LINK_OPTIONS "LINKER:-rpath,${OnnxRuntime_LIBRARY_DIR}")
  endif()
endif()
mark_as_advanced(OnnxRuntime_INCLUDE_DIR OnnxRuntime_LIBRARY)
