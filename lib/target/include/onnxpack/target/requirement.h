// What a variant needs of a device: AND over requirements, OR over the values of one. Fails closed:
// what is not known is not met.
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
  // Set for a requirement of a later format version whose test is not known here: kept verbatim,
  // never met.
  json::Object unknown = {};

  bool operator==(const Requirement&) const = default;
};

// What a reader does with fields that a later minor version brought.
enum class UnknownFields { refuse, keep };

// The JSON form: {"feature": "x86_64.level", "any_of": ["v3"]}; one test per requirement.
json::Value to_json(const Requirement& requirement);
// Errors: corrupt, with the field's path below `path` (also for a version range or a number that is
// none).
Result<Requirement> requirement_from_json(const json::Value& value, std::string_view path = "",
                                          UnknownFields unknown = UnknownFields::refuse);
// "x86_64.level any of v3".
std::string to_text(const Requirement& requirement);

enum class Outcome {
  met,
  not_met,
  unknown
};  // unknown: the target does not state the feature, or the feature or test is not known here
struct Check {
  Outcome outcome = Outcome::met;
  std::string reason;  // both sides: "needs cpu.features all of avx512f, avx512vl; target has avx2,
                       // fma (missing avx512f, avx512vl)"
};
Check check(const Requirement& requirement, const Target& target);

// What a blob compiled "for" this target needs of the device it runs on. `accelerator` is where the
// blob runs (cpu, gpu, npu); empty: the target's primary one. For the CPU: arch, os where stated,
// level, instruction sets beyond what the level promises, RISC-V extensions. For a GPU or NPU: the
// class and what identifies it (HTP architecture and VTCM, sm_arch, gfx, NPU platform, Vulkan,
// Metal, ...), and no fact about the host CPU: such a blob holds no code for it.
std::vector<Requirement> requirements_of(const Target& target, std::string_view accelerator = "");

}  // namespace onnxpack::target
