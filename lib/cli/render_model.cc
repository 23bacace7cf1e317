#include <algorithm>
#include <map>

#include <fmt/format.h>

#include "documents.h"
#include "onnxpack/base/text.h"
#include "onnxpack/model/scope_hints.h"
#include "onnxpack/transform/flex_attention.h"
#include "render.h"

namespace onnxpack::cli {
namespace {

using model::ModelFile;

constexpr std::size_t operators_shown = 8;

std::string domain_name(const std::string& domain) {
  return domain.empty() ? "ai.onnx" : domain;
}

// Operator -> number of nodes, the most frequent first, ties by name.
std::vector<std::pair<std::string, std::size_t>> operators(const ModelFile& model) {
  std::map<std::string, std::size_t> counts;
  for (const model::Node& node : model.nodes()) {
    bool standard = node.domain.empty() || node.domain == "ai.onnx";
    ++counts[standard ? node.op_type : node.domain + "::" + node.op_type];
  }
  std::vector<std::pair<std::string, std::size_t>> out(counts.begin(), counts.end());
  std::ranges::stable_sort(out, std::greater<>(), [](const auto& item) { return item.second; });
  return out;
}

std::string operators_text(const ModelFile& model) {
  auto all = operators(model);
  std::string out;
  for (std::size_t i = 0; i < std::min(all.size(), operators_shown); ++i) {
    out += fmt::format("{}{} {}", out.empty() ? "" : ", ", all[i].first, all[i].second);
  }
  if (all.size() > operators_shown)
    out += fmt::format(" and {} more kinds", all.size() - operators_shown);
  return out;
}

std::string opsets(const ModelFile& model) {
  std::vector<std::string> out;
  for (const auto& import : model.opset_imports())
    out.push_back(fmt::format("{} {}", domain_name(import.domain), import.version));
  return join(out, ", ");
}

std::uint64_t external_size(const ModelFile& model) {
  std::uint64_t out = 0;
  for (const auto& file : model.external_files()) out += file.size;
  return out;
}

void add_values(Table& table, std::string_view label, const std::vector<model::ValueInfo>& values) {
  for (const auto& value : values) {
    table.add({label, fmt::format("{}  {}  {}", value.name, value.type,
                                  value.shape ? model::to_string(*value.shape) : "rank unknown")});
  }
}

// The end of a long name, which tells modules apart; PyTorch's begin alike for a hundred letters.
std::string name_end(std::string_view name) {
  constexpr std::size_t most = 40;
  if (name.size() <= most) return std::string(name);
  name.remove_prefix(name.size() - most);
  while (!name.empty() && (static_cast<unsigned char>(name.front()) & 0xC0) == 0x80)
    name.remove_prefix(1);  // never a part of a letter
  return fmt::format("…{}", name);
}

void add_hints(Table& table, const ModelFile& model) {
  constexpr std::size_t shown = 3;
  auto hints = model::scope_hints(model);
  for (const auto& hint : hints) {
    std::vector<std::string> examples;
    for (const auto& example : hint.examples) {
      if (examples.size() < shown)
        examples.push_back(fmt::format("{} ({})", name_end(example.value), example.nodes));
    }
    std::string what = hint.kind == model::HintKind::metadata_key
                           ? fmt::format("metadata key '{}'", hint.key)
                           : fmt::format("node names up to the first '{}'", hint.key);
    table.add({"scopes by", fmt::format("{}: on {} of {}, {} different, such as {}", what,
                                        hint.nodes, count(model.nodes().size(), "node"),
                                        hint.distinct, join(examples, ", "))});
  }
  if (hints.empty())
    table.add({"scopes by", "nothing in the nodes names parts; the whole graph is one scope"});
}

}  // namespace

void render_model(const Console& console, const ModelFile& model, const model::CheckReport* check,
                  const std::vector<transform::FlexNode>& to_lower) {
  Table table({Align::left, Align::left});
  auto line = [&](std::string_view label, std::string text, Style style = Style::plain) {
    if (!text.empty()) table.add({label, Cell(std::move(text), style)});
  };
  std::string size = human_size(model.file().size());
  line("model", fmt::format("{}, {}", model.path().string(), size), Style::bold);
  line("format", fmt::format("IR {}, opset {}", model.ir_version(), opsets(model)));
  line("producer", fmt::format("{} {}", model.producer_name(), model.producer_version()) == " "
                       ? ""
                       : fmt::format("{} {}", model.producer_name(), model.producer_version()));
  std::string graph =
      fmt::format("{}{}", model.graph_name().empty() ? "" : model.graph_name() + ", ",
                  count(model.nodes().size(), "node"));
  if (model.nested_node_count() > 0)
    graph += fmt::format(" and {} in bodies and functions", model.nested_node_count());
  if (!model.functions().empty())
    graph += fmt::format(", {}", count(model.functions().size(), "local function"));
  line("graph", graph);
  add_values(table, "input", model.inputs());
  add_values(table, "output", model.outputs());
  line("operators", operators_text(model));
  for (const auto& node : to_lower) {
    line("to lower", node.why_expanded.empty()
                         ? fmt::format("{} (FlexAttention): can be tiled", node.name)
                         : fmt::format("{} (FlexAttention): not tileable, is expanded: {}",
                                       node.name, node.why_expanded));
  }
  line("constants", fmt::format("{}, {}", count(model.constants().size(), "tensor"),
                                human_size(model.constant_bytes())));
  for (const auto& file : model.external_files()) {
    line("data file",
         file.present ? fmt::format("{}, {}", file.location, human_size(file.size))
                      : file.location + ": MISSING",
         file.present ? Style::plain : Style::bad);
  }
  if (model.is_annotated())
    line("annotated", "by onnx-pack; build takes that away first and annotates anew",
         Style::caution);
  if (check != nullptr) {
    for (const auto& unknown : check->unknown) line("unknown", unknown.message, Style::caution);
    for (const auto& warning : check->warnings) line("note", warning, Style::caution);
  }
  add_hints(table, model);
  std::size_t data_files = model.external_files().size();
  line("packed", data_files == 0 ? fmt::format("the model, {}", size)
                                 : fmt::format("the model, {}, and {}, {}", size,
                                               count(data_files, "data file"),
                                               human_size(external_size(model))));
  console.out() << table.render(console.paint(), 0);
  if (check == nullptr) return;
  console.out() << fmt::format("\nnext: onnx-pack build {} --target host -o {}.onnxpkg\n",
                               printable(model.path().string()),
                               printable(model.path().stem().string()));
}

json::Value model_document(const ModelFile& model, const model::CheckReport& check,
                           const std::vector<transform::FlexNode>& to_lower) {
  auto values = [](const std::vector<model::ValueInfo>& list) {
    json::Array out;
    for (const auto& value : list) {
      json::Value shape = nullptr;
      if (value.shape) {
        shape = json::Array();
        for (const auto& dimension : *value.shape) {
          shape.push_back(dimension.size           ? json::Value(*dimension.size)
                          : dimension.name.empty() ? json::Value(nullptr)
                                                   : json::Value(dimension.name));
        }
      }
      out.push_back(
          json::object({{"name", value.name}, {"type", value.type}, {"shape", std::move(shape)}}));
    }
    return out;
  };
  json::Value out = document("model");
  out["path"] = model.path().string();
  out["size"] = model.file().size();
  out["ir_version"] = model.ir_version();
  json::Object imports;
  for (const auto& import : model.opset_imports()) imports.emplace(import.domain, import.version);
  out["opset_imports"] = std::move(imports);
  out["producer"] =
      json::object({{"name", model.producer_name()}, {"version", model.producer_version()}});
  out["graph_name"] = model.graph_name();
  out["node_count"] = model.nodes().size();
  out["nested_node_count"] = model.nested_node_count();
  out["function_count"] = model.functions().size();
  out["inputs"] = values(model.inputs());
  out["outputs"] = values(model.outputs());
  json::Object counts;
  for (const auto& [name, number] : operators(model)) counts.emplace(name, number);
  out["operators"] = std::move(counts);
  json::Array nodes;
  for (const auto& node : to_lower) {
    nodes.push_back(json::object({{"name", node.name},
                                  {"operator", "ai.onnx.preview::FlexAttention"},
                                  {"why_not_tileable", node.why_expanded}}));
  }
  out["to_lower"] = std::move(nodes);
  out["constants"] =
      json::object({{"count", model.constants().size()}, {"bytes", model.constant_bytes()}});
  json::Array files;
  for (const auto& file : model.external_files()) {
    files.push_back(json::object(
        {{"location", file.location}, {"size", file.size}, {"present", file.present}}));
  }
  out["external_files"] = std::move(files);
  out["annotated"] = model.is_annotated();
  json::Array unknown;
  for (const auto& item : check.unknown) {
    unknown.push_back(json::object({{"domain", item.domain},
                                    {"op_type", item.op_type},
                                    {"opset", item.opset},
                                    {"nodes", item.count}}));
  }
  out["unknown_operators"] = std::move(unknown);
  out["warnings"] = strings(check.warnings);
  json::Array hints;
  for (const auto& hint : model::scope_hints(model)) {
    json::Array examples;
    for (const auto& example : hint.examples)
      examples.push_back(json::object({{"value", example.value}, {"nodes", example.nodes}}));
    hints.push_back(json::object(
        {{"kind", hint.kind == model::HintKind::metadata_key ? "metadata_key" : "name_prefix"},
         {"key", hint.key},
         {"nodes", hint.nodes},
         {"distinct", hint.distinct},
         {"examples", std::move(examples)}}));
  }
  out["scope_hints"] = std::move(hints);
  return out;
}

}  // namespace onnxpack::cli
