#include "onnxpack/kernels/kernel_list.h"

#include <fmt/format.h>

#include "common/kernel_tables.h"

namespace onnxpack::kernels {

std::size_t choose_kernel(std::span<const KernelEntry> entries, CpuFeatures features) {
  std::size_t index = 0;
  while (index + 1 < entries.size() && !features.has(entries[index].isa)) ++index;
  return index;
}

std::vector<KernelChoice> list_kernels(CpuFeatures machine, CpuFeatures allowed) {
  std::vector<KernelChoice> out;
  for (const auto& entries : kernel_tables()) {
    const std::size_t best = choose_kernel(entries, allowed);
    for (std::size_t i = 0; i < entries.size(); ++i) {
      KernelChoice choice{entries[i], i == best, ""};
      if (!machine.has(entries[i].isa)) {
        choice.why = "this machine cannot run it";
      } else if (!allowed.has(entries[i].isa)) {
        choice.why = fmt::format("not allowed by {}", force_variable);
      } else if (!choice.chosen) {
        choice.why = fmt::format("{} is better", to_string(entries[best].isa));
      }
      out.push_back(std::move(choice));
    }
  }
  return out;
}

}  // namespace onnxpack::kernels
