#include <fmt/format.h>

#include "backend.h"
#include "description.h"
#include "engine.h"

namespace onnxpack::openvino_backend {
namespace {

std::string device_line(ov::Core& core, const std::string& device) {
  const auto name = guarded([&] { return core.get_property(device, ov::device::full_name); });
  return fmt::format("device {}: {}", device, name ? *name : "unnamed");
}

}  // namespace

Result<protocol::DescribeResponse> OpenVinoBackend::describe() {
  protocol::DescribeResponse out = description();
  out.versions["onnx-pack"] = fmt::format("{}+{:.12}", ONNXPACK_VERSION, digest_);
  out.versions["openvino"] = full_version();
  out.needs.push_back(
      {"OpenVINO", true, fmt::format("{}, version {}", library_, full_version()), ""});
  return out;
}

Result<protocol::ProbeResponse> OpenVinoBackend::probe(protocol::EventEmitter&) {
  ONNXPACK_TRY(auto core, guarded([] { return ov::Core(); }));
  ONNXPACK_TRY(const auto devices, guarded([&] { return core.get_available_devices(); }));
  protocol::ProbeResponse out;
  out.facts["runtime.openvino"] = {release()};
  out.lines.push_back(fmt::format("openvino {} ({})", full_version(), library_));
  for (const auto& device : devices) {
    out.lines.push_back(device_line(core, device));
    const auto text = requirements_text(core, device);
    if (text) out.lines.push_back(fmt::format("blobs for {}: {}", device, *text));
    // The CPU's text holds one field beyond the version, which selection compares.
    const auto isa = text ? text->find("isa=") : std::string::npos;
    if (device == "CPU" && isa != std::string::npos)
      out.facts["openvino.isa"] = {text->substr(isa + 4, text->find(';', isa) - isa - 4)};
  }
  return out;
}

}  // namespace onnxpack::openvino_backend
