#include "ternary_lift.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "graph_splice.h"
#include "inline_functions.h"
#include "ternary_candidates.h"

namespace onnxpack::transform {
namespace {

using Names = std::map<std::string, std::string>;
using Nodes = std::vector<onnx::NodeProto>;

bool uses_weights(const onnx::NodeProto& node) {
  for (int i = 0; i < node.input_size(); ++i)
    if (known_use(node, i)) return true;
  return false;
}

bool is_matrix(const model::Constant& constant) {
  return constant.dims.size() == 2 && is_large_matrix(constant.dims[0], constant.dims[1]);
}
bool is_initializer(const model::Constant& constant) {
  return constant.source == model::ConstantSource::initializer;
}

bool is_weight(const onnx::TensorProto& tensor) {
  const bool is_float = tensor.data_type() == onnx::TensorProto::FLOAT ||
                        tensor.data_type() == onnx::TensorProto::FLOAT16 ||
                        tensor.data_type() == onnx::TensorProto::BFLOAT16;
  return is_float && tensor.dims_size() == 2 && is_large_matrix(tensor.dims(0), tensor.dims(1));
}

// The matrix that a Constant node gives, nothing of other nodes.
onnx::TensorProto* weight_of_constant(onnx::NodeProto& node) {
  if (node.op_type() != "Constant" || node.output_size() != 1) return nullptr;
  for (auto& attribute : *node.mutable_attribute())
    if (attribute.name() == "value" && attribute.has_t() && is_weight(attribute.t()))
      return attribute.mutable_t();
  return nullptr;
}

template <typename Visit>
void each_body(onnx::NodeProto& node, const Visit& visit) {
  for (auto& attribute : *node.mutable_attribute())
    if (attribute.has_g()) visit(*attribute.mutable_g());
}

// By what is known of a node without reading it.
bool may_use_as_weight(const model::Node& node, const std::string& name) {
  const std::size_t at = node.op_type == "Gather" ? 0 : 1;
  const bool takes = node.op_type == "Gather" || node.op_type == "MatMul" || node.op_type == "Gemm";
  return takes && node.inputs.size() > at && node.inputs[at] == name;
}

// Whether the graph, or a body in it, multiplies by `name` or gathers from it.
bool is_used_as_weight(const onnx::GraphProto& graph, const std::string& name) {
  for (const auto& node : graph.node()) {
    for (int i = 0; i < node.input_size(); ++i)
      if (node.input(i) == name && known_use(node, i)) return true;
    for (const auto& attribute : node.attribute())
      if (attribute.has_g() && is_used_as_weight(attribute.g(), name)) return true;
  }
  return false;
}

template <typename List>
bool has_name(const List& list, const std::string& name) {
  return std::ranges::any_of(list, [&](const auto& one) { return one.name() == name; });
}

// Names that an inner graph defines itself are its own.
void rename_inputs(onnx::GraphProto& graph, Names names) {
  for (const auto& input : graph.input()) names.erase(input.name());
  for (const auto& tensor : graph.initializer()) names.erase(tensor.name());
  for (const auto& node : graph.node())
    for (const auto& output : node.output()) names.erase(output);
  if (names.empty()) return;
  for (auto& node : *graph.mutable_node()) {
    for (auto& input : *node.mutable_input())
      if (const auto found = names.find(input); found != names.end()) input = found->second;
    each_body(node, [&](onnx::GraphProto& body) { rename_inputs(body, names); });
  }
}

void collect_names(const onnx::GraphProto& graph, std::set<std::string>& names) {
  for (const auto& input : graph.input()) names.insert(input.name());
  for (const auto& tensor : graph.initializer()) names.insert(tensor.name());
  for (const auto& node : graph.node()) {
    names.insert(node.output().begin(), node.output().end());
    names.insert(node.input().begin(), node.input().end());
    for (const auto& attribute : node.attribute())
      if (attribute.has_g()) collect_names(attribute.g(), names);
  }
}

class Lifter {
 public:
  explicit Lifter(const model::ModelFile& model) : model_(model) {
    for (const auto& constant : model.constants())
      if (constant.node && is_matrix(constant)) holders_.insert(*constant.node);
    for (const auto& output : model.outputs()) given_out_.insert(output.name);
  }

  Result<Lifted> run() {
    if (holders_.empty()) return Lifted{};
    ONNXPACK_CHECK(learn_names());
    GraphEdit edit;
    edit.looks_at = [&](const model::Node& node) { return holders_.contains(index_of(node)); };
    edit.replace = [&](onnx::NodeProto node) -> Result<std::optional<Nodes>> {
      if (auto* weight = weight_of_constant(node)) {
        if (!is_weight_here(node.output(0))) return std::nullopt;
        take(std::move(*weight), node.output(0));
        return Nodes{};
      }
      const std::size_t before = tensors_.size();
      const std::string label = node.name().empty() ? node.op_type() : node.name();
      each_body(node, [&](onnx::GraphProto& body) { lift(body, label); });
      if (tensors_.size() == before) return std::nullopt;
      return Nodes{std::move(node)};
    };
    edit.initializers = [&] { return std::move(tensors_); };
    ONNXPACK_TRY(auto splice, edit_model(model_, edit));
    if (lifted_ != 0) out_.splice = std::move(splice);
    return std::move(out_);
  }

 private:
  std::size_t index_of(const model::Node& node) const {
    return static_cast<std::size_t>(&node - model_.nodes().data());
  }

