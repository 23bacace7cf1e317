#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "checkable.h"
#include "onnxpack/base/text.h"
#include "skeleton.h"

namespace onnxpack::model {
namespace {

// Constants of function bodies cannot become inputs; up to here in all they are made of zeros
// instead.
constexpr std::uint64_t zeros_limit = std::uint64_t{64} << 20;

onnx::TypeProto type_of(std::int32_t element, const auto& dims) {
  onnx::TypeProto type;
  auto& tensor = *type.mutable_tensor_type();
  tensor.set_elem_type(element);
  tensor.mutable_shape();
  for (const auto dim : dims) tensor.mutable_shape()->add_dim()->set_dim_value(dim);
  return type;
}

// The type of the value that a Constant node makes when its tensor was left out.
std::optional<onnx::TypeProto> left_out_constant(const onnx::NodeProto& node) {
  if (node.op_type() != "Constant" || node.output_size() != 1) return std::nullopt;
  for (const auto& attribute : node.attribute()) {
    if (attribute.has_t() && is_left_out(attribute.t())) {
      return type_of(attribute.t().data_type(), attribute.t().dims());
    }
    if (attribute.has_sparse_tensor() && is_left_out(attribute.sparse_tensor())) {
      const auto& sparse = attribute.sparse_tensor();
      return type_of(sparse.values().data_type(), sparse.dims());
    }
  }
  return std::nullopt;
}

class Replacer {
 public:
  Replacer(onnx::ModelProto& model, Checkable& out) : graph_(*model.mutable_graph()), out_(out) {
    for (const auto& input : graph_.input()) inputs_.insert(input.name());
  }

  void run(onnx::ModelProto& model) {
    const auto own = [&](const std::string& name, const onnx::TypeProto& type, onnx::GraphProto&) {
      add_input(name, type);
    };
    replace(graph_, own);
    for (auto& function : *model.mutable_functions()) {
      for (auto& node : *function.mutable_node()) {
        fill(node);
        descend(node);
      }
    }
    if (hoisted_ > 0) ensure_import(model);
  }

 private:
  // Takes left-out initializers and Constants out of `graph` and gives name and type of each to
  // `instead`.
  template <typename Instead>
  void replace(onnx::GraphProto& graph, const Instead& instead) {
    onnx::GraphProto identities;
    const auto give = [&](const std::string& name, const onnx::TypeProto& type) {
      instead(name, type, identities);
    };
    auto& dense = *graph.mutable_initializer();
    for (const auto& tensor : dense) {
      if (is_left_out(tensor)) give(tensor.name(), type_of(tensor.data_type(), tensor.dims()));
    }
    dense.erase(
        std::remove_if(dense.begin(), dense.end(), [](const auto& t) { return is_left_out(t); }),
        dense.end());
    auto& sparse = *graph.mutable_sparse_initializer();
    for (const auto& tensor : sparse) {
      if (is_left_out(tensor))
        give(tensor.values().name(), type_of(tensor.values().data_type(), tensor.dims()));
    }
    sparse.erase(
        std::remove_if(sparse.begin(), sparse.end(), [](const auto& t) { return is_left_out(t); }),
        sparse.end());
    auto& nodes = *graph.mutable_node();
    for (auto& node : nodes) {
      if (auto type = left_out_constant(node)) {
        give(node.output(0), *type);
      } else {
        descend(node);
        empty_tensors(node);
      }
    }
    nodes.erase(std::remove_if(nodes.begin(), nodes.end(),
                               [](const auto& n) { return left_out_constant(n).has_value(); }),
                nodes.end());
    if (identities.node_size() == 0) return;
    identities.mutable_node()->MergeFrom(nodes);
    nodes.Swap(identities.mutable_node());
  }

  void descend(onnx::NodeProto& node) {
    const auto hoist = [this](const std::string& name, const onnx::TypeProto& type,
                              onnx::GraphProto& identities) {
      const auto input = fmt::format("{}{}", hoisted_prefix, hoisted_++);
      add_input(input, type);
      auto& identity = *identities.add_node();
      identity.set_op_type("Identity");
      identity.add_input(input);
      identity.add_output(name);
    };
    for (auto& attribute : *node.mutable_attribute()) {
      if (attribute.has_g()) replace(*attribute.mutable_g(), hoist);
      for (auto& graph : *attribute.mutable_graphs()) replace(graph, hoist);
    }
  }

  // Tensor attributes other than Constant's: nothing infers shapes from a large one, so an empty
  // tensor stands in.
  static void empty_tensors(onnx::NodeProto& node) {
    for (auto& attribute : *node.mutable_attribute()) {
      if (attribute.has_t() && is_left_out(attribute.t())) empty(*attribute.mutable_t());
      for (auto& tensor : *attribute.mutable_tensors()) {
        if (is_left_out(tensor)) empty(tensor);
      }
      if (attribute.has_sparse_tensor() && is_left_out(attribute.sparse_tensor())) {
        empty(*attribute.mutable_sparse_tensor()->mutable_values());
        empty(*attribute.mutable_sparse_tensor()->mutable_indices());
      }
    }
  }
  static void empty(onnx::TensorProto& tensor) {
    tensor.clear_dims();
    tensor.add_dims(0);
    tensor.clear_data_location();
  }

  // Nodes of functions.
  void fill(onnx::NodeProto& node) {
    for (auto& attribute : *node.mutable_attribute()) {
      if (!attribute.has_t() || !is_left_out(attribute.t())) continue;
      auto& tensor = *attribute.mutable_t();
      const std::vector<std::int64_t> dims(tensor.dims().begin(), tensor.dims().end());
      const auto size = raw_size(static_cast<DataType>(tensor.data_type()), dims);
      if (!size || *size > zeros_limit - zeros_) {
        out_.can_infer = false;
        empty(tensor);
        continue;
      }
      zeros_ += *size;
      tensor.set_raw_data(std::string(static_cast<std::size_t>(*size), '\0'));
      tensor.clear_data_location();
    }
    empty_tensors(node);
  }

  void add_input(const std::string& name, const onnx::TypeProto& type) {
    if (!inputs_.insert(name).second) return;  // up to IR 3 every initializer is an input
    auto& input = *graph_.add_input();
    input.set_name(name);
    *input.mutable_type() = type;
  }

  static void ensure_import(onnx::ModelProto& model) {
    for (const auto& import : model.opset_import()) {
      if (import.domain().empty() || import.domain() == "ai.onnx") return;
    }
    model.add_opset_import()->set_version(1);
  }

  onnx::GraphProto& graph_;
  Checkable& out_;
  std::set<std::string> inputs_;
  std::size_t hoisted_ = 0;
  std::uint64_t zeros_ = 0;
};

}  // namespace

void densify(onnx::ModelProto& model) {
  auto& graph = *model.mutable_graph();
  for (const auto& tensor : graph.sparse_initializer()) {
    const auto& name = tensor.values().name();
    const auto has_name = [&](const auto& input) { return input.name() == name; };
    if (std::any_of(graph.input().begin(), graph.input().end(), has_name)) continue;
    auto& input = *graph.add_input();
    input.set_name(name);
    *input.mutable_type() = type_of(tensor.values().data_type(), tensor.dims());
  }
  graph.clear_sparse_initializer();
}

void replace_left_out(onnx::ModelProto& model, Checkable& out) {
  Replacer(model, out).run(model);
}

}  // namespace onnxpack::model
