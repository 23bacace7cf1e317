#include "inline_functions.h"

#include <algorithm>
#include <map>
#include <set>
#include <tuple>

#include <fmt/format.h>
#include <onnx/defs/schema.h>

#include "graph_splice.h"
#include "names.h"

namespace onnxpack::transform {
namespace {

using Wanted = std::function<bool(const onnx::NodeProto&)>;
using Key = std::tuple<std::string, std::string, std::string>;  // domain, name, overload
using Names = std::map<std::string, std::string>;
using Nodes = std::vector<onnx::NodeProto>;

constexpr std::uint32_t model_functions = 25;
constexpr int deepest = 64;

std::string normal(const std::string& domain) {
  return domain == "ai.onnx" ? "" : domain;
}
Key key_of(const onnx::FunctionProto& function) {
  return {normal(function.domain()), function.name(), function.overload()};
}
Key key_of(const onnx::NodeProto& node) {
  return {normal(node.domain()), node.op_type(), node.overload()};
}

bool any_node(const onnx::NodeProto& node, const Wanted& wanted) {
  if (wanted(node)) return true;
  for (const auto& attribute : node.attribute()) {
    if (std::ranges::any_of(attribute.g().node(),
                            [&](const auto& inner) { return any_node(inner, wanted); }))
      return true;
  }
  return false;
}
bool any_node(const onnx::FunctionProto& function, const Wanted& wanted) {
  return std::ranges::any_of(function.node(),
                             [&](const auto& node) { return any_node(node, wanted); });
}

using Functions = std::map<Key, onnx::FunctionProto>;

Result<Functions> read_functions(const model::ModelFile& model) {
  Functions out;
  if (model.functions().empty()) return out;
  model::WireInput input(model.file());
  model::WireMessage top(input);
  while (true) {
    ONNXPACK_TRY(auto field, top.next());
    if (!field) return out;
    if (!field->is(model_functions, model::WireType::bytes)) continue;
    ONNXPACK_TRY(auto function, read_function(model, *field));
    Key key = key_of(function);
    out.emplace(std::move(key), std::move(function));
  }
}

// Those that hold a wanted node, themselves or through another one.
std::set<Key> concerned(const Functions& functions, const Wanted& wanted) {
  std::set<Key> out;
  auto holds = [&](const onnx::NodeProto& node) {
    return wanted(node) || out.contains(key_of(node));
  };
  for (bool grown = true; grown;) {
    grown = false;
    for (const auto& [key, function] : functions) {
      if (!out.contains(key) && any_node(function, holds)) grown = out.insert(key).second;
    }
  }
  return out;
}

// One call, written out.
class Call {
 public:
  Call(const onnx::FunctionProto& function, const onnx::NodeProto& call, std::string prefix)
      : function_(function), call_(call), prefix_(std::move(prefix)) {}

  Result<Nodes> written_out() {
    if (call_.input_size() > function_.input_size() ||
        call_.output_size() > function_.output_size())
      return fail(
          ErrorKind::corrupt,
          fmt::format("node '{}' gives function {} {} inputs and {} outputs of {} and {}",
                      call_.name(), function_.name(), call_.input_size(), call_.output_size(),
                      function_.input_size(), function_.output_size()));
    Names names;
    for (int i = 0; i < function_.input_size(); ++i)
      names[function_.input(i)] = i < call_.input_size() ? call_.input(i) : "";
    Nodes out;
    for (int i = 0; i < call_.output_size(); ++i) {
      if (call_.output(i).empty()) continue;
      // An input that is handed through has the caller's name already.
      if (std::ranges::find(function_.input(), function_.output(i)) != function_.input().end()) {
        out.push_back(identity(names[function_.output(i)], call_.output(i)));
      } else {
        names[function_.output(i)] = call_.output(i);
      }
    }
    for (const auto& node : function_.node()) {
      for (const auto& output : node.output()) add_own(output, names);
    }
    for (onnx::NodeProto node : function_.node()) {
      rename(node, names);
      if (!node.name().empty())
        node.set_name(call_.name().empty() ? prefix_ + node.name()
                                           : fmt::format("{}/{}", call_.name(), node.name()));
      out.push_back(std::move(node));
    }
    return out;
  }

 private:
  static onnx::NodeProto identity(const std::string& from, const std::string& to) {
    onnx::NodeProto out;
    out.set_op_type("Identity");
    out.add_input(from);
    out.add_output(to);
    return out;
  }

