#include "onnxpack/protocol/compile.h"

#include <algorithm>
#include <cmath>
#include <set>

#include <fmt/format.h>

#include "codec.h"
#include "onnxpack/base/text.h"

namespace onnxpack::protocol {

json::Value to_json(const PartitionAnswer& partition) {
  json::Value out = json::object({{"scope", partition.scope}});
  put_list(out, "blobs", partition.blobs);
  put_list(out, "inputs", partition.inputs);
  put_list(out, "outputs", partition.outputs);
  return out;
}

namespace {

Result<PartitionAnswer> partition_from_json(const json::Cursor& cursor) {
  PartitionAnswer out;
  ONNXPACK_TRY(out.scope, required_text(cursor, "scope"));
  ONNXPACK_TRY(auto blobs, cursor.at("blobs"));
  ONNXPACK_TRY(out.blobs, json::read_array(blobs, blob_from_json));
  if (out.blobs.empty()) return std::unexpected(blobs.error("expected at least one blob"));
  ONNXPACK_TRY(out.inputs, json::read_optional_array(cursor, "inputs", port_from_json));
  ONNXPACK_TRY(out.outputs, json::read_optional_array(cursor, "outputs", port_from_json));
  return out;
}

json::Value to_json(const CoverageAnswer& coverage) {
  return json::object(
      {{"covered_nodes", coverage.covered_nodes}, {"total_nodes", coverage.total_nodes}});
}

Result<CoverageAnswer> coverage_at(const json::Cursor& cursor, std::string_view key) {
  CoverageAnswer out;
  ONNXPACK_TRY(auto field, cursor.at(key));
  ONNXPACK_TRY(auto covered, field.at("covered_nodes"));
  ONNXPACK_TRY(out.covered_nodes, covered.size());
  ONNXPACK_TRY(auto total, field.at("total_nodes"));
  ONNXPACK_TRY(out.total_nodes, total.size());
  if (out.covered_nodes > out.total_nodes) {
    return std::unexpected(covered.error(
        fmt::format("{} of {} nodes is more than all", out.covered_nodes, out.total_nodes)));
  }
  return out;
}

// The suffix becomes part of a file name and of what people type.
Status check_suffix(const json::Cursor& cursor, const std::string& suffix) {
  auto allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.';
  };
  if (suffix.size() <= 64 && suffix.find("..") == std::string::npos &&
      std::ranges::all_of(suffix, allowed) && (suffix.empty() || suffix.front() == '-')) {
    return {};
  }
  return std::unexpected(cursor.error(fmt::format(
      "suffix: expected \"\" or \"-\" and up to 63 of a-z, 0-9, '-', '_', '.', found {}",
      printable(suffix))));
}

}  // namespace

json::Value to_json(const VariantAnswer& variant) {
  json::Value out = json::object({{"ep", variant.ep}, {"coverage", to_json(variant.coverage)}});
  put(out, "suffix", variant.suffix);
  put(out, "device", variant.device);
  put(out, "compatibility_string", variant.compatibility_string);
  put(out, "precision", variant.precision);
  json::Array requirements;
  for (const auto& requirement : variant.requirements) {
    requirements.push_back(target::to_json(requirement));
  }
  if (!requirements.empty()) out["requirements"] = std::move(requirements);
  put(out, "fixed_shapes", variant.fixed_shapes);
  put(out, "executor_info", variant.executor_info);
  put_list(out, "partitions", variant.partitions);
  put(out, "references", variant.references);
  put(out, "tools", variant.tools);
  put(out, "license", variant.license);
  return out;
}

