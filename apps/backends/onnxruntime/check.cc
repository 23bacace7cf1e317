// What ONNX Runtime and its plug-ins on this machine say to compatibility texts.
#include <fmt/format.h>

#include <vector>

#include "backend.h"
#include "plugin_library.h"
#include "runtime.h"

namespace onnxpack::ort_backend {
namespace {

using protocol::RuntimeVerdict;
using target::Verdict;

Verdict to_verdict(OrtCompiledModelCompatibility state) {
  switch (state) {
    case OrtCompiledModelCompatibility_EP_SUPPORTED_OPTIMAL:
      return Verdict::optimal;
    case OrtCompiledModelCompatibility_EP_SUPPORTED_PREFER_RECOMPILATION:
      return Verdict::prefer_recompilation;
    case OrtCompiledModelCompatibility_EP_UNSUPPORTED:
      return Verdict::unsupported;
    default:
      return Verdict::not_applicable;
  }
}

std::vector<const OrtEpDevice*> devices_of(const Runtime& runtime, const OrtEnv& environment,
                                           const std::string& ep) {
  const OrtEpDevice* const* devices = nullptr;
  std::size_t count = 0;
  std::vector<const OrtEpDevice*> out;
  if (!runtime.check(runtime.api().GetEpDevices(&environment, &devices, &count))) return out;
  for (std::size_t i = 0; i < count; ++i) {
    if (ep == runtime.api().EpDevice_EpName(devices[i])) out.push_back(devices[i]);
  }
  return out;
}

RuntimeVerdict ask(const Runtime& runtime, const OrtEnv& environment,
                   const protocol::CompatibilityQuestion& question) {
  auto devices = devices_of(runtime, environment, question.ep);
  if (devices.empty()) {
    return {Verdict::not_applicable, "",
            fmt::format("no device of {} is on this machine", question.ep)};
  }
  auto state = OrtCompiledModelCompatibility_EP_NOT_APPLICABLE;
  auto status = runtime.check(runtime.api().GetModelCompatibilityForEpDevices(
      devices.data(), devices.size(), question.compatibility_string.c_str(), &state));
  if (!status) return {Verdict::not_applicable, "", status.error().message()};
  return {to_verdict(state), "onnxruntime " + runtime.version(),
          fmt::format("asked for {} on this machine", question.ep)};
}

}  // namespace

Result<std::vector<RuntimeVerdict>> OrtBackend::check(
    const std::vector<protocol::CompatibilityQuestion>& questions) {
  ONNXPACK_TRY(const Runtime runtime, Runtime::load(""));
  ONNXPACK_TRY(const auto environment, runtime.make_environment());
  // Without the plug-in its questions find no device, which is the answer.
  if (const auto plugin = find_qnn(qnn_search("", runtime.path()))) {
    (void)runtime.check(runtime.api().RegisterExecutionProviderLibrary(
        environment.get(), qnn_provider, plugin->path.c_str()));
  }
  std::vector<RuntimeVerdict> out;
  for (const auto& question : questions) out.push_back(ask(runtime, *environment, question));
  return out;
}

}  // namespace onnxpack::ort_backend
