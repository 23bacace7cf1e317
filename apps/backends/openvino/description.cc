#include "description.h"

#include "options.h"

namespace onnxpack::openvino_backend {
namespace {

using protocol::Verb;

// All by the profile's own word (backend_options.openvino), since the facts of a phone's SoC name a
// CPU too, for which nobody ships OpenVINO.
protocol::ServeRule rule(std::string family, std::vector<target::Requirement> requirements) {
  protocol::ServeRule out;
  out.family = std::move(family);
  out.requirements = std::move(requirements);
  out.wants_backend_options = true;
  return out;
}

}  // namespace

protocol::DescribeResponse description() {
  using target::Test;
  protocol::DescribeResponse out;
  out.name = "openvino";
  out.description =
      "OpenVINO IR for x86-64 and Arm CPUs, compiled blobs for this machine's CPU, GPU or NPU";
  out.verbs = {Verb::describe, Verb::plan, Verb::compile, Verb::run, Verb::probe};
  out.versions = {{"onnx-pack", ONNXPACK_VERSION}};
  out.ep = ep_name;
  out.serves = {rule("CPUs", {{"accelerator.class", Test::any_of, {"cpu"}},
                              {"arch.name", Test::any_of, {"amd64", "arm64"}}}),
                rule("Intel GPUs", {{"accelerator.class", Test::any_of, {"gpu"}},
                                    {"accelerator.vendor", Test::any_of, {"intel"}}}),
                rule("Intel NPUs", {{"accelerator.class", Test::any_of, {"npu"}},
                                    {"accelerator.vendor", Test::any_of, {"intel"}}})};
  out.options = option_infos();
  out.deterministic = true;
  return out;
}

}  // namespace onnxpack::openvino_backend