namespace {

Result<VariantAnswer> variant_from_json(const json::Cursor& cursor) {
  VariantAnswer out;
  ONNXPACK_TRY(out.suffix, text_at(cursor, "suffix"));
  ONNXPACK_CHECK(check_suffix(cursor, out.suffix));
  ONNXPACK_TRY(out.ep, required_text(cursor, "ep"));
  ONNXPACK_TRY(out.device, required_text(cursor, "device"));
  ONNXPACK_TRY(out.compatibility_string, text_at(cursor, "compatibility_string"));
  ONNXPACK_TRY(out.precision, text_at(cursor, "precision"));
  ONNXPACK_TRY(out.requirements, requirements_at(cursor, "requirements"));
  ONNXPACK_TRY(out.fixed_shapes, shapes_at(cursor, "fixed_shapes"));
  ONNXPACK_TRY(out.executor_info, object_at(cursor, "executor_info"));
  ONNXPACK_TRY(auto partitions, cursor.at("partitions"));
  ONNXPACK_TRY(out.partitions, json::read_array(partitions, partition_from_json));
  if (out.partitions.empty()) {
    return std::unexpected(partitions.error("expected at least one partition"));
  }
  ONNXPACK_TRY(out.coverage, coverage_at(cursor, "coverage"));
  ONNXPACK_TRY(out.tools, texts_at(cursor, "tools"));
  ONNXPACK_TRY(out.references, cursor.strings_or_empty("references"));
  ONNXPACK_TRY(out.license, text_at(cursor, "license"));
  return out;
}

// What plan and compile ask alike.
template <typename Request>
void put_question(json::Value& out, const Request& request) {
  out["component"] = to_json(request.component);
  out["target"] = target::to_json(request.target);
  put_list(out, "scopes", request.scopes);
  put(out, "options", request.options);
  put(out, "free_dimensions", request.free_dimensions);
  put(out, "input_shapes", request.input_shapes);
  put(out, "scratch_dir", request.scratch_dir);
}

template <typename Request>
Status read_question(const json::Cursor& cursor, Request& out) {
  ONNXPACK_TRY(auto component, cursor.at("component"));
  ONNXPACK_TRY(out.component, component_from_json(component));
  ONNXPACK_TRY(out.target, target_at(cursor, "target"));
  ONNXPACK_TRY(out.scopes, json::read_optional_array(cursor, "scopes", scope_from_json));
  ONNXPACK_TRY(out.options, object_at(cursor, "options"));
  ONNXPACK_TRY(out.free_dimensions, numbers_at(cursor, "free_dimensions"));
  ONNXPACK_TRY(out.input_shapes, shapes_at(cursor, "input_shapes"));
  ONNXPACK_TRY(out.scratch_dir, text_at(cursor, "scratch_dir"));
  return {};
}

}  // namespace

json::Value to_json(const BlobAnswer& blob) {
  json::Value out = json::object({{"path", blob.path}, {"role", blob.role}});
  if (blob.size) out["size"] = *blob.size;
  put(out, "sha256", blob.sha256);
  return out;
}

Result<BlobAnswer> blob_from_json(const json::Cursor& cursor) {
  BlobAnswer out;
  ONNXPACK_TRY(out.path, required_text(cursor, "path"));
  ONNXPACK_TRY(out.role, required_text(cursor, "role"));
  ONNXPACK_TRY(auto size, cursor.find("size"));
  if (size) {
    ONNXPACK_TRY(out.size, size->size());
  }
  ONNXPACK_TRY(out.sha256, text_at(cursor, "sha256"));
  return out;
}

json::Value to_json(const CompileRequest& request) {
  json::Value out = request_head(request.protocol, Verb::compile);
  put_question(out, request);
  put(out, "threads", request.threads);
  out["output_dir"] = request.output_dir;
  out["variant_name"] = request.variant_name;
  if (request.self_contained) out["self_contained"] = true;
  return out;
}

Result<CompileRequest> compile_request_from_json(const json::Cursor& cursor) {
  CompileRequest out;
  ONNXPACK_TRY(out.protocol, read_request_head(cursor, Verb::compile));
  ONNXPACK_CHECK(read_question(cursor, out));
  ONNXPACK_TRY(out.threads, size_at(cursor, "threads"));
  ONNXPACK_TRY(out.output_dir, required_text(cursor, "output_dir"));
  ONNXPACK_TRY(out.variant_name, required_text(cursor, "variant_name"));
  ONNXPACK_TRY(out.self_contained, cursor.boolean_or("self_contained", false));
  return out;
}

