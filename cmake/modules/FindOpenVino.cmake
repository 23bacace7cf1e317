# Finds OpenVINO's C++ headers and library as its PyPI wheel carries them (the wheel's own CMake package asks for the
# wheel's TBB too, which nothing here includes). Set OpenVino_ROOT to the folder that holds include/ and libs/.
# Gives OpenVino::OpenVino, OpenVino_VERSION, OpenVino_SONAME ("libopenvino.so.2641"), OpenVino_LIBRARY_DIR.
find_path(OpenVino_INCLUDE_DIR NAMES openvino/openvino.hpp HINTS ${OpenVino_HINTS} PATH_SUFFIXES include)
if(OpenVino_INCLUDE_DIR)
  cmake_path(GET OpenVino_INCLUDE_DIR PARENT_PATH _root)
  file(GLOB _libraries "${_root}/libs/libopenvino.so.*" "${_root}/lib/libopenvino.so.*" "${_root}/lib/*/libopenvino.so.*")
  if(_libraries)
    list(GET _libraries 0 OpenVino_LIBRARY)
    cmake_path(GET OpenVino_LIBRARY FILENAME OpenVino_SONAME)
    cmake_path(GET OpenVino_LIBRARY PARENT_PATH OpenVino_LIBRARY_DIR)
  endif()
  file(STRINGS "${OpenVino_INCLUDE_DIR}/openvino/core/version.hpp" _lines REGEX "#define OPENVINO_VERSION_(MAJOR|MINOR|PATCH)")
  string(REGEX MATCHALL "[0-9]+" _numbers "${_lines}")
  list(JOIN _numbers "." OpenVino_VERSION)
endif()
include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(OpenVino REQUIRED_VARS OpenVino_LIBRARY OpenVino_INCLUDE_DIR VERSION_VAR OpenVino_VERSION)
if(OpenVino_FOUND AND NOT TARGET OpenVino::OpenVino)
  add_library(OpenVino::OpenVino SHARED IMPORTED)
  set_target_properties(OpenVino::OpenVino PROPERTIES
    IMPORTED_LOCATION "${OpenVino_LIBRARY}"
    IMPORTED_SONAME "${OpenVino_SONAME}"
    INTERFACE_INCLUDE_DIRECTORIES "${OpenVino_INCLUDE_DIR}")
endif()
mark_as_advanced(OpenVino_INCLUDE_DIR)
