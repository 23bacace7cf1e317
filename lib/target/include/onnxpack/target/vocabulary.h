// The words facts and requirements are made of. A table (vocabulary.cc), printed in
// docs/selection.md. A target may state features beyond it (a backend's own): they match by
// equality, but no override variable and no suggestion knows them.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "onnxpack/target/target.h"

namespace onnxpack::target {

enum class FeatureKind {
  set,      // names; any_of and all_of
  ladder,   // names in rising order, each containing those before it (x86_64.level): a device lists
            // all up to its own
  version,  // dotted versions; the `version` test
  number,   // decimal; at_least and at_most
};

struct Feature {
  std::string_view name;  // a trailing ".*" stands for any name below
  FeatureKind kind;
  std::string_view meaning;
};

std::span<const Feature> vocabulary();
// The entry for `name`; runtime.anything is found under "runtime.*".
const Feature* find_feature(std::string_view name);
// "; did you mean x86_64.level?" or "".
std::string suggest_feature(std::string_view name);

// The steps of a ladder, lowest first; empty for features that are no ladder.
std::span<const std::string_view> ladder_steps(std::string_view feature);
// Position of the highest step among `values` from 1; 0 when none is known.
std::size_t ladder_height(std::string_view feature, const std::vector<std::string>& values);
// Steps up to and with `step`: "v3" -> v1, v2, v3. Just `step` when it is not on the ladder.
std::vector<std::string> ladder_closure(std::string_view feature, std::string_view step);

// The instruction sets that a step of x86_64.level or aarch64.version promises, sorted; with those
// of the steps below.
std::vector<std::string> promised_features(std::string_view ladder, std::string_view step);

// What an unsigned decimal value says; nothing when it is something else.
std::optional<std::uint64_t> parse_number(std::string_view text);

// The values of a feature; null when the target does not state it.
const std::vector<std::string>* find_fact(const Facts& facts, std::string_view feature);

// Whether devices that share the feature's own value are of one kind to an accelerator's code: SoC,
// HTP architecture, sm_arch, gfx, NPU platform, GPU IP or family, Vulkan device.
bool identifies_accelerator(std::string_view feature);

// The accelerator that a build for this target is for: the first value of accelerator.class, "cpu"
// when it states none.
std::string primary_accelerator(const Target& target);

}  // namespace onnxpack::target