json::Value to_json(const CompileResponse& response) {
  json::Value out;
  put_answer(out, response.answer);
  put_list(out, "variants", response.variants);
  put(out, "notes", response.notes);
  return out;
}

Result<CompileResponse> compile_response_from_json(const json::Cursor& cursor) {
  CompileResponse out;
  ONNXPACK_TRY(out.answer, answer_from_json(cursor));
  ONNXPACK_TRY(out.notes, cursor.strings_or_empty("notes"));
  if (out.answer.status != AnswerStatus::ok) return out;
  ONNXPACK_TRY(auto variants, cursor.at("variants"));
  ONNXPACK_TRY(out.variants, json::read_array(variants, variant_from_json));
  if (out.variants.empty()) {
    return std::unexpected(variants.error("expected at least one variant in an ok answer"));
  }
  std::set<std::string> suffixes;
  for (const auto& variant : out.variants) {
    if (!suffixes.insert(variant.suffix).second) {
      return std::unexpected(
          variants.error(fmt::format("two variants have the suffix \"{}\"", variant.suffix)));
    }
  }
  return out;
}

json::Value to_json(const PlanRequest& request) {
  json::Value out = request_head(request.protocol, Verb::plan);
  put_question(out, request);
  return out;
}

Result<PlanRequest> plan_request_from_json(const json::Cursor& cursor) {
  PlanRequest out;
  ONNXPACK_TRY(out.protocol, read_request_head(cursor, Verb::plan));
  ONNXPACK_CHECK(read_question(cursor, out));
  return out;
}

json::Value to_json(const PlannedPartition& partition) {
  json::Value out = json::object({{"scope", partition.scope}});
  put(out, "node_outputs", partition.node_outputs);
  return out;
}

namespace {

Result<PlannedPartition> planned_partition_from_json(const json::Cursor& cursor) {
  PlannedPartition out;
  ONNXPACK_TRY(out.scope, required_text(cursor, "scope"));
  ONNXPACK_TRY(out.node_outputs, cursor.strings_or_empty("node_outputs"));
  return out;
}

}  // namespace

json::Value to_json(const Refusal& refusal) {
  return json::object({{"what", refusal.what}, {"why", refusal.why}});
}

namespace {

Result<Refusal> refusal_from_json(const json::Cursor& cursor) {
  Refusal out;
  ONNXPACK_TRY(out.what, required_text(cursor, "what"));
  ONNXPACK_TRY(out.why, required_text(cursor, "why"));
  return out;
}

}  // namespace

json::Value to_json(const PlanResponse& response) {
  json::Value out;
  put_answer(out, response.answer);
  put_list(out, "partitions", response.partitions);
  out["coverage"] = to_json(response.coverage);
  put_list(out, "refusals", response.refusals);
  if (response.memory_bytes) out["memory_bytes"] = *response.memory_bytes;
  if (response.seconds) out["seconds"] = *response.seconds;
  return out;
}

Result<PlanResponse> plan_response_from_json(const json::Cursor& cursor) {
  PlanResponse out;
  ONNXPACK_TRY(out.answer, answer_from_json(cursor));
  ONNXPACK_TRY(out.refusals, json::read_optional_array(cursor, "refusals", refusal_from_json));
  if (out.answer.status != AnswerStatus::ok) return out;
  ONNXPACK_TRY(out.partitions,
               json::read_optional_array(cursor, "partitions", planned_partition_from_json));
  ONNXPACK_TRY(out.coverage, coverage_at(cursor, "coverage"));
  ONNXPACK_TRY(auto memory, cursor.find("memory_bytes"));
  if (memory) {
    ONNXPACK_TRY(out.memory_bytes, memory->size());
  }
  ONNXPACK_TRY(auto seconds, cursor.find("seconds"));
  if (seconds) {
    ONNXPACK_TRY(double value, seconds->number());
    if (!std::isfinite(value) || value < 0) {
      return std::unexpected(seconds->error("expected seconds of at least 0"));
    }
    out.seconds = value;
  }
  return out;
}

}  // namespace onnxpack::protocol
