// Two targets side by side, and whether code for one suits the other.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "onnxpack/target/requirement.h"
#include "onnxpack/target/target.h"

namespace onnxpack::target {

// One feature that the two state differently. An order within a list is no difference.
struct FeatureDifference {
  std::string feature;
  bool in_a = false;  // stated at all
  bool in_b = false;
  std::vector<std::string> both;  // values of both, in a's order
  std::vector<std::string> only_a;
  std::vector<std::string> only_b;
  bool operator==(const FeatureDifference&) const = default;
};

// By feature name; empty when the facts are the same.
std::vector<FeatureDifference> differences(const Target& a, const Target& b);

// Whether what is compiled for `made_for` suits `device`: the first requirement that is not met,
// one that is surely not met before one that nobody can judge. Of the target's own requirements; a
// backend may add others.
Check suits(const Target& made_for, const Target& device);

}  // namespace onnxpack::target
