#include <fmt/format.h>

#include "backend.h"
#include "ops_library.h"
#include "options.h"
#include "plugin_library.h"
#include "runtime.h"

namespace onnxpack::ort_backend {
namespace {

using protocol::Verb;

protocol::ServeRule any_cpu(bool with_ops) {
  protocol::ServeRule rule;
  rule.family = "CPUs";
  if (with_ops) rule.domains = {ops_domain};
  rule.requirements = {{"accelerator.class", target::Test::any_of, {"cpu"}}};
  return rule;
}

// Served whether or not the plug-in is here: `plan` then refuses with the reason and the command
// that installs it, which says more than "no backend serves this target".
protocol::ServeRule snapdragons(bool installed) {
  protocol::ServeRule rule;
  rule.family = installed ? "Qualcomm HTP" : "Qualcomm HTP (once onnxruntime-qnn is installed)";
  rule.requirements = {{"accelerator.class", target::Test::any_of, {"npu"}},
                       {"qualcomm.htp_arch", target::Test::at_least, {"68"}}};
  rule.wants_backend_options = true;
  return rule;
}

// A target of anybody's own: its settings name the plug-in.
protocol::ServeRule plugins() {
  protocol::ServeRule rule;
  rule.family = "accelerators of plug-in execution providers";
  rule.requirements = {{"accelerator.class", target::Test::any_of, {"gpu", "npu"}}};
  rule.absent = {"qualcomm.htp_arch"};
  rule.wants_backend_options = true;
  return rule;
}

// Of libraries that the variable names; those that only a target names are in the build key by
// path.
void add_named_libraries(protocol::Versions& versions) {
  for (const auto& [ep, path] : named_libraries()) {
    if (const auto found = find_plugin(ep, path)) versions[ep] = found->version;
  }
}

std::string device_line(const OrtApi& api, const OrtEpDevice* device) {
  const OrtHardwareDevice* hardware = api.EpDevice_Device(device);
  constexpr std::string_view kinds[] = {"CPU", "GPU", "NPU"};
  const auto kind = static_cast<std::size_t>(api.HardwareDevice_Type(hardware));
  return fmt::format("{} on {} ({})", api.EpDevice_EpName(device),
                     kind < std::size(kinds) ? kinds[kind] : "other device",
                     api.HardwareDevice_Vendor(hardware));
}

Result<std::vector<std::string>> device_lines(const Runtime& runtime) {
  ONNXPACK_TRY(const auto environment, runtime.make_environment());
  const OrtEpDevice* const* devices = nullptr;
  std::size_t count = 0;
  ONNXPACK_CHECK(runtime.check(runtime.api().GetEpDevices(environment.get(), &devices, &count)));
  std::vector<std::string> out;
  for (std::size_t i = 0; i < count; ++i) out.push_back(device_line(runtime.api(), devices[i]));
  return out;
}

}  // namespace

Result<protocol::DescribeResponse> OrtBackend::describe() {
  protocol::DescribeResponse out;
  out.name = "onnxruntime";
  out.description =
      "graphs optimised by ONNX Runtime for CPUs, Snapdragon context binaries, blobs of plug-in "
      "providers; reference runs of the original";
  out.verbs = {Verb::describe, Verb::plan, Verb::compile, Verb::run, Verb::probe};
  out.versions = {{"onnx-pack", ONNXPACK_VERSION}};
  out.options = option_infos();
  out.deterministic = true;
  protocol::Need need{"libonnxruntime.so.1", false, "", ""};
  std::string library;
  if (const auto runtime = Runtime::load("")) {
    library = runtime->path();
    out.versions["onnxruntime"] = runtime->version();
    need.found = true;
    need.where = fmt::format("{}, version {}", runtime->path(), runtime->version());
  } else {
    out.available = false;
    out.reason = runtime.error().message();
    out.hint = runtime.error().hint();
    need.how = out.hint;
  }
  protocol::Need plugin{qnn_library_name, false, "", ""};
  if (const auto qnn = find_qnn(qnn_search("", library))) {
    out.versions["onnxruntime-qnn"] = qnn->version;
    plugin.found = true;
    plugin.where = fmt::format("{}, version {}", qnn->path.string(), qnn->version);
  } else {
    plugin.how = fmt::format("for Snapdragon targets only: {}", qnn.error().hint());
  }
  protocol::Need ops{ops_library_name, false, "", ""};
  if (const auto found = find_ops_library()) {
    out.versions[ops_domain] = ops_version;
    ops.found = true;
    ops.where = fmt::format("{}, {} {}", *found, ops_domain, ops_version);
  } else {
    ops.how =
        fmt::format("for graphs with operators of {} only: {}", ops_domain, found.error().hint());
  }
  out.serves = {snapdragons(plugin.found), any_cpu(ops.found), plugins()};
  add_named_libraries(out.versions);
  out.needs = {std::move(need), std::move(plugin), std::move(ops)};
  return out;
}

Result<protocol::ProbeResponse> OrtBackend::probe(protocol::EventEmitter&) {
  ONNXPACK_TRY(const Runtime runtime, Runtime::load(""));
  ONNXPACK_TRY(const auto providers, runtime.providers());
  ONNXPACK_TRY(auto devices, device_lines(runtime));
  protocol::ProbeResponse out;
  out.facts["runtime.onnxruntime"] = {runtime.version()};
  if (find_ops_library()) out.facts[ops_feature] = {ops_version};
  out.lines.push_back(fmt::format("onnxruntime {} ({})", runtime.version(), runtime.path()));
  for (const auto& provider : providers) out.lines.push_back("built-in provider: " + provider);
  for (auto& device : devices) out.lines.push_back("device: " + std::move(device));
  return out;
}

}  // namespace onnxpack::ort_backend
