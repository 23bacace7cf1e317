# Writes SOURCE with the SHA-256 of MODULE (empty: without one), only when it differs from what is there.
set(digest "")
if(MODULE)
  file(SHA256 "${MODULE}" digest)
endif()
file(CONFIGURE OUTPUT "${SOURCE}" @ONLY CONTENT [[
namespace onnxpack::openvino_backend {
extern const char* const own_module_sha256;
const char* const own_module_sha256 = "@digest@";
}  // namespace onnxpack::openvino_backend
]])
