// scope-digest/1 over onnx's messages. docs/scope-metadata.md defines it; scope.cc shows it to the
// world.
#pragma once

#include <onnx/onnx_pb.h>

#include <cstddef>
#include <map>
#include <set>
#include <string>
#include <tuple>
#include <unordered_map>
#include <vector>

#include "onnxpack/base/error.h"
#include "onnxpack/model/constants.h"

namespace onnxpack::model {

class GraphDigest {
 public:
  // `model` is a skeleton; `constants` are hashes by constant_index(). Both outlive this.
  GraphDigest(const onnx::ModelProto& model, const std::vector<ContentHash>& constants);

  // The whole graph. Errors: corrupt.
  Result<ContentHash> whole_graph();
  // Constants met so far.
  const std::set<std::size_t>& constants_read() const { return read_; }

 private:
  // Values visible in a graph, by name; a body sees its parents' too.
  struct Scope {
    const Scope* parent = nullptr;
    std::string_view formals;  // "input", "body", "formal": what kind of graph it is
    int depth = 0;
    std::unordered_map<std::string, ContentHash> values;
    std::set<std::string> captured;  // names found in a parent

    const ContentHash* find(const std::string& name);
  };
  // Nodes of one graph with their hashes and who uses what they make.
  struct Body {
    std::vector<ContentHash> up;
    std::vector<std::set<std::string>> captures;
  };
  using NodeList = google::protobuf::RepeatedPtrField<onnx::NodeProto>;

  Result<ContentHash> graph(const onnx::GraphProto& graph, Scope& scope);
  Result<ContentHash> nodes(const NodeList& nodes, const std::vector<std::string>& outputs,
                            Scope& scope);
  Result<ContentHash> node(const onnx::NodeProto& node, Scope& scope,
                           std::set<std::string>& captures);
  Result<ContentHash> attribute(const onnx::AttributeProto& attribute, Scope& scope,
                                std::set<std::string>& captures);
  Result<ContentHash> subgraph(const onnx::GraphProto& graph, Scope& scope,
                               std::set<std::string>& captures);
  Result<ContentHash> function(const onnx::FunctionProto& function);
  ContentHash tensor(const onnx::TensorProto& tensor);
  ContentHash sparse(const onnx::SparseTensorProto& tensor);
  static std::vector<ContentHash> labels(const NodeList& nodes, const Body& body,
                                         const std::vector<std::string>& outputs);

  using FunctionKey = std::tuple<std::string, std::string, std::string>;
  const onnx::ModelProto& model_;
  const std::vector<ContentHash>& constants_;
  std::map<FunctionKey, const onnx::FunctionProto*> functions_;
  std::map<const onnx::FunctionProto*, ContentHash> known_;
  std::set<const onnx::FunctionProto*> open_;  // being hashed: meeting one again is recursion
  std::set<std::string> domains_;              // used by nodes outside functions
  std::set<std::size_t> read_;
};

// "" and "ai.onnx" are the same domain.
std::string normal_domain(const std::string& domain);

}  // namespace onnxpack::model
