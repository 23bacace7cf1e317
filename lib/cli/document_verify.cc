// What was found by running or by asking a runtime: verify, bench, select --check-runtime.
#include "document_parts.h"
#include "documents.h"

namespace onnxpack::cli {
namespace {

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

}  // namespace

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

}  // namespace onnxpack::cli
