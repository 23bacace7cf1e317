#include "onnxpack/model/input_ranges.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <optional>
#include <set>
#include <unordered_map>

#include "graph_digest.h"
#include "onnxpack/base/text.h"
#include "skeleton.h"

namespace onnxpack::model {
namespace {

// Operators whose outputs hold elements of input 0 and nothing else, whatever the other inputs say.
const std::set<std::string_view> movers = {
    "Identity", "Unsqueeze", "Squeeze", "Reshape",  "Flatten", "Transpose",   "Expand",
    "Slice",    "Tile",      "Gather",  "GatherND", "Split",   "DepthToSpace"};

std::int64_t int_attribute(const onnx::NodeProto& node, std::string_view name,
                           std::int64_t otherwise) {
  for (const auto& attribute : node.attribute()) {
    if (attribute.name() == name) return attribute.i();
  }
  return otherwise;
}

// What a use of a value allows it to be.
struct Allowed {
  std::int64_t high;
  std::string reason;
};

class Graph {
 public:
  explicit Graph(const onnx::GraphProto& graph) : graph_(graph) {
    for (const auto& tensor : graph.initializer()) constants_[tensor.name()] = &tensor;
    for (int i = 0; i < graph.node_size(); ++i) {
      const auto& node = graph.node(i);
      if (node.op_type() == "Constant" && node.output_size() == 1) note_constant(node);
      for (int port = 0; port < node.input_size(); ++port)
        uses_[node.input(port)].push_back({i, port});
    }
    for (const auto& output : graph.output()) results_.insert(output.name());
  }

  // The tightest range that every use agrees with, of `name` and of what carries its elements on;
  // nothing when some use says nothing.
  std::optional<Allowed> range_of(const std::string& name) const {
    std::set<std::string> seen = {name};
    std::vector<std::string> todo = {name};
    std::optional<Allowed> rows;
    std::optional<Allowed> truth;
    bool only_truth = true;
    while (!todo.empty()) {
      const auto value = todo.back();
      todo.pop_back();
      if (results_.contains(value)) only_truth = false;
      const auto uses = uses_.find(value);
      if (uses == uses_.end()) continue;
      for (const auto& [index, port] : uses->second) {
        const auto& node = graph_.node(index);
        if (auto found = rows_of(node, port, index)) {
          if (!rows || found->high < rows->high) rows = std::move(found);
        } else if (auto found_truth = truth_of(node, port, index)) {
          if (!truth) truth = std::move(found_truth);
        } else if (carries(node, port)) {
          for (const auto& output : node.output()) {
            if (seen.insert(output).second) todo.push_back(output);
          }
        } else {
          only_truth = false;
        }
      }
    }
    if (rows) return rows;
    return only_truth ? truth : std::nullopt;
  }

 private:
  struct Use {
    int node;
    int port;
  };

  void note_constant(const onnx::NodeProto& node) {
    for (const auto& attribute : node.attribute()) {
      if (attribute.has_t()) constants_[node.output(0)] = &attribute.t();
    }
  }

  static bool carries(const onnx::NodeProto& node, int port) {
    if (!normal_domain(node.domain()).empty()) return false;
    if (node.op_type() == "Cast") return int_attribute(node, "to", 0) != onnx::TensorProto::BOOL;
    if (node.op_type() == "Concat") return true;
    return port == 0 && movers.contains(node.op_type());
  }

  std::optional<Allowed> rows_of(const onnx::NodeProto& node, int port, int index) const {
    const bool gather = node.op_type() == "Gather" || node.op_type() == "GatherElements";
    if (!gather || port != 1 || !normal_domain(node.domain()).empty()) return std::nullopt;
    const auto table = constants_.find(node.input(0));
    if (table == constants_.end()) return std::nullopt;
    const auto& dims = table->second->dims();
    auto axis = int_attribute(node, "axis", 0);
    if (axis < 0) axis += dims.size();
    if (axis < 0 || axis >= dims.size() || dims[static_cast<int>(axis)] <= 0) return std::nullopt;
    const auto rows = dims[static_cast<int>(axis)];
    return Allowed{rows - 1, fmt::format("indexes {} rows of {} ({}, node {})", rows,
                                         printable(node.input(0)), node.op_type(), index)};
  }

  std::optional<Allowed> truth_of(const onnx::NodeProto& node, int port, int index) const {
    if (!normal_domain(node.domain()).empty()) return std::nullopt;
    if (node.op_type() == "Cast" && int_attribute(node, "to", 0) == onnx::TensorProto::BOOL) {
      return Allowed{1, fmt::format("only its truth counts (Cast to bool, node {})", index)};
    }
    if (node.op_type() == "Sub" && port == 1 && is_one(node.input(0))) {
      return Allowed{1, fmt::format("subtracted from 1, as a mask (Sub, node {})", index)};
    }
    return std::nullopt;
  }

  bool is_one(const std::string& name) const {
    const auto found = constants_.find(name);
    if (found == constants_.end()) return false;
    const auto& tensor = *found->second;
    if (is_left_out(tensor) || !std::ranges::all_of(tensor.dims(), [](auto d) { return d == 1; }))
      return false;
    using T = onnx::TensorProto;
    const auto raw = [&](std::uint64_t bits, std::size_t width) {
      if (tensor.raw_data().size() != width) return false;
      std::uint64_t value = 0;
      std::memcpy(&value, tensor.raw_data().data(), width);
      return value == bits;
    };
    switch (tensor.data_type()) {
      case T::FLOAT:
        return raw(0x3F800000, 4) ||
               (tensor.float_data_size() == 1 && tensor.float_data(0) == 1.0F);
      case T::FLOAT16:
        return raw(0x3C00, 2) || (tensor.int32_data_size() == 1 && tensor.int32_data(0) == 0x3C00);
      case T::INT64:
        return raw(1, 8) || (tensor.int64_data_size() == 1 && tensor.int64_data(0) == 1);
      case T::INT32:
        return raw(1, 4) || (tensor.int32_data_size() == 1 && tensor.int32_data(0) == 1);
      default:
        return false;
    }
  }

  const onnx::GraphProto& graph_;
  std::unordered_map<std::string, const onnx::TensorProto*> constants_;
  std::unordered_map<std::string, std::vector<Use>> uses_;
  std::set<std::string> results_;
};

}  // namespace

Result<std::vector<InputRange>> input_ranges(const ModelFile& model) {
  std::vector<InputRange> out;
  if (std::ranges::none_of(model.inputs(),
                           [](const auto& i) { return is_integer(i.element_type); }))
    return out;
  ONNXPACK_TRY(auto skeleton, load_skeleton(model));
  const Graph graph(skeleton->graph());
  for (const auto& input : model.inputs()) {
    if (!is_integer(input.element_type)) continue;
    if (auto allowed = graph.range_of(input.name)) {
      out.push_back({input.name, 0, allowed->high, std::move(allowed->reason)});
    }
  }
  return out;
}

}  // namespace onnxpack::model
