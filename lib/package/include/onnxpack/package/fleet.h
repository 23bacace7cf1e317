// plan: which targets a fleet of devices needs, before anything is built; and what its devices
// would take from a package that is there.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "onnxpack/base/error.h"
#include "onnxpack/package/environment.h"
#include "onnxpack/package/package_file.h"
#include "onnxpack/select/fleet.h"
#include "onnxpack/target/target.h"

namespace onnxpack::package {

struct FleetComponent {
  std::string component;
  select::FleetPlan plan;
};

struct FleetReport {
  std::vector<FleetComponent> components;
  std::string package_id;  // empty: a model, nothing is built yet
  // Of a model: target -> backends that are here and compile for it.
  std::map<std::string, std::vector<std::string>> backends;
  std::vector<std::string> unserved;  // targets asked for that no backend here compiles for
};

// What the devices would take from this package. `ranking` as in select; evidence in the package
// counts. Errors: as select::plan_fleet; untrusted for damaged evidence.
Result<FleetReport> plan_package(const PackageFile& package,
                                 const std::vector<select::FleetDevice>& devices,
                                 select::Request ranking);

// Which of `candidates` (empty: every built-in profile) a build would have to name, counting those
// that an installed backend serves. By what the targets need and the devices state; whether the
// backends can compile this very model only `build` finds out. Errors also: unavailable when no
// backend is usable; those of ModelFile::open.
Result<FleetReport> plan_model(const Environment& environment, const std::filesystem::path& model,
                               const std::vector<select::FleetDevice>& devices,
                               const std::vector<target::Target>& candidates);

}  // namespace onnxpack::package
