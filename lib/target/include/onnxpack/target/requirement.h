// What a variant needs of a device: AND over requirements, OR over the values of one. Fails closed: what is not known is not met.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "onnxpack/base/error.h"
#include "onnxpack/json/value.h"
#include "onnxpack/target/target.h"

namespace onnxpack::target {

enum class Test {
  any_of,    // at least one value is among the target's
  all_of,    // every value is among the target's (instruction sets)
  version,   // some value of the target lies in the range, e.g. ">=1.31,<1.32"
  at_least,  // a number: bytes of memory, HTP architecture
  at_most,
};

struct Requirement {
  std::string feature;
  Test test = Test::any_of;
  std::vector<std::string> values;

  bool operator==(const Requirement&) const = default;
};

// The JSON form: {"feature": "x86_64.level", "any_of": ["v3"]}.
json::Value to_json(const Requirement& requirement);
Result<Requirement> requirement_from_json(const json::Value& value);
// "x86_64.level any of v3".
std::string to_text(const Requirement& requirement);

enum class Outcome { met, not_met, unknown };  // unknown: the target does not state the feature, or the feature or test is not known here
struct Check {
  Outcome outcome = Outcome::met;
  std::string reason;  // both sides: "needs cpu.features all of avx512f, avx512vl; target has avx2, fma (missing avx512f, avx512vl)"
};
Check check(const Requirement& requirement, const Target& target);

// The requirements that describe a portable target itself: what a blob compiled "for" this profile needs (its level, os, arch, accelerator).
std::vector<Requirement> requirements_of(const Target& target);

}  // namespace onnxpack::target
