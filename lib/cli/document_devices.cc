// Of devices and of what compiles for them: plan, backends, targets.
#include "document_parts.h"
#include "documents.h"
#include "onnxpack/target/difference.h"
#include "package_view.h"

namespace onnxpack::cli {

json::Value plan_document(const package::FleetReport& report) {
  json::Value out = document("plan");
  out["package_id"] = report.package_id;
  out["unserved_targets"] = strings(report.unserved);
  out["components"] = each(report.components, [&](const package::FleetComponent& item) {
    return json::object(
        {{"component", item.component},
         {"smallest", strings(item.plan.smallest)},
         {"proved", item.plan.proved},
         {"originals", strings(item.plan.originals)},
         {"devices", each(item.plan.devices,
                          [](const select::DevicePick& pick) {
                            return json::object({{"device", pick.device},
                                                 {"takes", pick.unit},
                                                 {"reason", pick.reason}});
                          })},
         {"units", each(item.plan.units, [&](const select::UnitUse& use) {
            auto backends = report.backends.find(use.unit);
            return json::object(
                {{"unit", use.unit},
                 {"device", use.device},
                 {"backends", strings(backends == report.backends.end() ? std::vector<std::string>()
                                                                        : backends->second)},
                 {"taken_by", strings(use.picks)},
                 {"serves", strings(use.serves)},
                 {"needed", use.needed},
                 {"taken_from_smallest_by", strings(use.set_picks)},
                 {"reason", use.reason}});
          })}});
  });
  return out;
}

json::Value backends_document(const std::vector<package::BackendInfo>& backends) {
  json::Value out = document("backends");
  out["backends"] = each(backends, [](const package::BackendInfo& backend) {
    json::Object versions;
    for (const auto& [tool, version] : backend.versions) versions.emplace(tool, version);
    return json::object({{"name", backend.name},
                         {"path", backend.path},
                         {"shadowed", strings(backend.shadowed)},
                         {"usable", backend.usable},
                         {"compiles", backend.compiles},
                         {"problem", backend.problem},
                         {"hint", backend.hint},
                         {"description", backend.description},
                         {"ep", backend.ep},
                         {"deterministic", backend.deterministic},
                         {"versions", std::move(versions)},
                         {"verbs", strings(backend.verbs)},
                         {"options", strings(backend.options)},
                         {"profiles", strings(backend.profiles)},
                         {"needs", each(backend.needs, [](const package::BackendNeed& need) {
                            return json::object({{"what", need.what},
                                                 {"found", need.found},
                                                 {"where", need.where},
                                                 {"hint", need.hint}});
                          })}});
  });
  return out;
}

json::Value targets_diff_document(const target::Target& a, const target::Target& b) {
  auto code = [](const target::Target& made_for, const target::Target& device) {
    auto check = target::suits(made_for, device);
    return json::object({{"outcome", to_string(check.outcome)}, {"reason", check.reason}});
  };
  json::Value out = document("targets-diff");
  out["a"] = a.name;
  out["b"] = b.name;
  out["differences"] = each(target::differences(a, b), [](const auto& one) {
    return json::object({{"feature", one.feature},
                         {"stated_in_a", one.in_a},
                         {"stated_in_b", one.in_b},
                         {"both", strings(one.both)},
                         {"only_a", strings(one.only_a)},
                         {"only_b", strings(one.only_b)}});
  });
  out["code_for_a_suits_b"] = code(a, b);
  out["code_for_b_suits_a"] = code(b, a);
  return out;
}

json::Value targets_document(const std::vector<target::Target>& targets) {
  json::Value out = document("targets");
  out["targets"] =
      each(targets, [](const target::Target& target) { return target::to_json(target); });
  return out;
}

}  // namespace onnxpack::cli
