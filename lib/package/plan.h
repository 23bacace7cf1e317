// Which backend compiles which component for which target, with which shapes and options.
#pragma once

#include <string>
#include <vector>

#include "installed.h"
#include "onnxpack/package/build.h"
#include "onnxpack/protocol/compile.h"
#include "prepare.h"
#include "source.h"

namespace onnxpack::package {

struct Job {
  std::size_t target = 0;     // index in the request
  std::size_t component = 0;  // index in the prepared ones
  const InstalledBackend* backend = nullptr;
  protocol::CompileRequest request;        // without folders
  const PreparedSource* source = nullptr;  // what is compiled instead of the component's model
};

struct Plan {
  std::vector<Job> jobs;           // by target as asked, then component, then backend name
  std::vector<JobReport> refused;  // asked-for backends that do not serve a target, unusable ones
  std::vector<std::string> unserved;  // targets without any job
  std::vector<std::string> warnings;
};

// Errors: not_found (a backend asked for by name), invalid_argument (shapes that fit no input, two
// targets of one name, two variants of one name), those of Sources::of.
Result<Plan> make_plan(const BuildRequest& request,
                       const std::vector<PreparedComponent>& components, Sources& sources,
                       const Installed& installed);

}  // namespace onnxpack::package