  bool is_weight_here(const std::string& name) const {
    return !given_out_.contains(name) && std::ranges::any_of(model_.nodes(), [&](const auto& node) {
      return may_use_as_weight(node, name);
    });
  }

  void take(onnx::TensorProto tensor, const std::string& name) {
    tensor.set_name(name);
    tensors_.push_back(std::move(tensor));
    ++lifted_;
  }

  Status learn_names() {
    for (const auto& node : model_.nodes()) {
      names_.insert(node.inputs.begin(), node.inputs.end());
      names_.insert(node.outputs.begin(), node.outputs.end());
    }
    for (const auto& constant : model_.constants()) names_.insert(constant.name);
    for (const auto* values : {&model_.inputs(), &model_.defaulted_inputs()})
      for (const auto& value : *values) names_.insert(value.name);
    GraphEdit look;
    look.looks_at = [](const model::Node& node) { return holds_graphs(node.op_type); };
    look.replace = [&](onnx::NodeProto node) -> Result<std::optional<Nodes>> {
      each_body(node, [&](const onnx::GraphProto& body) { collect_names(body, names_); });
      return std::nullopt;
    };
    ONNXPACK_TRY(auto same, edit_model(model_, look));
    (void)same;
    return {};
  }

  std::string free_name(const std::string& label, const std::string& name) {
    std::string wanted = fmt::format("{}/{}", label, name);
    for (int i = 2; !names_.insert(wanted).second; ++i)
      wanted = fmt::format("{}/{}_{}", label, name, i);
    return wanted;
  }

  void lift(onnx::GraphProto& body, const std::string& label) {
    for (auto& node : *body.mutable_node())
      each_body(node, [&](onnx::GraphProto& inner) { lift(inner, label); });
    Names renamed;
    onnx::GraphProto kept;
    for (auto& tensor : *body.mutable_initializer()) {
      if (!may_lift(body, tensor, label)) {
        *kept.add_initializer() = std::move(tensor);
        continue;
      }
      const std::string name = free_name(label, tensor.name());
      renamed.emplace(tensor.name(), name);
      take(std::move(tensor), name);
    }
    body.mutable_initializer()->Swap(kept.mutable_initializer());
    lift_constants(body, label, renamed);
    rename_inputs(body, std::move(renamed));
  }

  void lift_constants(onnx::GraphProto& body, const std::string& label, Names& renamed) {
    onnx::GraphProto kept;
    for (auto& node : *body.mutable_node()) {
      auto* weight = weight_of_constant(node);
      const bool lifts = weight != nullptr && is_used_as_weight(body, node.output(0)) &&
                         !has_name(body.output(), node.output(0));
      if (!lifts) {
        *kept.add_node() = std::move(node);
        continue;
      }
      const std::string name = free_name(label, node.output(0));
      renamed.emplace(node.output(0), name);
      take(std::move(*weight), name);
    }
    body.mutable_node()->Swap(kept.mutable_node());
  }

  bool may_lift(const onnx::GraphProto& body, const onnx::TensorProto& tensor,
                const std::string& label) {
    if (!is_weight(tensor) || !is_used_as_weight(body, tensor.name())) return false;
    std::string why;
    if (has_name(body.input(), tensor.name()))
      why = fmt::format("an initializer of a body of {} that is the default of an input", label);
    else if (has_name(body.output(), tensor.name()))
      why = fmt::format("an initializer of a body of {}, which gives it out", label);
    if (why.empty()) return true;
    out_.left.push_back({tensor.name(), std::move(why)});
    return false;
  }

  const model::ModelFile& model_;
  std::set<std::size_t> holders_;
  std::set<std::string> names_;
  std::set<std::string> given_out_;
  std::vector<onnx::TensorProto> tensors_;
  std::size_t lifted_ = 0;
  Lifted out_;
};

// Calls of functions with a matrix among their inputs.
std::set<std::string> calls_with_matrices(const model::ModelFile& model) {
  std::set<std::string> matrices;
  for (const auto& constant : model.constants())
    if (constant.where == "graph" && is_initializer(constant) && is_matrix(constant))
      matrices.insert(constant.name);
  std::set<std::string> out;
  for (const auto& node : model.nodes()) {
    const bool is_call = std::ranges::any_of(model.functions(), [&](const auto& function) {
      return function.name == node.op_type && function.domain == node.domain;
    });
    if (is_call &&
        std::ranges::any_of(node.inputs, [&](const auto& name) { return matrices.contains(name); }))
      out.insert(node.op_type);
  }
  return out;
}

}  // namespace

Result<Lifted> write_out_functions(const model::ModelFile& model) {
  Lifted out;
  if (model.functions().empty()) return out;
  const auto called = calls_with_matrices(model);
  if (called.empty()) return out;
  auto splice = inline_functions(model, uses_weights);
  if (splice) {
    out.splice = std::move(*splice);
    return out;
  }
  if (splice.error().kind() != ErrorKind::unsupported)
    return std::unexpected(std::move(splice.error()));
  for (const auto& name : called)
    out.left.push_back({fmt::format("weights of function {}", name),
                        fmt::format("it cannot be written out: {}", splice.error().message())});
  return out;
}

Result<Lifted> lift_initializers(const model::ModelFile& model) {
  return Lifter(model).run();
}

}  // namespace onnxpack::transform
