# Every third-party library, behind one name each: deps::<name>. Nothing else in the tree calls find_package().
#
# Each is found by its own CMake package or by a module in cmake/modules; CMAKE_PREFIX_PATH, <Name>_ROOT and <Name>_DIR
# point elsewhere. What cmake/setup.sh put into ONNXPACK_DEPS_DIR is looked at after what the user named.
if(EXISTS "${ONNXPACK_DEPS_DIR}")
  list(APPEND CMAKE_PREFIX_PATH
    "${ONNXPACK_DEPS_DIR}/onnx" "${ONNXPACK_DEPS_DIR}/onnxruntime" "${ONNXPACK_DEPS_DIR}/catch2/usr")
endif()

# _onnxpack_dependency(<name> <version> <where> TARGETS <target>...): makes deps::<name> and notes it for the summary.
function(_onnxpack_dependency name version where)
  cmake_parse_arguments(PARSE_ARGV 3 arg "" "" "TARGETS")
  add_library(onnxpack_deps_${name} INTERFACE)
  add_library(deps::${name} ALIAS onnxpack_deps_${name})
  target_link_libraries(onnxpack_deps_${name} INTERFACE ${arg_TARGETS})
  set_property(GLOBAL APPEND PROPERTY ONNXPACK_DEPENDENCIES "${name}|${version}|${where}")
endfunction()

function(_onnxpack_missing name what_then)
  set_property(GLOBAL APPEND PROPERTY ONNXPACK_DEPENDENCIES "${name}|-|not found: ${what_then}")
endfunction()

find_package(Protobuf CONFIG QUIET)
if(NOT Protobuf_FOUND)
  find_package(Protobuf REQUIRED)
endif()
_onnxpack_dependency(protobuf_lite "${Protobuf_VERSION}" "${Protobuf_LITE_LIBRARY}" TARGETS protobuf::libprotobuf-lite)

find_package(Onnx 1.23 REQUIRED)
_onnxpack_dependency(onnx "${Onnx_VERSION}" "${Onnx_CMAKE_DIR}" TARGETS Onnx::Onnx protobuf::libprotobuf-lite)

find_package(nlohmann_json 3.10 REQUIRED)
_onnxpack_dependency(nlohmann_json "${nlohmann_json_VERSION}" "${nlohmann_json_DIR}" TARGETS nlohmann_json::nlohmann_json)

find_package(OpenSSL 3 REQUIRED COMPONENTS Crypto)
_onnxpack_dependency(openssl_crypto "${OPENSSL_VERSION}" "${OPENSSL_CRYPTO_LIBRARY}" TARGETS OpenSSL::Crypto)

find_package(fmt REQUIRED)
_onnxpack_dependency(fmt "${fmt_VERSION}" "${fmt_DIR}" TARGETS fmt::fmt)

find_package(spdlog REQUIRED)
_onnxpack_dependency(spdlog "${spdlog_VERSION}" "${spdlog_DIR}" TARGETS spdlog::spdlog)

find_package(CLI11 2.1 REQUIRED)
_onnxpack_dependency(cli11 "${CLI11_VERSION}" "${CLI11_DIR}" TARGETS CLI11::CLI11)

find_package(LibDeflate REQUIRED)
_onnxpack_dependency(libdeflate "${LibDeflate_VERSION}" "${LibDeflate_LIBRARY}" TARGETS LibDeflate::LibDeflate)

find_package(XxHash REQUIRED)
_onnxpack_dependency(xxhash "${XxHash_VERSION}" "${XxHash_LIBRARY}" TARGETS XxHash::XxHash)

find_package(Threads REQUIRED)

find_package(OnnxRuntime)
if(OnnxRuntime_FOUND)
  _onnxpack_dependency(onnxruntime_headers "${OnnxRuntime_VERSION}" "${OnnxRuntime_INCLUDE_DIR}" TARGETS OnnxRuntime::headers)
else()
  _onnxpack_missing(onnxruntime_headers "the onnxruntime backend is not built, run cmake/setup.sh or set OnnxRuntime_ROOT")
endif()

# The folder of a wheel, below whichever Python it was installed for.
file(GLOB OpenVino_HINTS "${ONNXPACK_DEPS_DIR}/backends/openvino/lib/python3*/site-packages/openvino")
find_package(OpenVino)
if(OpenVino_FOUND)
  _onnxpack_dependency(openvino "${OpenVino_VERSION}" "${OpenVino_LIBRARY}" TARGETS OpenVino::OpenVino)
else()
  _onnxpack_missing(openvino "the openvino backend only says so, run cmake/setup.sh --backend openvino or set OpenVino_ROOT")
endif()

if(ONNXPACK_TESTS)
  find_package(LibZip)
  if(LibZip_FOUND)
    _onnxpack_dependency(libzip "${LibZip_VERSION}" "${LibZip_LIBRARY}" TARGETS LibZip::LibZip)
  else()
    _onnxpack_missing(libzip "tests against a second zip implementation are not built")
  endif()
  find_package(Catch2 3 QUIET)
  if(Catch2_FOUND)
    _onnxpack_dependency(catch2 "${Catch2_VERSION}" "${Catch2_DIR}" TARGETS Catch2::Catch2WithMain)
  else()
    _onnxpack_missing(catch2 "unit tests are not built, run cmake/setup.sh --with tests or set Catch2_ROOT")
  endif()
endif()
