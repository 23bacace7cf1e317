// What is installed: backends found, shadowed, missing, and what they say of themselves. For
// `backends`, `doctor` and host targets.
#pragma once

#include <string>
#include <vector>

#include "onnxpack/base/error.h"
#include "onnxpack/package/environment.h"
#include "onnxpack/target/target.h"

namespace onnxpack::package {

struct BackendNeed {
  std::string what;  // "onnxruntime library"
  bool found = false;
  std::string where;  // path or version when found
  std::string hint;   // how to get it when not
};

struct BackendInfo {
  std::string name;
  std::string path;
  std::vector<std::string> shadowed;  // other programs of the same name, later in the search order
  bool usable = false;
  bool compiles = false;  // usable, and not for running variants alone
  std::string problem;    // why it is not usable, or compiles nothing
  std::string hint;
  std::string description;
  std::string ep;
  bool deterministic = false;
  std::vector<std::pair<std::string, std::string>> versions;
  std::vector<std::string> verbs;
  std::vector<std::string> options;   // "opt_level: integer 0..3, default 2"
  std::vector<std::string> profiles;  // built-in target profiles it serves
  std::vector<BackendNeed> needs;
};

// Runs `describe` of every backend found; a broken one is listed as such. Errors: only cancelled.
Result<std::vector<BackendInfo>> list_backends(const Environment& environment);

// Starting every backend takes a second or so; what they said in the last ten minutes is kept in
// the cache folder, for commands that a person repeats. The answer is asked anew when the program,
// its settings or the boot changed.
enum class Probes { fresh, recent };

// This machine: target::probe_host() plus the facts of every backend's `probe`.
Result<target::Target> host_target(const Environment& environment, Probes probes = Probes::fresh);

}  // namespace onnxpack::package
