// Which measurements speak for the devices a request is about, reduced to one latency per subject.
#pragma once

#include <optional>
#include <string>

#include "onnxpack/select/select.h"

namespace onnxpack::select {

// Whether the variant runs on the device that Vulkan's driver offers.
bool through_vulkan(const manifest::Variant& variant);

// How near the machine that was measured is to the target, for code that runs on `accelerator`.
//
// cpu: the same architecture and, where both state a microarchitecture, the same one (grade 2);
// where one does not, the same height of x86_64.level or aarch64.version, or equal RISC-V
// extensions (grade 1). gpu, npu: at least one identifying fact (target::identifies_accelerator) is
// stated by both, and none differs (grade 2). Otherwise 0: another kind of device.
//
// through_vulkan: the code runs on the device that Vulkan's driver offers. A machine may have a
// second GPU, or run it on a software driver for want of one, so of the facts those count that say
// which: vulkan.device, or the SoC. They say nothing about code that comes by another driver.
int kind_grade(const target::Facts& measured, const target::Facts& wanted,
               std::string_view accelerator, bool through_vulkan);

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
  // `variant` null: the original.
  bool applies(const Item& item, const manifest::Variant* variant) const;
  template <typename Speaks>
  std::optional<manifest::Latency> pick(const manifest::Variant* variant, Speaks&& speaks) const;

  const manifest::Manifest& manifest_;
  const Request& request_;
  const manifest::Component& component_;
  std::vector<Item> items_;
  int best_cpu_grade_ = 0;
  std::optional<std::uint64_t> threads_;
};

}  // namespace onnxpack::select
