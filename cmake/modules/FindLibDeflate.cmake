# Finds libdeflate.h. Set LibDeflate_ROOT to point elsewhere. Gives LibDeflate::LibDeflate, LibDeflate_VERSION, LibDeflate_LIBRARY, LibDeflate_INCLUDE_DIR.
find_path(LibDeflate_INCLUDE_DIR NAMES libdeflate.h)
find_library(LibDeflate_LIBRARY NAMES deflate)
if(LibDeflate_INCLUDE_DIR)
  file(STRINGS "${LibDeflate_INCLUDE_DIR}/libdeflate.h" _line REGEX "define LIBDEFLATE_VERSION_STRING")
  string(REGEX MATCH "[0-9.]+" LibDeflate_VERSION "${_line}")
endif()
include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(LibDeflate REQUIRED_VARS LibDeflate_LIBRARY LibDeflate_INCLUDE_DIR VERSION_VAR LibDeflate_VERSION)
if(LibDeflate_FOUND AND NOT TARGET LibDeflate::LibDeflate)
  add_library(LibDeflate::LibDeflate UNKNOWN IMPORTED)
  set_target_properties(LibDeflate::LibDeflate PROPERTIES
    IMPORTED_LOCATION "${LibDeflate_LIBRARY}"
    INTERFACE_INCLUDE_DIRECTORIES "${LibDeflate_INCLUDE_DIR}")
endif()
mark_as_advanced(LibDeflate_INCLUDE_DIR LibDeflate_LIBRARY)
