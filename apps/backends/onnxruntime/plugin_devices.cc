#include "plugin_devices.h"

#include <fmt/format.h>

#include "plugin_library.h"

namespace onnxpack::ort_backend {
namespace {

std::string kind_of(OrtHardwareDeviceType type) {
  switch (type) {
    case OrtHardwareDeviceType_CPU:
      return "cpu";
    case OrtHardwareDeviceType_GPU:
      return "gpu";
    case OrtHardwareDeviceType_NPU:
      return "npu";
  }
  return "";
}

Metadata to_map(const OrtApi& api, const OrtKeyValuePairs* pairs) {
  Metadata out;
  if (pairs == nullptr) return out;
  const char* const* keys = nullptr;
  const char* const* values = nullptr;
  std::size_t count = 0;
  api.GetKeyValuePairs(pairs, &keys, &values, &count);
  for (std::size_t i = 0; i < count; ++i) out[keys[i]] = values[i];
  return out;
}

target::Verdict to_verdict(OrtCompiledModelCompatibility state) {
  switch (state) {
    case OrtCompiledModelCompatibility_EP_SUPPORTED_OPTIMAL:
      return target::Verdict::optimal;
    case OrtCompiledModelCompatibility_EP_SUPPORTED_PREFER_RECOMPILATION:
      return target::Verdict::prefer_recompilation;
    case OrtCompiledModelCompatibility_EP_UNSUPPORTED:
      return target::Verdict::unsupported;
    default:
      return target::Verdict::not_applicable;
  }
}

}  // namespace

Status register_plugin(const Runtime& runtime, OrtEnv& environment, const std::string& ep,
                       const std::filesystem::path& library, Register which) {
  const bool plain = which == Register::real_devices || ep == qnn_provider;
  const std::string name = plain ? ep : ep + ".virtual";
  const auto registered = runtime.check(
      runtime.api().RegisterExecutionProviderLibrary(&environment, name.c_str(), library.c_str()));
  if (registered) return {};
  return fail(ErrorKind::unavailable,
              fmt::format("{}: {}", library.string(), registered.error().message()),
              ep == qnn_provider ? fmt::format("run {}", qnn_install) : "");
}

Result<PluginDevices> plugin_devices(const Runtime& runtime, const OrtEnv& environment,
                                     const std::string& ep) {
  const OrtApi& api = runtime.api();
  const OrtEpDevice* const* devices = nullptr;
  std::size_t count = 0;
  ONNXPACK_CHECK(runtime.check(api.GetEpDevices(&environment, &devices, &count)));
  PluginDevices out;
  for (std::size_t i = 0; i < count; ++i) {
    if (ep != api.EpDevice_EpName(devices[i])) continue;
    const OrtHardwareDevice* hardware = api.EpDevice_Device(devices[i]);
    out.handles.push_back(devices[i]);
    out.facts.push_back({ep, kind_of(api.HardwareDevice_Type(hardware)),
                         to_map(api, api.EpDevice_EpMetadata(devices[i])),
                         to_map(api, api.HardwareDevice_Metadata(hardware))});
  }
  return out;
}

Result<target::Verdict> ask_device(const Runtime& runtime, const OrtEpDevice* device,
                                   const std::string& compatibility) {
  auto state = OrtCompiledModelCompatibility_EP_NOT_APPLICABLE;
  ONNXPACK_CHECK(runtime.check(
      runtime.api().GetModelCompatibilityForEpDevices(&device, 1, compatibility.c_str(), &state)));
  return to_verdict(state);
}

Status append_device(const Runtime& runtime, OrtEnv& environment, OrtSessionOptions* options,
                     const OrtEpDevice* device, const Metadata& provider_options) {
  std::vector<const char*> keys;
  std::vector<const char*> values;
  for (const auto& [key, value] : provider_options) {
    keys.push_back(key.c_str());
    values.push_back(value.c_str());
  }
  return runtime.check(runtime.api().SessionOptionsAppendExecutionProvider_V2(
      options, &environment, &device, 1, keys.data(), values.data(), keys.size()));
}

}  // namespace onnxpack::ort_backend
