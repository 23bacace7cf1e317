#include "onnxpack/protocol/run.h"

#include "codec.h"

namespace onnxpack::protocol {

json::Value to_json(const RunPartition& partition) {
  json::Value out = json::object({{"scope", partition.scope}});
  put_list(out, "blobs", partition.blobs);
  return out;
}

namespace {

Result<RunPartition> run_partition_from_json(const json::Cursor& cursor) {
  RunPartition out;
  ONNXPACK_TRY(out.scope, required_text(cursor, "scope"));
  ONNXPACK_TRY(auto blobs, cursor.at("blobs"));
  ONNXPACK_TRY(out.blobs, json::read_array(blobs, blob_from_json));
  return out;
}

json::Value to_json(const RunVariant& variant) {
  json::Value out = json::object({{"name", variant.name}, {"ep", variant.ep}});
  put(out, "device", variant.device);
  put(out, "compatibility_string", variant.compatibility_string);
  put(out, "precision", variant.precision);
  put(out, "fixed_shapes", variant.fixed_shapes);
  put(out, "executor_info", variant.executor_info);
  put_list(out, "partitions", variant.partitions);
  return out;
}

Result<RunVariant> run_variant_from_json(const json::Cursor& cursor) {
  RunVariant out;
  ONNXPACK_TRY(out.name, required_text(cursor, "name"));
  ONNXPACK_TRY(out.ep, required_text(cursor, "ep"));
  ONNXPACK_TRY(out.device, text_at(cursor, "device"));
  ONNXPACK_TRY(out.compatibility_string, text_at(cursor, "compatibility_string"));
  ONNXPACK_TRY(out.precision, text_at(cursor, "precision"));
  ONNXPACK_TRY(out.fixed_shapes, shapes_at(cursor, "fixed_shapes"));
  ONNXPACK_TRY(out.executor_info, object_at(cursor, "executor_info"));
  ONNXPACK_TRY(out.partitions,
               json::read_optional_array(cursor, "partitions", run_partition_from_json));
  return out;
}

json::Value to_json(const Timings& timings) {
  return json::object({{"session_ms", timings.session_ms},
                       {"first_run_ms", timings.first_run_ms},
                       {"median_ms", timings.median_ms},
                       {"p10_ms", timings.p10_ms},
                       {"p90_ms", timings.p90_ms},
                       {"runs", timings.runs}});
}

Result<Timings> timings_from_json(const json::Cursor& cursor) {
  Timings out;
  ONNXPACK_TRY(out.session_ms, milliseconds_at(cursor, "session_ms"));
  ONNXPACK_TRY(out.first_run_ms, milliseconds_at(cursor, "first_run_ms"));
  ONNXPACK_TRY(out.median_ms, milliseconds_at(cursor, "median_ms"));
  ONNXPACK_TRY(out.p10_ms, milliseconds_at(cursor, "p10_ms"));
  ONNXPACK_TRY(out.p90_ms, milliseconds_at(cursor, "p90_ms"));
  ONNXPACK_TRY(out.runs, size_at(cursor, "runs"));
  return out;
}

}  // namespace

json::Value to_json(const TensorFile& tensor) {
  return json::object({{"name", tensor.name},
                       {"type", tensor.type},
                       {"shape", json::Array(tensor.shape.begin(), tensor.shape.end())},
                       {"path", tensor.path}});
}

Result<TensorFile> tensor_file_from_json(const json::Cursor& cursor) {
  TensorFile out;
  ONNXPACK_TRY(out.name, required_text(cursor, "name"));
  ONNXPACK_TRY(out.type, required_text(cursor, "type"));
  ONNXPACK_TRY(auto shape, cursor.at("shape"));
  ONNXPACK_TRY(out.shape, dimensions(shape));
  ONNXPACK_TRY(out.path, required_text(cursor, "path"));
  return out;
}

json::Value to_json(const RunRequest& request) {
  json::Value out = request_head(request.protocol, Verb::run);
  out["root"] = request.root;
  out["component_name"] = request.component_name;
  out["model"] = request.model;
  if (request.variant) {
    out["variant"] = to_json(*request.variant);
  } else {
    out["original"] = true;
  }
  put_list(out, "inputs", request.inputs);
  out["output_dir"] = request.output_dir;
  put(out, "scratch_dir", request.scratch_dir);
  put(out, "options", request.options);
  out["warmup"] = request.warmup;
  out["runs"] = request.runs;
  put(out, "threads", request.threads);
  return out;
}

Result<RunRequest> run_request_from_json(const json::Cursor& cursor) {
  RunRequest out;
  ONNXPACK_TRY(out.protocol, read_request_head(cursor, Verb::run));
  ONNXPACK_TRY(out.root, required_text(cursor, "root"));
  ONNXPACK_TRY(out.component_name, required_text(cursor, "component_name"));
  ONNXPACK_TRY(out.model, required_text(cursor, "model"));
  ONNXPACK_TRY(bool original, cursor.boolean_or("original", false));
  ONNXPACK_TRY(auto variant, cursor.find("variant"));
  if (variant.has_value() == original) {
    return std::unexpected(cursor.error("expected either \"variant\" or \"original\": true"));
  }
  if (variant) {
    ONNXPACK_TRY(out.variant, run_variant_from_json(*variant));
  }
  ONNXPACK_TRY(out.inputs, json::read_optional_array(cursor, "inputs", tensor_file_from_json));
  ONNXPACK_TRY(out.output_dir, required_text(cursor, "output_dir"));
  ONNXPACK_TRY(out.scratch_dir, text_at(cursor, "scratch_dir"));
  ONNXPACK_TRY(out.options, object_at(cursor, "options"));
  ONNXPACK_TRY(out.warmup, size_at(cursor, "warmup"));
  ONNXPACK_TRY(out.runs, size_at(cursor, "runs"));
  ONNXPACK_TRY(out.threads, size_at(cursor, "threads"));
  return out;
}

json::Value to_json(const RunResponse& response) {
  json::Value out;
  put_answer(out, response.answer);
  put_list(out, "outputs", response.outputs);
  if (response.timings) out["timings"] = to_json(*response.timings);
  put(out, "runtime", response.runtime);
  put(out, "notes", response.notes);
  return out;
}

Result<RunResponse> run_response_from_json(const json::Cursor& cursor) {
  RunResponse out;
  ONNXPACK_TRY(out.answer, answer_from_json(cursor));
  ONNXPACK_TRY(out.runtime, text_at(cursor, "runtime"));
  ONNXPACK_TRY(out.notes, cursor.strings_or_empty("notes"));
  if (out.answer.status != AnswerStatus::ok) return out;
  ONNXPACK_TRY(auto outputs, cursor.at("outputs"));
  ONNXPACK_TRY(out.outputs, json::read_array(outputs, tensor_file_from_json));
  ONNXPACK_TRY(auto timings, cursor.find("timings"));
  if (timings) {
    ONNXPACK_TRY(out.timings, timings_from_json(*timings));
  }
  return out;
}

json::Value to_json(const CompatibilityQuestion& question) {
  return json::object(
      {{"ep", question.ep}, {"compatibility_string", question.compatibility_string}});
}

json::Value to_json(const RuntimeVerdict& verdict) {
  json::Value out = json::object({{"verdict", target::to_string(verdict.verdict)}});
  put(out, "by", verdict.by);
  put(out, "why", verdict.why);
  return out;
}

namespace {

Result<CompatibilityQuestion> question_from_json(const json::Cursor& cursor) {
  CompatibilityQuestion out;
  ONNXPACK_TRY(out.ep, required_text(cursor, "ep"));
  ONNXPACK_TRY(out.compatibility_string, required_text(cursor, "compatibility_string"));
  return out;
}

Result<RuntimeVerdict> verdict_from_json(const json::Cursor& cursor) {
  RuntimeVerdict out;
  ONNXPACK_TRY(auto field, cursor.at("verdict"));
  ONNXPACK_TRY(auto text, field.string_in({"optimal", "prefer-recompilation", "not-applicable",
                                           "unsupported"}));
  using target::Verdict;
  for (Verdict verdict : {Verdict::optimal, Verdict::prefer_recompilation, Verdict::not_applicable,
                          Verdict::unsupported}) {
    if (text == target::to_string(verdict)) out.verdict = verdict;
  }
  ONNXPACK_TRY(out.by, text_at(cursor, "by"));
  ONNXPACK_TRY(out.why, text_at(cursor, "why"));
  return out;
}

}  // namespace

json::Value to_json(const ProbeRequest& request) {
  json::Value out = request_head(request.protocol, Verb::probe);
  put_list(out, "compatibility", request.compatibility);
  return out;
}

Result<ProbeRequest> probe_request_from_json(const json::Cursor& cursor) {
  ProbeRequest out;
  ONNXPACK_TRY(out.protocol, read_request_head(cursor, Verb::probe));
  ONNXPACK_TRY(out.compatibility,
               json::read_optional_array(cursor, "compatibility", question_from_json));
  return out;
}

json::Value to_json(const ProbeResponse& response) {
  json::Value out;
  put_answer(out, response.answer);
  put(out, "facts", response.facts);
  put(out, "lines", response.lines);
  put_list(out, "verdicts", response.verdicts);
  return out;
}

Result<ProbeResponse> probe_response_from_json(const json::Cursor& cursor) {
  ProbeResponse out;
  ONNXPACK_TRY(out.answer, answer_from_json(cursor));
  ONNXPACK_TRY(out.facts, facts_at(cursor, "facts"));
  ONNXPACK_TRY(out.lines, cursor.strings_or_empty("lines"));
  ONNXPACK_TRY(out.verdicts, json::read_optional_array(cursor, "verdicts", verdict_from_json));
  return out;
}

}  // namespace onnxpack::protocol
