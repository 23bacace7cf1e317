// Which initializers could be ternary weights, and what uses them.
#pragma once

#include <onnx/onnx_pb.h>

#include <optional>
#include <set>
#include <string>
#include <vector>

#include "onnxpack/base/error.h"
#include "onnxpack/model/model_file.h"
#include "onnxpack/model/wire.h"
#include "ternary_quantised.h"

namespace onnxpack::transform {

enum class UseKind : std::uint8_t { matmul, gemm, gather, nbits };
struct TernaryUse {
  std::size_t node = 0;  // index in model.nodes()
  UseKind kind = UseKind::matmul;
};

struct TernaryCandidate {
  std::size_t constant = 0;  // index in model.constants(); of a quantised one, of its codes
  std::optional<QuantisedWeight> quantised;
  std::optional<std::size_t> dequantizer;  // the node that would be left without use
  // Initializers that would be: message offsets.
  std::vector<std::uint64_t> frees;
  std::vector<TernaryUse> uses;
  std::size_t body_uses = 0;     // in bodies of If, Loop and Scan
  std::set<std::size_t> bodies;  // nodes that hold these
  bool transposed = false;       // the initializer is [K, N]; the same for all uses
  std::string other_use;  // why it has to stay as an initializer; empty when all uses are known
};

// Whether storing a matrix of these dimensions pays.
bool is_large_matrix(std::int64_t rows, std::int64_t columns);

// How the node's input uses a weight: the kind, and whether the initializer is [K, N]; nothing when
// in no way known here.
struct KnownUse {
  UseKind kind;
  bool transposed;
};
std::optional<KnownUse> known_use(const onnx::NodeProto& node, int input);

// Fields of the main graph's nodes, in the order of model.nodes().
Result<std::vector<model::WireField>> node_fields(const model::ModelFile& model);

// Candidates in file order: at least one MatMul, Gemm or Gather, in a body perhaps, uses each.
Result<std::vector<TernaryCandidate>> find_candidates(const model::ModelFile& model,
                                                      const std::vector<model::WireField>& fields);

}  // namespace onnxpack::transform
