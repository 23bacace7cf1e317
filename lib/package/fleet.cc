#include "onnxpack/package/fleet.h"

#include <algorithm>

#include <fmt/format.h>

#include "installed.h"
#include "onnxpack/model/model_file.h"
#include "onnxpack/package/annex.h"
#include "onnxpack/protocol/describe.h"
#include "onnxpack/target/requirement.h"
#include "onnxpack/target/vocabulary.h"

namespace onnxpack::package {
namespace {

bool compiles(const InstalledBackend& backend) {
  return backend.compile_problem().empty();
}

// What a build for the target would put into a package, as far as selection can see it.
manifest::Variant imagined(const target::Target& target, const InstalledBackend& backend) {
  manifest::Variant out;
  out.name = fmt::format("{}-{}", target.name, backend.program.name);
  out.component = "model";
  out.backend = backend.program.name;
  out.ep = backend.description.ep;
  out.device = target::primary_accelerator(target);
  out.target = target.name;
  out.requirements = target::requirements_of(target);
  return out;
}

// Whether the device is one of those that the target describes.
bool is_instance(const target::Target& device, const target::Target& target) {
  return std::ranges::all_of(target.facts, [&](const auto& fact) {
    const auto* has = target::find_fact(device.facts, fact.first);
    return has != nullptr && std::ranges::all_of(fact.second, [&](const auto& value) {
             return std::ranges::find(*has, value) != has->end();
           });
  });
}

// The built-in profiles without those that ask the very same of a device (four Snapdragons share
// one HTP): of such the one that describes most of the fleet, so that people find a name they know.
std::vector<target::Target> distinct_profiles(const std::vector<select::FleetDevice>& devices) {
  std::vector<target::Target> out;
  std::vector<std::size_t> instances;
  for (const auto& profile : target::profiles()) {
    auto needs = target::requirements_of(profile);
    auto count = static_cast<std::size_t>(std::ranges::count_if(
        devices, [&](const auto& device) { return is_instance(device.target, profile); }));
    auto same = std::ranges::find_if(
        out, [&](const auto& known) { return target::requirements_of(known) == needs; });
    if (same == out.end()) {
      out.push_back(profile);
      instances.push_back(count);
    } else if (auto at = static_cast<std::size_t>(same - out.begin()); count > instances[at]) {
      *same = profile;
      instances[at] = count;
    }
  }
  return out;
}

}  // namespace

Result<FleetReport> plan_package(const PackageFile& package,
                                 const std::vector<select::FleetDevice>& devices,
                                 select::Request ranking) {
  FleetReport out;
  out.package_id = package.id();
  ONNXPACK_TRY(auto own, evidence_in(package));
  std::ranges::move(own, std::back_inserter(ranking.evidence));
  for (const auto& component : package.manifest().components) {
    ranking.component = component.name;
    ONNXPACK_TRY(auto plan,
                 select::plan_fleet(package.manifest(), {devices, ranking, select::Unit::variant}));
    out.components.push_back({component.name, std::move(plan)});
  }
  return out;
}

Result<FleetReport> plan_model(const Environment& environment, const std::filesystem::path& model,
                               const std::vector<select::FleetDevice>& devices,
                               const std::vector<target::Target>& candidates) {
  ONNXPACK_CHECK(model::ModelFile::open(*environment.files, model));
  ONNXPACK_TRY(auto installed, Installed::find(environment));
  if (std::ranges::none_of(installed.all(), compiles)) {
    return fail(ErrorKind::unavailable, "no backend here compiles",
                "`onnx-pack doctor` says what is missing");
  }
  FleetReport out;
  manifest::Manifest imaginary;
  imaginary.components.emplace_back().name = "model";
  for (const auto& target : candidates.empty() ? distinct_profiles(devices) : candidates) {
    auto& backends = out.backends[target.name];
    for (const auto& backend : installed.all()) {
      if (!compiles(backend) || !protocol::serves(backend.description, target).served) continue;
      backends.push_back(backend.program.name);
      imaginary.variants.push_back(imagined(target, backend));
    }
    if (backends.empty() && !candidates.empty()) out.unserved.push_back(target.name);
  }
  std::ranges::sort(imaginary.variants, {}, &manifest::Variant::name);
  select::FleetRequest request{devices, {}, select::Unit::target};
  // Nothing is measured before it is built.
  request.ranking.unmeasured = select::Unmeasured::above_original;
  ONNXPACK_TRY(auto plan, select::plan_fleet(imaginary, request));
  out.components.push_back({"model", std::move(plan)});
  return out;
}

}  // namespace onnxpack::package
