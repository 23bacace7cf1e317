#include "ternary_candidates.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>
#include <set>

#include "graph_splice.h"
#include "ternary_bodies.h"

namespace onnxpack::transform {
namespace {

constexpr std::uint32_t model_graph = 7;
constexpr std::uint32_t graph_node = 1;
// A smaller matrix saves less than its new initializers and nodes cost.
constexpr std::int64_t least_elements = 256;

using model::DataType;

bool is_float_matrix(const model::Constant& constant) {
  const bool is_float = constant.type == DataType::float32 || constant.type == DataType::float16 ||
                        constant.type == DataType::bfloat16;
  return is_float && constant.source == model::ConstantSource::initializer &&
         constant.where == "graph" && constant.dims.size() == 2 &&
         is_large_matrix(constant.dims[0], constant.dims[1]);
}

const onnx::AttributeProto* attribute(const onnx::NodeProto& node, std::string_view name) {
  for (const auto& one : node.attribute())
    if (one.name() == name) return &one;
  return nullptr;
}
std::int64_t integer(const onnx::NodeProto& node, std::string_view name, std::int64_t otherwise) {
  const auto* found = attribute(node, name);
  return found != nullptr ? found->i() : otherwise;
}
float real(const onnx::NodeProto& node, std::string_view name, float otherwise) {
  const auto* found = attribute(node, name);
  return found != nullptr ? found->f() : otherwise;
}

class Finder {
 public:
  explicit Finder(const model::ModelFile& model) : model_(model) {
    for (std::size_t i = 0; i < model.constants().size(); ++i) {
      const model::Constant& constant = model.constants()[i];
      if (is_float_matrix(constant)) found_[constant.name].constant = i;
      if (constant.source == model::ConstantSource::initializer && constant.where == "graph")
        initializers_.emplace(constant.name, &constant);
    }
    // What may be overridden is no constant.
    for (const auto& input : model.defaulted_inputs()) initializers_.erase(input.name);
    for (const auto& output : model.outputs()) ++name_uses_[output.name];
    for (const auto& output : model.outputs()) other(output.name, "it is an output of the graph");
    for (const auto& input : model.defaulted_inputs())
      other(input.name, "it is an input of the graph too");
  }

  Status look_at(std::size_t index, const model::WireField& field) {
    const model::Node& facts = model_.nodes()[index];
    const bool has_body = holds_graphs(facts.op_type);
    const bool touches =
        std::ranges::any_of(facts.inputs, [&](const auto& name) { return found_.contains(name); });
    const bool quantised = facts.op_type == "DequantizeLinear" || facts.op_type == "MatMulNBits";
    for (const auto& name : facts.inputs) ++name_uses_[name];
    if (!has_body && !touches && !quantised) return {};
    ONNXPACK_TRY(onnx::NodeProto node, read_node(model_, field));
    if (quantised) note_quantised(node, index);
    look_into_bodies(node, index);
    for (int i = 0; i < node.input_size(); ++i) add(node, index, i);
    return {};
  }

  std::vector<TernaryCandidate> take() {
    std::vector<TernaryCandidate> out;
    for (auto& [name, candidate] : found_) {
      if (candidate.uses.empty() && candidate.bodies.empty()) continue;
      if (candidate.quantised) free_parts(candidate);
      out.push_back(std::move(candidate));
    }
    std::ranges::sort(out, {}, &TernaryCandidate::constant);
    return out;
  }

 private:
  // A weight behind integers: known by the value that nodes see. MatMulNBits is its own use.
  void note_quantised(const onnx::NodeProto& node, std::size_t index) {
    auto weight = quantised_weight(node, initializers_);
    if (!weight || !is_large_matrix(weight->dims[0], weight->dims[1])) return;
    const bool nbits = weight->nbits != 0;
    auto [at, added] = found_.try_emplace(weight->name);
    TernaryCandidate& candidate = at->second;
    const bool same = !added && candidate.quantised && candidate.quantised->nbits != 0 && nbits &&
                      candidate.quantised->codes == weight->codes &&
                      candidate.quantised->scales == weight->scales &&
                      candidate.quantised->zeros == weight->zeros &&
                      candidate.quantised->dims == weight->dims;
    if (!added && !same) return;
    candidate.constant = static_cast<std::size_t>(weight->codes - model_.constants().data());
    if (!nbits) candidate.dequantizer = index;
    if (nbits) {
      candidate.transposed = true;
      candidate.uses.push_back({index, UseKind::nbits});
    }
    candidate.quantised = std::move(*weight);
    for (const auto& output : model_.outputs())
      if (output.name == at->first) other(at->first, "it is an output of the graph");
  }