  void add_own(const std::string& name, Names& names) const {
    if (!name.empty()) names.try_emplace(name, prefix_ + name);
  }

  void rename(onnx::NodeProto& node, const Names& names) {
    auto change = [&names](std::string& name) {
      if (auto found = names.find(name); found != names.end()) name = found->second;
    };
    for (auto& name : *node.mutable_input()) change(name);
    for (auto& name : *node.mutable_output()) change(name);
    resolve_attributes(node);
    for (auto& attribute : *node.mutable_attribute()) {
      if (attribute.has_g()) rename(*attribute.mutable_g(), names);
    }
  }

  // All names of a body become this call's own: a name may be given once in all of a model's graph.
  void rename(onnx::GraphProto& graph, Names names) {
    auto own = [&](std::string& name) {
      if (name.empty()) return;
      names[name] = prefix_ + name;
      name = names[name];
    };
    for (auto& input : *graph.mutable_input()) own(*input.mutable_name());
    for (auto& tensor : *graph.mutable_initializer()) own(*tensor.mutable_name());
    for (auto& tensor : *graph.mutable_sparse_initializer())
      own(*tensor.mutable_values()->mutable_name());
    for (const auto& node : graph.node()) {
      for (const auto& output : node.output()) {
        if (!output.empty()) names[output] = prefix_ + output;
      }
    }
    for (auto& info : *graph.mutable_value_info()) {
      if (auto found = names.find(info.name()); found != names.end()) info.set_name(found->second);
    }
    for (auto& node : *graph.mutable_node()) rename(node, names);
    for (auto& output : *graph.mutable_output()) {
      auto found = names.find(output.name());
      if (found != names.end()) output.set_name(found->second);
    }
  }

  // A referred attribute is the call's, else the function's default, else absent.
  void resolve_attributes(onnx::NodeProto& node) const {
    google::protobuf::RepeatedPtrField<onnx::AttributeProto> kept;
    for (const auto& attribute : node.attribute()) {
      if (attribute.ref_attr_name().empty()) {
        *kept.Add() = attribute;
        continue;
      }
      const onnx::AttributeProto* value = find(call_.attribute(), attribute.ref_attr_name());
      if (value == nullptr) value = find(function_.attribute_proto(), attribute.ref_attr_name());
      if (value == nullptr) continue;
      onnx::AttributeProto& made = *kept.Add();
      made = *value;
      made.set_name(attribute.name());
    }
    node.mutable_attribute()->Swap(&kept);
  }
  static const onnx::AttributeProto* find(
      const google::protobuf::RepeatedPtrField<onnx::AttributeProto>& attributes,
      const std::string& name) {
    auto found = std::ranges::find(attributes, name, &onnx::AttributeProto::name);
    return found == attributes.end() ? nullptr : &*found;
  }

  const onnx::FunctionProto& function_;
  const onnx::NodeProto& call_;
  std::string prefix_;
};

class Inliner {
 public:
  Inliner(const model::ModelFile& model, Functions functions, std::set<Key> concerned)
      : model_(model), functions_(std::move(functions)), concerned_(std::move(concerned)) {
    for (const auto& import : model.opset_imports())
      imports_[normal(import.domain)] = import.version;
  }

  Result<model::Splice> run() {
    ONNXPACK_TRY(stem_, free_stem(model_, "onnxpack.call"));
    GraphEdit edit;
    edit.looks_at = [&](const model::Node& node) {
      return holds_graphs(node.op_type) ||
             concerned_.contains({normal(node.domain), node.op_type, node.overload});
    };
    edit.replace = [&](onnx::NodeProto node) -> Result<std::optional<Nodes>> {
      const std::size_t before = calls_;
      ONNXPACK_TRY(Nodes nodes, expanded(std::move(node), 0));
      if (calls_ == before) return std::nullopt;
      return nodes;
    };
    edit.keeps_function = [&](const model::WireField& field) -> Result<bool> {
      ONNXPACK_TRY(auto function, read_function(model_, field));
      return !concerned_.contains(key_of(function));
    };
    edit.imports = [&] { return added_; };
    return edit_model(model_, edit);
  }

