#include "documents.h"

#include "document_parts.h"

namespace onnxpack::cli {
namespace {

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

}  // namespace

json::Array strings(const std::vector<std::string>& values) {
  return {values.begin(), values.end()};
}

json::Value document(std::string_view kind) {
  return json::object({{"document", kind}, {"version", 1}});
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

}  // namespace onnxpack::cli
