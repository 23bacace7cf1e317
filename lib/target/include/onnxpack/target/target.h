// A target describes one device (or a class of devices) as facts: feature -> the values that hold
// there. Vocabulary and sources: docs/selection.md. A target says what IS; a requirement
// (requirement.h) says what a variant NEEDS.
#pragma once

#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "onnxpack/base/error.h"
#include "onnxpack/json/value.h"

namespace onnxpack::target {

// Feature names are "<namespace>.<feature>" (os.name, arch.name, x86_64.level, cpu.features,
// qualcomm.htp_arch, runtime.onnxruntime, ...). A closed fact lists every value that holds
// (x86_64.level of a v3 machine: v1, v2, v3); an absent feature is *unknown*, which is not the same
// as an empty list (known to have none). Versions and byte counts are values too, in their text
// form.
using Facts = std::map<std::string, std::vector<std::string>, std::less<>>;

struct Target {
  std::string name;  // "x86-64-v3", "qualcomm-sm8650", "host", or the name in a user's JSON file
  std::string description;  // one line for `targets`
  Facts facts;
  // What backends need beyond facts: accelerator kind and code-generation settings, by backend
  // namespace ("iree", "onnxruntime", ...). Opaque here; part of the build key. An object per
  // backend: {"iree": {"target_backend": "llvm-cpu", "target_cpu": ...}}.
  json::Object backend_options;
  std::vector<std::string> sources;  // where the numbers come from (documentation, not secrets)

  bool operator==(const Target&) const = default;
};

// The JSON form, version 1 (schemas/target.schema.json).
json::Value to_json(const Target& target);
Result<Target> target_from_json(const json::Value& value);

// Built-in profiles in name order; the list is data (profiles.cc).
const std::vector<Target>& profiles();
// Names people know a device by ("snapdragon-8-gen-3"), in order.
struct Alias {
  std::string_view alias;
  std::string_view profile;
};
std::span<const Alias> profile_aliases();
// A profile by name or alias; case, '-', '_' and blanks do not matter. The name in the answer is
// the profile's own. Errors: not_found, with a suggestion and where to look.
Result<Target> find_profile(std::string_view name);

// Facts of the machine this runs on: os, arch, cpu (CPUID and XCR0 / HWCAP), levels,
// microarchitecture, libc, memory. Without runtimes: those are what backends' `probe` answers add
// (merge_facts).
Target probe_host();

// Adds `extra` facts; a feature both know gets the union.
void merge_facts(Facts& facts, const Facts& extra);

// ONNX_PACK_OVERRIDE_<FEATURE> (upper case, '.' as "__"): value list by commas, "-" for "known to
// have none". Returns the features replaced. Errors: invalid_argument for a variable that names no
// known feature.
Result<std::vector<std::string>> apply_overrides(
    Target& target, const std::map<std::string, std::string>& environment);

}  // namespace onnxpack::target
