# Finds zip.h. Set LibZip_ROOT to point elsewhere. Gives LibZip::LibZip, LibZip_VERSION, LibZip_LIBRARY, LibZip_INCLUDE_DIR.
find_path(LibZip_INCLUDE_DIR NAMES zip.h)
find_library(LibZip_LIBRARY NAMES zip)
if(LibZip_INCLUDE_DIR AND EXISTS "${LibZip_INCLUDE_DIR}/zipconf.h")
  file(STRINGS "${LibZip_INCLUDE_DIR}/zipconf.h" _line REGEX "define LIBZIP_VERSION \"")
  string(REGEX MATCH "[0-9.]+" LibZip_VERSION "${_line}")
endif()
include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(LibZip REQUIRED_VARS LibZip_LIBRARY LibZip_INCLUDE_DIR VERSION_VAR LibZip_VERSION)
if(LibZip_FOUND AND NOT TARGET LibZip::LibZip)
  add_library(LibZip::LibZip UNKNOWN IMPORTED)
  set_target_properties(LibZip::LibZip PROPERTIES
    IMPORTED_LOCATION "${LibZip_LIBRARY}"
    INTERFACE_INCLUDE_DIRECTORIES "${LibZip_INCLUDE_DIR}")
endif()
mark_as_advanced(LibZip_INCLUDE_DIR LibZip_LIBRARY)
