// From what a target is to what a blob for it needs.
#include <algorithm>
#include <array>

#include "onnxpack/target/requirement.h"
#include "onnxpack/target/vocabulary.h"

namespace onnxpack::target {
namespace {

// Which facts bind a blob to the CPU it was compiled for, and how.
void add_cpu(const Target& target, std::vector<Requirement>& out) {
  for (std::string_view feature : {"arch.name", "os.name"}) {
    if (const auto* values = find_fact(target.facts, feature))
      out.push_back({std::string(feature), Test::any_of, *values});
  }
  std::vector<std::string> promised;
  for (std::string_view ladder : {"x86_64.level", "aarch64.version"}) {
    const auto* values = find_fact(target.facts, ladder);
    if (values == nullptr || ladder_height(ladder, *values) == 0) continue;
    std::string step(ladder_steps(ladder)[ladder_height(ladder, *values) - 1]);
    out.push_back({std::string(ladder), Test::any_of, {step}});
    promised = promised_features(ladder, step);
  }
  if (const auto* values = find_fact(target.facts, "cpu.features")) {
    std::vector<std::string> beyond;
    std::ranges::copy_if(*values, std::back_inserter(beyond), [&](const auto& value) {
      return std::ranges::find(promised, value) == promised.end();
    });
    std::ranges::sort(beyond);
    if (!beyond.empty()) out.push_back({"cpu.features", Test::all_of, std::move(beyond)});
  }
  if (const auto* values = find_fact(target.facts, "riscv64.extensions");
      values != nullptr && !values->empty()) {
    out.push_back({"riscv64.extensions", Test::all_of, *values});
  }
}

// What identifies an accelerator. The first value is the device's own ("86_real" before "80_real"),
// which is what a blob is made for.
enum class Binding { own_value, at_least, version_at_least };
struct AcceleratorFact {
  std::string_view feature;
  Binding binding;
};
constexpr std::array accelerator_facts = std::to_array<AcceleratorFact>({
    {"amd.gfx", Binding::own_value},
    {"apple.gpu_family", Binding::own_value},
    {"intel.npu_platform", Binding::own_value},
    {"nvidia.sm_arch", Binding::own_value},
    {"metal.version", Binding::version_at_least},
    {"vulkan.version", Binding::version_at_least},
    {"qualcomm.vtcm_mb", Binding::at_least},
});

void add_accelerator(const Target& target, std::string_view accelerator,
                     std::vector<Requirement>& out) {
  const Facts& facts = target.facts;
  out.push_back({"accelerator.class", Test::any_of, {std::string(accelerator)}});
  if (const auto* vendor = find_fact(facts, "accelerator.vendor");
      vendor != nullptr && !vendor->empty()) {
    out.push_back({"accelerator.vendor", Test::any_of, {vendor->front()}});
  }
  if (const auto* arch = find_fact(facts, "qualcomm.htp_arch");
      arch != nullptr && !arch->empty() && accelerator == "npu") {
    out.push_back({"qualcomm.htp_arch", Test::at_least, {arch->front()}});
    // The context format changed at v73: what was made for an older processor does not load on a
    // newer one (QNN rule, compatibility_qnn.cc).
    if (parse_number(arch->front()).value_or(73) < 73)
      out.push_back({"qualcomm.htp_arch", Test::at_most, {"72"}});
  }
  for (const auto& [feature, binding] : accelerator_facts) {
    const auto* values = find_fact(facts, feature);
    if (values == nullptr || values->empty()) continue;
    if (feature.starts_with("qualcomm.") && accelerator != "npu") continue;
    switch (binding) {
      case Binding::own_value:
        out.push_back({std::string(feature), Test::any_of, {values->front()}});
        break;
      case Binding::at_least:
        out.push_back({std::string(feature), Test::at_least, {values->front()}});
        break;
      case Binding::version_at_least:
        out.push_back({std::string(feature), Test::version, {">=" + values->front()}});
        break;
    }
  }
}

}  // namespace

std::vector<Requirement> requirements_of(const Target& target, std::string_view accelerator) {
  std::string where = accelerator.empty() ? primary_accelerator(target) : std::string(accelerator);
  std::vector<Requirement> out;
  if (where == "cpu") {
    add_cpu(target, out);
  } else {
    add_accelerator(target, where, out);
  }
  return out;
}

}  // namespace onnxpack::target
