// Named CPU designs: what they can do and whom they descend from.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace onnxpack::target {

// One row. Facts from archspec's microarchitectures.json (MIT or Apache-2.0), reduced to the
// features that bear on number crunching and to the designs that servers and laptops in use have;
// LLVM's own names for -mcpu beside them.
struct Microarchitecture {
  std::string_view name;
  std::string_view parent;    // another row; empty: stands on the level alone
  std::string_view arch;      // GOARCH
  std::string_view vendor;    // as CPUID spells it; ARM and Apple for the implementer
  std::string_view level;     // x86_64.level or aarch64.version
  std::string_view features;  // beyond parent and level
  std::string_view llvm_cpu;
  std::string_view description;
};

std::span<const Microarchitecture> microarchitectures();
const Microarchitecture* find_microarchitecture(std::string_view name);

// The name and its ancestors, nearest first.
std::vector<std::string> ancestry(const Microarchitecture& design);
// All instruction sets: own, ancestors' and the level's; sorted.
std::vector<std::string> features_of(const Microarchitecture& design);

// The most specific design of this vendor whose features are all present (archspec's rule); null
// when none is.
const Microarchitecture* match_microarchitecture(std::string_view arch, std::string_view vendor,
                                                 const std::vector<std::string>& features);

}  // namespace onnxpack::target