  void look_into_bodies(const onnx::NodeProto& holder, std::size_t index) {
    const auto look = [&](const onnx::NodeProto& node, const Hidden& hidden) {
      for (int i = 0; i < node.input_size(); ++i) {
        if (hidden.contains(node.input(i))) continue;
        ++name_uses_[node.input(i)];
        add_in_body(node, i, holder, index);
      }
    };
    const auto gives = [&](const std::string& name, const Hidden& hidden) {
      if (hidden.contains(name)) return;
      ++name_uses_[name];
      other(name, fmt::format("a body of {} gives it out", holder.op_type()));
    };
    visit_bodies(holder, look, gives);
  }

  void add_in_body(const onnx::NodeProto& node, int input, const onnx::NodeProto& holder,
                   std::size_t index) {
    auto at = found_.find(node.input(input));
    if (at == found_.end()) return;
    TernaryCandidate& candidate = at->second;
    const auto known = known_use(node, input);
    if (!known) {
      other(at->first, fmt::format("{} in a body of {} uses it as input {}", node.op_type(),
                                   holder.op_type(), input));
      return;
    }
    if (!settle_transposed(at->first, candidate, node, known->transposed)) return;
    ++candidate.body_uses;
    candidate.bodies.insert(index);
  }

  // False where two uses want the weight in two ways.
  bool settle_transposed(const std::string& name, TernaryCandidate& candidate,
                         const onnx::NodeProto& node, bool transposed) {
    const bool first = candidate.uses.empty() && candidate.body_uses == 0;
    if (!first && candidate.transposed != transposed) {
      other(name, fmt::format("{} uses its transpose", node.op_type()));
      return false;
    }
    candidate.transposed = transposed;
    return true;
  }

  void free_parts(TernaryCandidate& candidate) {
    const std::size_t own = candidate.dequantizer ? 1 : candidate.uses.size();
    for (const auto* part :
         {candidate.quantised->codes, candidate.quantised->scales, candidate.quantised->zeros}) {
      if (part != nullptr && name_uses_[part->name] == own)
        candidate.frees.push_back(part->message.offset);
    }
  }

  void other(const std::string& name, std::string why) {
    auto at = found_.find(name);
    if (at != found_.end() && at->second.other_use.empty()) at->second.other_use = std::move(why);
  }

  void add(const onnx::NodeProto& node, std::size_t index, int input) {
    auto at = found_.find(node.input(input));
    if (at == found_.end()) return;
    TernaryCandidate& candidate = at->second;
    const auto known = known_use(node, input);
    if (!known) {
      other(at->first, fmt::format("{} uses it as input {}", node.op_type(), input));
    } else if (settle_transposed(at->first, candidate, node, known->transposed)) {
      candidate.uses.push_back({index, known->kind});
    }
  }

  const model::ModelFile& model_;
  std::map<std::string, TernaryCandidate> found_;
  Initializers initializers_;
  std::map<std::string, std::size_t> name_uses_;
};

}  // namespace

bool is_large_matrix(std::int64_t rows, std::int64_t columns) {
  return rows > 0 && columns > 0 && columns >= (least_elements + rows - 1) / rows;
}

std::optional<KnownUse> known_use(const onnx::NodeProto& node, int input) {
  if (!node.domain().empty() && node.domain() != "ai.onnx") return std::nullopt;
  if (node.op_type() == "MatMul" && input == 1) return KnownUse{UseKind::matmul, true};
  if (node.op_type() == "Gather" && input == 0 && integer(node, "axis", 0) == 0)
    return KnownUse{UseKind::gather, false};
  if (node.op_type() != "Gemm" || input != 1) return std::nullopt;
  const bool has_c = node.input_size() > 2 && !node.input(2).empty();
  const bool plain = integer(node, "transA", 0) == 0 && real(node, "alpha", 1) == 1 &&
                     (!has_c || real(node, "beta", 1) == 1);
  if (!plain) return std::nullopt;
  return KnownUse{UseKind::gemm, integer(node, "transB", 0) == 0};
}

Result<std::vector<model::WireField>> node_fields(const model::ModelFile& model) {
  model::WireInput input(model.file());
  model::WireMessage top(input);
  std::vector<model::WireField> out;
  while (true) {
    ONNXPACK_TRY(auto field, top.next());
    if (!field) return out;
    if (!field->is(model_graph, model::WireType::bytes)) continue;
    ONNXPACK_TRY(auto graph, top.enter(*field));
    while (true) {
      ONNXPACK_TRY(auto inner, graph.next());
      if (!inner) break;
      if (inner->is(graph_node, model::WireType::bytes)) out.push_back(*inner);
    }
  }
}

Result<std::vector<TernaryCandidate>> find_candidates(const model::ModelFile& model,
                                                      const std::vector<model::WireField>& fields) {
  Finder finder(model);
  for (std::size_t i = 0; i < fields.size(); ++i) ONNXPACK_CHECK(finder.look_at(i, fields[i]));
  return finder.take();
}

}  // namespace onnxpack::transform
