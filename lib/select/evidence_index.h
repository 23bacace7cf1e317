// Which measurements speak for the devices a request is about, reduced to one latency per subject.
#pragma once

#include <optional>
#include <string>

#include "onnxpack/select/select.h"

namespace onnxpack::select {

// How near the machine that was measured is to the target, for code that runs on `accelerator`.
//
// cpu: the same architecture and, where both state a microarchitecture, the same one (grade 2);
// where one does not, the same height of x86_64.level or aarch64.version, or equal RISC-V
// extensions (grade 1). gpu, npu: at least one identifying fact (SoC, HTP architecture, sm_arch,
// gfx, NPU platform, GPU IP or family, Vulkan device) is stated by both, and none differs (grade
// 2). Otherwise 0: another kind of device.
int kind_grade(const target::Facts& measured, const target::Facts& wanted,
               std::string_view accelerator);

// The measurements that apply. What it chooses depends on evidence, target and component alone,
// never on which variants there are: so that leaving a variant out cannot change how the others
// compare.
class EvidenceIndex {
 public:
  EvidenceIndex(const manifest::Manifest& manifest, const Request& request,
                const manifest::Component& component);

  // Of all applicable measurements of one subject the one with the median latency.
  std::optional<manifest::Latency> of_variant(const manifest::Variant& variant) const;
  std::optional<manifest::Latency> of_original() const;
  // Why the variant must not be used: it was found to compute something else on such a device.
  std::optional<std::string> failed(const manifest::Variant& variant) const;

 private:
  struct Item {
    const manifest::EvidenceEntry* entry;
    const target::Facts* device;
    int cpu_grade;
  };
  bool applies(const Item& item, std::string_view accelerator) const;
  template <typename Speaks>
  std::optional<manifest::Latency> pick(std::string_view accelerator, Speaks&& speaks) const;

  const manifest::Manifest& manifest_;
  const Request& request_;
  const manifest::Component& component_;
  std::vector<Item> items_;
  int best_cpu_grade_ = 0;
  std::optional<std::uint64_t> threads_;
};

}  // namespace onnxpack::select
