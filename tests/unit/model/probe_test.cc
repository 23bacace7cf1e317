// Not a test: what peers.py runs over folders of models. Hidden from an ordinary run by its tag.
#include <catch2/catch_test_macros.hpp>
#include <cstdlib>
#include <filesystem>

#include "onnxpack/io/file.h"
#include "onnxpack/json/value.h"
#include "onnxpack/model/annotate.h"
#include "onnxpack/model/check.h"
#include "onnxpack/model/input_ranges.h"
#include "onnxpack/model/model_file.h"
#include "onnxpack/model/scope.h"
#include "onnxpack/model/scope_hints.h"
#include "onnxpack/model/scope_table.h"

namespace onnxpack::model {
namespace {

namespace fs = std::filesystem;

json::Value to_json(const ValueInfo& info) {
  json::Value out = json::object({{"name", info.name}, {"type", info.type}});
  if (info.shape) {
    json::Array dims;
    for (const auto& dimension : *info.shape) {
      dims.push_back(dimension.size ? json::Value(*dimension.size) : json::Value(dimension.name));
    }
    out["shape"] = std::move(dims);
  }
  return out;
}

json::Value to_json(const std::vector<ValueInfo>& infos) {
  json::Array out;
  for (const auto& info : infos) out.push_back(to_json(info));
  return out;
}

json::Value facts(const ModelFile& model, const std::vector<ContentHash>& hashes) {
  json::Array opsets;
  for (const auto& import : model.opset_imports()) {
    opsets.push_back(json::Array{import.domain, import.version});
  }
  json::Array nodes;
  for (const auto& node : model.nodes()) {
    json::Array inputs(node.inputs.begin(), node.inputs.end());
    json::Array outputs(node.outputs.begin(), node.outputs.end());
    nodes.push_back(json::Array{node.op_type, node.domain, node.name, inputs, outputs});
  }
  json::Array constants;
  for (std::size_t i = 0; i < model.constants().size(); ++i) {
    const auto& constant = model.constants()[i];
    json::Array dims(constant.dims.begin(), constant.dims.end());
    constants.push_back(json::Array{constant.name, std::string(to_string(constant.type)), dims,
                                    constant.size, hashes[i].hex()});
  }
  return json::object({{"ir_version", model.ir_version()},
                       {"opset_imports", opsets},
                       {"graph", model.graph_name()},
                       {"inputs", to_json(model.inputs())},
                       {"defaulted", to_json(model.defaulted_inputs())},
                       {"outputs", to_json(model.outputs())},
                       {"nodes", nodes},
                       {"nested", static_cast<std::int64_t>(model.nested_node_count())},
                       {"functions", static_cast<std::int64_t>(model.functions().size())},
                       {"constants", constants}});
}

json::Value examine(const ModelFile& model) {
  json::Value out;
  auto report = check(model);
  if (report) {
    json::Array unknown;
    for (const auto& each : report->unknown) unknown.push_back(each.message);
    json::Array warnings(report->warnings.begin(), report->warnings.end());
    out["check"] = json::object(
        {{"unknown", unknown}, {"warnings", warnings}, {"values", to_json(report->values)}});
  } else {
    out["check_error"] = report.error().message();
  }
  json::Array ranges;
  const auto found = input_ranges(model);
  for (const auto& range : found.value_or(std::vector<InputRange>{})) {
    ranges.push_back(
        json::object({{"input", range.input}, {"high", range.high}, {"reason", range.reason}}));
  }
  out["ranges"] = ranges;
  json::Array hints;
  for (const auto& hint : scope_hints(model)) {
    hints.push_back(json::object({{"key", hint.key},
                                  {"nodes", static_cast<std::int64_t>(hint.nodes)},
                                  {"distinct", static_cast<std::int64_t>(hint.distinct)}}));
  }
  out["hints"] = hints;
  return out;
}

// Writes the annotated model beside the facts; the digest and what strip gives go into the facts.
Result<json::Value> probe(io::FileSystem& disk, const fs::path& path, const fs::path& out_folder) {
  ONNXPACK_TRY(ModelFile model, ModelFile::open(disk, path));
  ONNXPACK_TRY(auto hashes, hash_constants(model, 2));
  auto out = facts(model, hashes);
  ONNXPACK_TRY(Scope scope, whole_graph_scope(model, hashes));
  out["digest"] = scope.digest;
  ONNXPACK_TRY(auto annotations, node_annotations({&scope, 1}));
  ONNXPACK_TRY(AnnotatedModel annotated, AnnotatedModel::make(model, annotations));
  const TableScope table{
      scope.name, scope.digest, scope.nodes.size(), {{"v", "none", "none", "00", {"11"}}}};
  ONNXPACK_TRY(auto entries, table_metadata({&table, 1}));
  ONNXPACK_TRY(Splice splice, annotated.with_table(entries));
  const auto view = splice_view(model.shared_file(), splice);
  ONNXPACK_TRY(Bytes bytes, view->read(0, view->size()));
  ONNXPACK_CHECK(disk.write_text(out_folder / path.filename(), as_text(bytes), io::Overwrite::yes));
  ONNXPACK_TRY(Splice undone, strip(*view));
  const auto back = splice_view(view, undone);
  ONNXPACK_TRY(Bytes stripped, back->read(0, back->size()));
  ONNXPACK_TRY(Bytes original, model.file().read(0, model.file().size()));
  out["strip_is_inverse"] = stripped == original;
  out["examined"] = examine(model);
  return out;
}

TEST_CASE("probe: facts and annotation of every model in a folder", "[.probe]") {
  const char* in_folder = std::getenv("ONNXPACK_PROBE_IN");
  const char* out_folder = std::getenv("ONNXPACK_PROBE_OUT");
  REQUIRE(in_folder != nullptr);
  REQUIRE(out_folder != nullptr);
  auto& disk = io::real_file_system();
  auto names = disk.list(in_folder);
  REQUIRE(names);
  for (const auto& name : *names) {
    if (!name.ends_with(".onnx")) continue;
    auto result = probe(disk, fs::path(in_folder) / name, out_folder);
    const auto value = result ? *result : json::object({{"error", result.error().message()}});
    REQUIRE(disk.write_text(fs::path(out_folder) / (name + ".json"), json::canonical(value),
                            io::Overwrite::yes));
  }
}

}  // namespace
}  // namespace onnxpack::model
