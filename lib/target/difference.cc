#include "onnxpack/target/difference.h"

#include <algorithm>
#include <set>

#include "onnxpack/target/vocabulary.h"

namespace onnxpack::target {
namespace {

bool holds(const std::vector<std::string>& values, const std::string& value) {
  return std::ranges::find(values, value) != values.end();
}

}  // namespace

std::vector<FeatureDifference> differences(const Target& a, const Target& b) {
  std::set<std::string> features;
  for (const auto* target : {&a, &b}) {
    for (const auto& [feature, values] : target->facts) features.insert(feature);
  }
  static const std::vector<std::string> none;
  std::vector<FeatureDifference> out;
  for (const auto& feature : features) {
    const auto* of_a = find_fact(a.facts, feature);
    const auto* of_b = find_fact(b.facts, feature);
    FeatureDifference one{feature, of_a != nullptr, of_b != nullptr, {}, {}, {}};
    for (const auto& value : of_a == nullptr ? none : *of_a)
      (of_b != nullptr && holds(*of_b, value) ? one.both : one.only_a).push_back(value);
    for (const auto& value : of_b == nullptr ? none : *of_b) {
      if (of_a == nullptr || !holds(*of_a, value)) one.only_b.push_back(value);
    }
    if (one.in_a != one.in_b || !one.only_a.empty() || !one.only_b.empty())
      out.push_back(std::move(one));
  }
  return out;
}

Check suits(const Target& made_for, const Target& device) {
  Check out;
  for (const auto& requirement : requirements_of(made_for)) {
    Check one = check(requirement, device);
    if (one.outcome == Outcome::not_met) return one;
    if (one.outcome == Outcome::unknown && out.outcome == Outcome::met) out = std::move(one);
  }
  return out;
}

}  // namespace onnxpack::target
