#include "documents.h"

#include "onnxpack/package/lowered.h"

#include "onnxpack/target/difference.h"
#include "package_view.h"

namespace onnxpack::cli {
namespace {

template <typename T>
json::Array shape_array(const std::vector<T>& shape) {
  json::Array out;
  for (const auto& size : shape) out.emplace_back(size);
  return out;
}

json::Value latency(const std::optional<manifest::Latency>& latency) {
  if (!latency) return nullptr;
  return json::object({{"session_ms", latency->session_ms},
                       {"first_run_ms", latency->first_run_ms},
                       {"median_ms", latency->median_ms},
                       {"p10_ms", latency->p10_ms},
                       {"p90_ms", latency->p90_ms},
                       {"runs", latency->runs},
                       {"threads", latency->threads}});
}

template <typename Items, typename Convert>
json::Array each(const Items& items, Convert&& convert) {
  json::Array out;
  for (const auto& item : items) out.push_back(convert(item));
  return out;
}

json::Value source(const std::optional<manifest::SourceModel>& source) {
  if (!source) return nullptr;
  json::Object data(source->external_data.begin(), source->external_data.end());
  return json::object(
      {{"file_name", source->file_name},
       {"size", source->size},
       {"sha256", source->sha256},
       {"external_sha256", std::move(data)},
       {"derived_from", source->derived_from},
       {"transformations", each(source->transformations, [](const auto& step) {
          return json::object({{"name", step.name}, {"parameters", step.parameters}});
        })}});
}

json::Value ranked(const select::Ranked& rung) {
  return json::object({{"variant", rung.variant},
                       {"original", rung.variant.empty()},
                       {"place", select::to_string(rung.place)},
                       {"verdict", target::to_string(rung.verdict)},
                       {"reason", rung.reason},
                       {"notes", strings(rung.notes)},
                       {"latency", latency(rung.latency)}});
}

json::Value job(const package::JobReport& report) {
  return json::object({{"target", report.target},
                       {"component", report.component},
                       {"backend", report.backend},
                       {"status", package::to_string(report.status)},
                       {"variants", strings(report.variants)},
                       {"size", report.size},
                       {"covered_nodes", report.covered_nodes},
                       {"total_nodes", report.total_nodes},
                       {"begin_milliseconds", report.begin.count()},
                       {"milliseconds", report.duration.count()},
                       {"compiler_milliseconds", report.compiler.count()},
                       {"reason", report.reason},
                       {"hint", report.hint},
                       {"log", report.log},
                       {"transformations", strings(report.transformations)},
                       {"notes", strings(report.notes)}});
}

json::Value output_check(const package::OutputCheck& output) {
  const tensor::Comparison& c = output.comparison;
  return json::object({{"name", output.name},
                       {"verdict", tensor::to_string(c.verdict)},
                       {"reason", c.reason},
                       {"elements", c.elements},
                       {"max_abs_error", c.max_abs_error},
                       {"max_rel_error", c.max_rel_error},
                       {"relative_rms", c.relative_rms},
                       {"relative_peak", c.relative_peak},
                       {"reference_rms", c.reference_rms},
                       {"cosine", c.cosine},
                       {"snr_db", c.snr_db},
                       {"mismatches", c.mismatches},
                       {"nonfinite_mismatches", c.nonfinite_mismatches}});
}

json::Value component(const package::PackageFile& package, const manifest::Component& component) {
  auto to_lower =
      package::lowered_nodes(package, component).value_or(std::vector<package::LoweredNode>());
  json::Object opsets;
  for (const auto& [domain, version] : component.opset_imports) opsets.emplace(domain, version);
  return json::object(
      {{"name", component.name},
       {"file_name", component.original.file_name},
       {"size", component.original.size},
       {"sha256", component.original.sha256},
       {"held", package.holds(component.model)},
       {"stands_as_files", stands_as_files(package, component)},
       {"ir_version", component.ir_version},
       {"opset_imports", std::move(opsets)},
       {"producer", component.producer},
       {"inputs", each(component.inputs, [](const auto& value) { return to_json(value); })},
       {"outputs", each(component.outputs, [](const auto& value) { return to_json(value); })},
       {"external_data", each(component.external_data,
                              [&](const manifest::ExternalData& data) {
                                const manifest::Member* member =
                                    package.manifest().find_member(data.member);
                                return json::object({{"location", data.location},
                                                     {"size", member == nullptr ? 0 : member->size},
                                                     {"held", package.holds(data.member)}});
                              })},
       {"scopes", each(component.scopes,
                       [](const manifest::Scope& scope) {
                         return json::object({{"name", scope.name},
                                              {"digest", scope.digest},
                                              {"node_count", scope.node_count},
                                              {"inputs", strings(scope.inputs)},
                                              {"outputs", strings(scope.outputs)}});
                       })},
       {"to_lower", each(to_lower, [](const package::LoweredNode& node) {
          return json::object({{"name", node.name},
                               {"operator", "ai.onnx.preview::FlexAttention"},
                               {"why_not_tileable", node.why_expanded}});
        })}});
}

json::Value variant(const package::PackageFile& package, const manifest::Variant& variant,
                    const target::Target& host) {
  HostAnswer here = answer_for(variant, host);
  json::Object shapes;
  for (const auto& [input, shape] : variant.fixed_shapes) shapes.emplace(input, shape_array(shape));
  json::Object tools;
  for (const auto& [tool, version] : variant.provenance.tools) tools.emplace(tool, version);
  json::Array blobs;
  json::Array scopes;
  for (const manifest::Partition& partition : variant.partitions) {
    scopes.emplace_back(partition.scope);
    for (const manifest::Blob& blob : partition.blobs) {
      const manifest::Member* member = package.manifest().find_member(blob.member);
      blobs.push_back(json::object({{"member", blob.member},
                                    {"role", blob.role},
                                    {"size", member == nullptr ? 0 : member->size},
                                    {"sha256", member == nullptr ? "" : member->sha256}}));
    }
  }
  return json::object(
      {{"name", variant.name},
       {"component", variant.component},
       {"target", variant.target},
       {"backend", variant.backend},
       {"ep", variant.ep},
       {"device", variant.device},
       {"precision", variant.precision},
       {"size", variant_size(package.manifest(), variant)},
       {"stored_size", variant_own_size(package, variant)},
       {"held", holds_variant(package, variant)},
       {"requirements",
        each(variant.requirements, [](const auto& need) { return target::to_json(need); })},
       {"compatibility_string", variant.compatibility_string},
       {"compatibility_hash", variant.compatibility_hash},
       {"fixed_shapes", std::move(shapes)},
       {"scopes", std::move(scopes)},
       {"blobs", std::move(blobs)},
       {"coverage", json::object({{"covered_nodes", variant.coverage.covered_nodes},
                                  {"total_nodes", variant.coverage.total_nodes}})},
       {"provenance", json::object({{"tools", std::move(tools)},
                                    {"backend_digest", variant.provenance.backend_digest},
                                    {"options", variant.provenance.options},
                                    {"build_key", variant.provenance.build_key},
                                    {"license", variant.provenance.license},
                                    {"deterministic", variant.provenance.deterministic},
                                    {"source", source(variant.provenance.source)}})},
       {"here", json::object({{"outcome", to_string(here.outcome)}, {"reason", here.reason}})}});
}

}  // namespace

json::Array strings(const std::vector<std::string>& values) {
  return {values.begin(), values.end()};
}

json::Value document(std::string_view kind) {
  return json::object({{"document", kind}, {"version", 1}});
}

json::Value to_json(const manifest::ValueInfo& value) {
  json::Value shape = nullptr;
  if (value.shape) {
    shape = each(*value.shape, [](const manifest::Dimension& dimension) -> json::Value {
      if (dimension.value) return *dimension.value;
      if (!dimension.name.empty()) return dimension.name;
      return nullptr;
    });
  }
  return json::object({{"name", value.name}, {"type", value.type}, {"shape", std::move(shape)}});
}

json::Value build_document(const package::BuildReport& report, const std::string& output,
                           ExitCode code) {
  json::Value out = document("build");
  out["jobs"] = each(report.jobs, job);
  out["unserved_targets"] = strings(report.unserved_targets);
  out["lost_targets"] = strings(report.lost_targets);
  out["warnings"] = strings(report.warnings);
  out["package"] = report.package_id.empty()
                       ? json::Value(nullptr)
                       : json::object({{"path", output},
                                       {"id", report.package_id},
                                       {"size", report.package_size},
                                       {"original_size", report.original_size}});
  out["milliseconds"] = report.duration.count();
  out["exit_code"] = static_cast<int>(code);
  const package::Schedule& schedule = report.schedule;
  out["schedule"] = json::object({{"workers", schedule.workers},
                                  {"compiled", schedule.compiled},
                                  {"milliseconds", schedule.wall.count()},
                                  {"least_milliseconds", schedule.least().count()},
                                  {"idle_milliseconds", schedule.idle().count()}});
  return out;
}

json::Value package_document(const package::PackageFile& package, const target::Target& host) {
  const manifest::Manifest& manifest = package.manifest();
  json::Value out = document("package");
  out["id"] = package.id();
  out["file_size"] = package.file_size();
  out["format"] =
      json::object({{"major", manifest.version.major}, {"minor", manifest.version.minor}});
  out["package"] = json::object({{"name", manifest.package.name},
                                 {"version", manifest.package.version},
                                 {"description", manifest.package.description},
                                 {"licenses", strings(manifest.package.licenses)}});
  out["components"] =
      each(manifest.components, [&](const auto& item) { return component(package, item); });
  out["variants"] =
      each(manifest.variants, [&](const auto& item) { return variant(package, item, host); });
  out["attachments"] =
      each(manifest.attachments, [](const auto& item) { return json::Value(item.member); });
  out["members"] = each(manifest.members, [&](const manifest::Member& member) {
    return json::object({{"name", member.name},
                         {"size", member.size},
                         {"sha256", member.sha256},
                         {"held", package.holds(member.name)},
                         {"stored_size", package.stored_size(member.name)}});
  });
  out["sizes"] = each(size_breakdown(package), [](const SizeLine& line) {
    return json::object({{"part", line.part}, {"size", line.size}, {"held", line.held}});
  });
  return out;
}

json::Value select_document(const package::SlimReport& report, const target::Target& target,
                            const std::string& output) {
  json::Value out = document("select");
  out["target"] = target.name;
  out["selections"] = each(report.selections, [](const package::ComponentSelection& item) {
    return json::object({{"component", item.component},
                         {"ladder", each(item.selection.ladder, ranked)},
                         {"refused", each(item.selection.refused, ranked)},
                         {"decided_by", item.selection.decided_by}});
  });
  out["kept_variants"] = strings(report.kept_variants);
  out["kept_original"] = report.kept_original;
  out["dropped_members"] = strings(report.dropped_members);
  out["kept_bytes"] = report.kept_bytes;
  out["dropped_bytes"] = report.dropped_bytes;
  out["package_id"] = report.package_id;
  out["output"] = report.package_size == 0
                      ? json::Value(nullptr)
                      : json::object({{"path", output}, {"size", report.package_size}});
  return out;
}

json::Array runtime_checks(const std::vector<package::RuntimeCheck>& checks) {
  return each(checks, [](const package::RuntimeCheck& check) {
    return json::object(
        {{"variant", check.variant},
         {"ep", check.ep},
         {"rule", check.ours.validator},
         {"verdict", target::to_string(check.ours.verdict)},
         {"reason", check.ours.reason},
         {"runtime", check.by},
         {"runtime_verdict",
          check.theirs ? json::Value(target::to_string(*check.theirs)) : json::Value(nullptr)},
         {"runtime_reason", check.why},
         {"agrees", check.agrees()}});
  });
}

json::Value extract_document(const package::ExtractReport& report, const std::string& output) {
  json::Value out = document("extract");
  out["output"] = output;
  out["files"] = strings(report.files);
  out["bytes"] = report.bytes;
  return out;
}

json::Value edit_document(std::string_view verb, const package::EditReport& report,
                          const std::string& output) {
  json::Value out = document(verb);
  out["output"] = json::object({{"path", output}, {"size", report.package_size}});
  out["package_id"] = report.package_id;
  out["variants"] = strings(report.variants);
  out["added"] = strings(report.added);
  out["removed"] = strings(report.removed);
  out["dropped_annexes"] = strings(report.dropped_annexes);
  return out;
}

json::Value diff_document(const package::PackageDiff& diff) {
  json::Value out = document("diff");
  out["same_id"] = diff.id_a == diff.id_b;
  out["ids"] = strings({diff.id_a, diff.id_b});
  out["changes"] = each(diff.changes, [](const package::Change& change) {
    return json::object({{"how", package::to_string(change.how)},
                         {"what", change.what},
                         {"details", strings(change.details)}});
  });
  return out;
}

json::Value verify_document(const package::VerifyReport& report) {
  json::Value out = document("verify");
  out["ok"] = report.ok;
  out["package_id"] = report.package_id;
  out["inputs"] = report.inputs_description;
  out["bytes_hashed"] = report.bytes_hashed;
  out["integrity"] = each(report.integrity, [](const package::IntegrityCheck& check) {
    return json::object({{"name", check.name},
                         {"status", package::to_string(check.status)},
                         {"detail", check.detail}});
  });
  out["variants"] = each(report.variants, [](const package::VariantCheck& check) {
    return json::object({{"variant", check.variant},
                         {"original", check.variant.empty()},
                         {"component", check.component},
                         {"status", package::to_string(check.status)},
                         {"reason", check.reason},
                         {"runtime", check.runtime},
                         {"reference", check.reference},
                         {"outputs", each(check.outputs, output_check)},
                         {"latency", latency(check.latency)}});
  });
  return out;
}

json::Value bench_document(const package::BenchReport& report) {
  json::Value out = document("bench");
  out["ok"] = report.ok;
  out["device"] = target::to_json(report.device);
  out["inputs"] = report.inputs_description;
  out["rounds"] = report.rounds;
  out["runs"] = report.runs;
  out["threads"] = report.threads;
  out["chosen"] = strings(report.chosen);
  out["variants"] = each(report.lines, [](const package::BenchLine& line) {
    return json::object({{"component", line.component},
                         {"variant", line.variant},
                         {"original", line.variant.empty()},
                         {"status", package::to_string(line.status)},
                         {"reason", line.reason},
                         {"runtime", line.runtime},
                         {"latency", latency(line.latency)},
                         {"lowest_ms", line.lowest_ms},
                         {"highest_ms", line.highest_ms},
                         {"ratio", line.ratio ? json::Value(*line.ratio) : nullptr}});
  });
  return out;
}

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
    std::string_view outcome = check.outcome == target::Outcome::met       ? "yes"
                               : check.outcome == target::Outcome::not_met ? "no"
                                                                           : "unknown";
    return json::object({{"outcome", outcome}, {"reason", check.reason}});
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
