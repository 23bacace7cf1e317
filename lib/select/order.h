// The second half of a selection: a total order over what may run. Every part of a key is a
// property of the variant, the original and the request alone, so the order of two entries never
// depends on a third.
#pragma once

#include <array>
#include <compare>
#include <optional>
#include <string>

#include "onnxpack/select/select.h"

namespace onnxpack::select {

// Where an entry stands relative to the original graph.
enum class Tier {
  measured_faster,  // measured, and faster than the original was
  presumed_faster,  // not comparable by measurement: made for an accelerator the target states, or
                    // the caller's word (Unmeasured::above_original)
  original,
  measured_slower,    // measured, and not faster; or measured where the original was not
  unmeasured,         // for a CPU, or for any GPU, and nobody measured it
  original_to_lower,  // the original, nobody measured it, and no runtime loads it as it is
};

// How closely a variant names the device, most telling part first; larger is more specific.
struct Specificity {
  static constexpr std::size_t parts = 6;
  std::array<std::uint64_t, parts> values{};
  static std::string_view name(std::size_t part);
  auto operator<=>(const Specificity&) const = default;
};
Specificity specificity_of(const manifest::Variant& variant);

struct Key {
  Tier tier = Tier::original;
  std::optional<double> median_ms;  // measured before unmeasured within a tier
  std::size_t accelerator =
      0;  // position of the variant's device among the target's accelerators, the CPU last
  Specificity specificity;
  target::Verdict verdict = target::Verdict::not_applicable;
  bool exact = false;  // built for the very target that is asked for
  std::uint64_t download = 0;
  std::string label;
};

// Less is better. Never equal for two labels.
std::strong_ordering compare(const Key& a, const Key& b);

// Why `winner` stands before `next`, in one line.
std::string difference(const Key& winner, const Key& next);

}  // namespace onnxpack::select
