#include "graph_digest.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>

#include "hash_builder.h"
#include "onnxpack/base/text.h"
#include "skeleton.h"

namespace onnxpack::model {
namespace {

constexpr std::size_t call_depth_limit = 100;  // as onnx's checker

std::uint64_t bits(float value) {
  return std::bit_cast<std::uint32_t>(value);
}
std::uint64_t bits(std::int64_t value) {
  return static_cast<std::uint64_t>(value);
}

template <typename Imports>
void add_imports(HashBuilder& hash, const Imports& imports, const std::set<std::string>* used) {
  std::map<std::string, std::int64_t> sorted;
  for (const auto& import : imports) {
    auto domain = normal_domain(import.domain());
    if (used == nullptr || used->contains(domain)) sorted[std::move(domain)] = import.version();
  }
  hash.number(sorted.size());
  for (const auto& [domain, version] : sorted) hash.text(domain).number(bits(version));
}

std::vector<std::string> names_of(const auto& infos) {
  std::vector<std::string> out;
  for (const auto& info : infos) out.push_back(info.name());
  return out;
}

// Files of IR 1 may leave the type out; then the field in use says it.
int type_of(const onnx::AttributeProto& attribute) {
  using A = onnx::AttributeProto;
  if (attribute.type() != A::UNDEFINED) return attribute.type();
  if (attribute.has_f()) return A::FLOAT;
  if (attribute.has_i()) return A::INT;
  if (attribute.has_s()) return A::STRING;
  if (attribute.has_t()) return A::TENSOR;
  if (attribute.has_g()) return A::GRAPH;
  if (attribute.floats_size() > 0) return A::FLOATS;
  if (attribute.ints_size() > 0) return A::INTS;
  if (attribute.strings_size() > 0) return A::STRINGS;
  if (attribute.tensors_size() > 0) return A::TENSORS;
  if (attribute.graphs_size() > 0) return A::GRAPHS;
  return A::UNDEFINED;
}

}  // namespace

std::string normal_domain(const std::string& domain) {
  return domain == "ai.onnx" ? std::string() : domain;
}

GraphDigest::GraphDigest(const onnx::ModelProto& model, const std::vector<ContentHash>& constants)
    : model_(model), constants_(constants) {
  for (const auto& function : model.functions()) {
    functions_[{normal_domain(function.domain()), function.name(), function.overload()}] =
        &function;
  }
}

const ContentHash* GraphDigest::Scope::find(const std::string& name) {
  if (auto found = values.find(name); found != values.end()) return &found->second;
  for (const auto* up = parent; up != nullptr; up = up->parent) {
    auto found = up->values.find(name);
    if (found == up->values.end()) continue;
    captured.insert(name);
    return &found->second;
  }
  return nullptr;
}

Result<ContentHash> GraphDigest::whole_graph() {
  Scope scope;
  scope.formals = "input";
  ONNXPACK_TRY(ContentHash graph_hash, graph(model_.graph(), scope));
  HashBuilder out("scope-digest/1");
  add_imports(out, model_.opset_import(), &domains_);
  return out.hash(graph_hash).finish();
}

Result<ContentHash> GraphDigest::graph(const onnx::GraphProto& graph, Scope& scope) {
  for (const auto& initializer : graph.initializer()) {
    scope.values[initializer.name()] = HashBuilder("constant").hash(tensor(initializer)).finish();
  }
  for (const auto& initializer : graph.sparse_initializer()) {
    scope.values[initializer.values().name()] =
        HashBuilder("constant").hash(sparse(initializer)).finish();
  }
  std::uint64_t port = 0;
  for (const auto& input : graph.input()) {
    if (scope.values.contains(input.name())) continue;  // a default value: as good as a constant
    HashBuilder hash(scope.formals);
    hash.number(static_cast<std::uint64_t>(scope.depth)).number(port++);
    hash.number(static_cast<std::uint64_t>(input.type().tensor_type().elem_type()));
    scope.values[input.name()] = hash.finish();
  }
  ONNXPACK_TRY(ContentHash body, nodes(graph.node(), names_of(graph.output()), scope));
  return HashBuilder("graph").number(port).hash(body).finish();
}

Result<ContentHash> GraphDigest::nodes(const NodeList& nodes,
                                       const std::vector<std::string>& outputs, Scope& scope) {
  Body body;
  for (int i = 0; i < nodes.size(); ++i) {
    auto& captures = body.captures.emplace_back();
    auto up = node(nodes[i], scope, captures);
    if (!up) {
      return std::unexpected(
          std::move(up.error()).in(fmt::format("node {} ({})", i, printable(nodes[i].op_type()))));
    }
    body.up.push_back(*up);
    for (int k = 0; k < nodes[i].output_size(); ++k) {
      if (nodes[i].output(k).empty()) continue;
      scope.values[nodes[i].output(k)] =
          HashBuilder("output").hash(*up).number(static_cast<std::uint64_t>(k)).finish();
    }
  }
  std::vector<ContentHash> results;
  for (const auto& output : outputs) {
    const auto* value = scope.find(output);
    if (value == nullptr) {
      return fail(ErrorKind::corrupt,
                  fmt::format("output {} is made by nothing", printable(output)));
    }
    results.push_back(*value);
  }
  return HashBuilder("nodes").multiset(labels(nodes, body, outputs)).list(results).finish();
}

// A node's up-hash says what it is computed from; what it is used for tells two nodes of the same
// up-hash apart (two random generators of which one feeds both operands of a subtraction). Walked
// from the last node to the first.
std::vector<ContentHash> GraphDigest::labels(const NodeList& nodes, const Body& body,
                                             const std::vector<std::string>& outputs) {
  std::unordered_map<std::string, std::vector<ContentHash>> uses;
  for (std::size_t port = 0; port < outputs.size(); ++port) {
    uses[outputs[port]].push_back(HashBuilder("result").number(port).finish());
  }
  std::vector<ContentHash> out(body.up.size());
  for (auto i = body.up.size(); i-- > 0;) {
    const auto& node = nodes[static_cast<int>(i)];
    HashBuilder label("label");
    label.hash(body.up[i]);
    for (const auto& output : node.output()) {
      auto found = uses.find(output);
      label.multiset(found == uses.end() ? std::vector<ContentHash>{} : found->second);
    }
    out[i] = label.finish();
    for (int port = 0; port < node.input_size(); ++port) {
      uses[node.input(port)].push_back(
          HashBuilder("use").hash(out[i]).number(static_cast<std::uint64_t>(port)).finish());
    }
    for (const auto& name : body.captures[i]) {
      uses[name].push_back(HashBuilder("capture").hash(out[i]).finish());
    }
  }
  return out;
}

Result<ContentHash> GraphDigest::node(const onnx::NodeProto& node, Scope& scope,
                                      std::set<std::string>& captures) {
  const auto domain = normal_domain(node.domain());
  if (scope.formals != "formal") domains_.insert(domain);
  HashBuilder out("node");
  out.text(domain).text(node.op_type()).text(node.overload());
  auto input_count = node.input_size();
  while (input_count > 0 && node.input(input_count - 1).empty()) --input_count;
  out.number(static_cast<std::uint64_t>(input_count));
  for (int i = 0; i < input_count; ++i) {
    const auto& name = node.input(i);
    const auto* value = name.empty() ? nullptr : scope.find(name);
    if (value == nullptr && !name.empty()) {
      return fail(ErrorKind::corrupt,
                  fmt::format("input {} is made by nothing before it", printable(name)));
    }
    out.hash(value == nullptr ? HashBuilder("absent").finish() : *value);
  }
  auto output_count = node.output_size();
  while (output_count > 0 && node.output(output_count - 1).empty()) --output_count;
  out.number(static_cast<std::uint64_t>(output_count));
  for (int i = 0; i < output_count; ++i) out.number(node.output(i).empty() ? 0 : 1);

  std::map<std::string, ContentHash> attributes;
  for (const auto& each : node.attribute()) {
    ONNXPACK_TRY(ContentHash hash, attribute(each, scope, captures));
    attributes[each.name()] = hash;
  }
  out.number(attributes.size());
  for (const auto& [name, hash] : attributes) out.text(name).hash(hash);

  if (auto found = functions_.find({domain, node.op_type(), node.overload()});
      found != functions_.end()) {
    ONNXPACK_TRY(ContentHash hash, function(*found->second));
    out.text("calls").hash(hash);
  }
  return out.finish();
}

Result<ContentHash> GraphDigest::subgraph(const onnx::GraphProto& body, Scope& scope,
                                          std::set<std::string>& captures) {
  Scope inner;
  inner.parent = &scope;
  inner.formals = scope.formals == "formal" ? "formal" : "body";
  inner.depth = scope.depth + 1;
  ONNXPACK_TRY(ContentHash hash, graph(body, inner));
  for (const auto& name : inner.captured) {
    if (scope.find(name) != nullptr)
      captures.insert(name);  // find() also notes it where it comes from further up
  }
  return hash;
}

Result<ContentHash> GraphDigest::attribute(const onnx::AttributeProto& attribute, Scope& scope,
                                           std::set<std::string>& captures) {
  HashBuilder out("attribute");
  out.number(static_cast<std::uint64_t>(type_of(attribute))).text(attribute.ref_attr_name());
  out.number(bits(attribute.f())).number(bits(attribute.i())).text(attribute.s());
  for (const auto value : attribute.floats()) out.number(bits(value));
  out.number(static_cast<std::uint64_t>(attribute.floats_size()));
  for (const auto value : attribute.ints()) out.number(bits(value));
  out.number(static_cast<std::uint64_t>(attribute.ints_size()));
  for (const auto& value : attribute.strings()) out.text(value);
  out.number(static_cast<std::uint64_t>(attribute.strings_size()));
  if (attribute.has_t()) out.hash(tensor(attribute.t()));
  for (const auto& value : attribute.tensors()) out.hash(tensor(value));
  if (attribute.has_sparse_tensor()) out.hash(sparse(attribute.sparse_tensor()));
  for (const auto& value : attribute.sparse_tensors()) out.hash(sparse(value));
  if (attribute.has_tp()) out.text(attribute.tp().SerializeAsString());
  for (const auto& value : attribute.type_protos()) out.text(value.SerializeAsString());
  if (attribute.has_g()) {
    ONNXPACK_TRY(ContentHash hash, subgraph(attribute.g(), scope, captures));
    out.hash(hash);
  }
  for (const auto& value : attribute.graphs()) {
    ONNXPACK_TRY(ContentHash hash, subgraph(value, scope, captures));
    out.hash(hash);
  }
  return out.finish();
}

Result<ContentHash> GraphDigest::function(const onnx::FunctionProto& function) {
  if (auto found = known_.find(&function); found != known_.end()) return found->second;
  if (!open_.insert(&function).second) {
    return fail(ErrorKind::corrupt,
                fmt::format("function {} calls itself", printable(function.name())));
  }
  if (open_.size() > call_depth_limit) {
    return fail(ErrorKind::corrupt,
                fmt::format("function calls are nested deeper than {}", call_depth_limit));
  }
  Scope scope;
  scope.formals = "formal";
  HashBuilder out("function");
  for (int i = 0; i < function.input_size(); ++i) {
    scope.values[function.input(i)] =
        HashBuilder("formal").number(static_cast<std::uint64_t>(i)).finish();
  }
  out.number(static_cast<std::uint64_t>(function.input_size()));
  std::map<std::string, ContentHash> defaults;
  std::set<std::string> unused;
  for (const auto& each : function.attribute_proto()) {
    ONNXPACK_TRY(ContentHash hash, attribute(each, scope, unused));
    defaults[each.name()] = hash;
  }
  for (const auto& [name, hash] : defaults) out.text(name).hash(hash);
  std::set<std::string> formal_attributes(function.attribute().begin(), function.attribute().end());
  for (const auto& name : formal_attributes) out.text(name);
  add_imports(out, function.opset_import(), nullptr);
  const std::vector<std::string> outputs(function.output().begin(), function.output().end());
  auto body = nodes(function.node(), outputs, scope);
  if (!body) {
    return std::unexpected(
        std::move(body.error()).in(fmt::format("function {}", printable(function.name()))));
  }
  open_.erase(&function);
  return known_[&function] = out.hash(*body).finish();
}

ContentHash GraphDigest::tensor(const onnx::TensorProto& tensor) {
  HashBuilder out("tensor");
  out.number(bits(std::int64_t{tensor.data_type()}))
      .number(static_cast<std::uint64_t>(tensor.dims_size()));
  for (const auto dim : tensor.dims()) out.number(bits(dim));
  if (const auto index = constant_index(tensor); index && *index < constants_.size()) {
    read_.insert(*index);
    out.hash(constants_[*index]);
  }
  return out.finish();
}

ContentHash GraphDigest::sparse(const onnx::SparseTensorProto& value) {
  HashBuilder out("sparse");
  for (const auto dim : value.dims()) out.number(bits(dim));
  out.hash(tensor(value.values())).hash(tensor(value.indices()));
  return out.finish();
}

}  // namespace onnxpack::model