 private:
  // The node with every call of a concerned function in it, or it itself, written out.
  Result<Nodes> expanded(onnx::NodeProto node, int depth) {
    if (depth > deepest)
      return fail(ErrorKind::corrupt,
                  fmt::format("function {} calls itself, or functions are nested deeper than {}",
                              node.op_type(), deepest));
    if (!concerned_.contains(key_of(node))) {
      ONNXPACK_CHECK(expand_bodies(node, depth));
      return Nodes{std::move(node)};
    }
    const auto& function = functions_.at(key_of(node));
    ONNXPACK_CHECK(take_imports(function));
    ONNXPACK_TRY(Nodes written,
                 Call(function, node, fmt::format("{}.{}.", stem_, calls_++)).written_out());
    return expanded(std::move(written), depth + 1);
  }

  Result<Nodes> expanded(Nodes nodes, int depth) {
    Nodes out;
    for (auto& node : nodes) {
      ONNXPACK_TRY(Nodes made, expanded(std::move(node), depth));
      std::ranges::move(made, std::back_inserter(out));
    }
    return out;
  }

  Status expand_bodies(onnx::NodeProto& node, int depth) {
    for (auto& attribute : *node.mutable_attribute()) {
      if (!attribute.has_g()) continue;
      const auto& old = attribute.g().node();
      ONNXPACK_TRY(Nodes nodes, expanded(Nodes(old.begin(), old.end()), depth));
      auto* target = attribute.mutable_g()->mutable_node();
      target->Clear();
      for (auto& made : nodes) *target->Add() = std::move(made);
    }
    return {};
  }

  // The function's operators must mean in the model what they mean in it.
  Status take_imports(const onnx::FunctionProto& function) {
    for (const auto& import : function.opset_import()) {
      const std::string domain = normal(import.domain());
      auto [known, added] = imports_.try_emplace(domain, import.version());
      if (added) {
        added_.push_back(import);
      } else if (known->second != import.version()) {
        ONNXPACK_CHECK(compare_versions(function, domain, import.version(), known->second));
      }
    }
    return {};
  }

  static Status compare_versions(const onnx::FunctionProto& function, const std::string& domain,
                                 std::int64_t own, std::int64_t models) {
    std::string other;
    auto differs = [&](const onnx::NodeProto& node) {
      if (normal(node.domain()) != domain) return false;
      const auto* a = onnx::OpSchemaRegistry::Schema(node.op_type(), static_cast<int>(own), domain);
      const auto* b =
          onnx::OpSchemaRegistry::Schema(node.op_type(), static_cast<int>(models), domain);
      other = node.op_type();
      return a == nullptr || b == nullptr || a->SinceVersion() != b->SinceVersion();
    };
    if (!any_node(function, differs)) return {};
    return fail(
        ErrorKind::unsupported,
        fmt::format("function {} is of opset {} of {}, the model of {}, and {} changed",
                    function.name(), own, domain.empty() ? "ai.onnx" : domain, models, other),
        "inline the model's functions with onnx.inliner first");
  }

  const model::ModelFile& model_;
  Functions functions_;
  std::set<Key> concerned_;
  std::map<std::string, std::int64_t> imports_;
  std::vector<onnx::OperatorSetIdProto> added_;
  std::size_t calls_ = 0;
  std::string stem_;  // of the names of calls' values
};

}  // namespace

Result<bool> is_nested(const model::ModelFile& model, const Wanted& wanted) {
  ONNXPACK_TRY(auto functions, read_functions(model));
  for (const auto& [key, function] : functions) {
    if (any_node(function, wanted)) return true;
  }
  if (model.nested_node_count() == 0) return false;
  bool found = false;
  GraphEdit look;
  look.looks_at = [&](const model::Node& node) { return !found && holds_graphs(node.op_type); };
  look.replace = [&](const onnx::NodeProto& node) -> Result<std::optional<Nodes>> {
    found = found || any_node(node, wanted);
    return std::nullopt;
  };
  ONNXPACK_CHECK(edit_model(model, look));
  return found;
}

Result<std::optional<model::Splice>> inline_functions(const model::ModelFile& model,
                                                      const Wanted& wanted) {
  ONNXPACK_TRY(auto functions, read_functions(model));
  auto keys = concerned(functions, wanted);
  if (keys.empty()) return std::nullopt;
  ONNXPACK_TRY(auto splice, Inliner(model, std::move(functions), std::move(keys)).run());
  return splice;
}

}  // namespace onnxpack::transform
