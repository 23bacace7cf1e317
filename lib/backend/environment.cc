#include <unistd.h>

#include <algorithm>
#include <array>
#include <string_view>

#include "onnxpack/backend/supervisor.h"

namespace onnxpack::backend {
namespace {

// Whole names, and prefixes ending in '_'. Locale, clock and cache variables are not among them:
// same inputs, same bytes.
constexpr std::array<std::string_view, 32> allowed = {
    // finding programs and libraries
    "PATH", "HOME", "USER", "LD_LIBRARY_PATH", "LD_PRELOAD", "PYTHONPATH", "PYTHONHOME",
    "VIRTUAL_ENV", "XDG_RUNTIME_DIR", "XDG_DATA_DIRS",
    // ours, and vendors' runtimes
    "ONNX_PACK_", "ONNXPACK_", "ORT_", "QNN_", "QAIRT_", "ADSP_LIBRARY_PATH", "OPENVINO_", "OV_",
    "IREE_", "CUDA_", "NVIDIA_", "HIP_", "ROCR_", "HSA_", "VK_", "VULKAN_", "OCL_", "OMP_", "MESA_",
    "QEMU_",
    // sanitizers of our own test builds
    "ASAN_OPTIONS", "UBSAN_OPTIONS"};

}  // namespace

bool reaches_backends(std::string_view name) {
  return std::ranges::any_of(allowed, [&](std::string_view entry) {
    return entry.ends_with('_') ? name.starts_with(entry) : name == entry;
  });
}

std::map<std::string, std::string> backend_environment() {
  std::map<std::string, std::string> out;
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
    std::string_view text = *entry;
    auto equals = text.find('=');
    if (equals == std::string_view::npos) continue;
    std::string_view name = text.substr(0, equals);
    if (reaches_backends(name)) out.emplace(name, text.substr(equals + 1));
  }
  out["LC_ALL"] = "C.UTF-8";
  out["PYTHONHASHSEED"] = "0";
  out["PYTHONDONTWRITEBYTECODE"] = "1";
  return out;
}

}  // namespace onnxpack::backend
