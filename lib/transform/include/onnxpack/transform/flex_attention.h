// FlexAttention (ai.onnx.preview 1) in forms that runtimes have: the operator
// org.onnxpack::FlexAttention of libonnxpack_ops, whose modifiers are tile programs in bytes
// attributes and whose captured values are inputs; or the operator's function body in standard
// operators.
//
// Each such node is replaced by a splice on the wire: weights are neither read nor moved in memory,
// everything else stays as it is. The model given is not changed.
#pragma once

#include <string>
#include <vector>

#include "onnxpack/base/error.h"
#include "onnxpack/model/annotate.h"
#include "onnxpack/model/model_file.h"

namespace onnxpack::transform {

enum class FlexForm {
  operator_,  // ours; a node whose modifier is not tileable is expanded all the same
  expansion,  // every node, for runtimes without libonnxpack_ops
};

struct FlexNode {
  std::string name;  // of the node, or of its output when it has none
  bool expanded = false;
  std::string why_expanded;  // empty unless it had to be
  // Text of the tile programs; empty for absent modifiers and expanded nodes.
  std::string score_mod;
  std::string prob_mod;
  // The tile programs themselves, as in the attributes.
  std::string score_bytes;
  std::string prob_bytes;
  std::vector<std::string> captured;
};

struct FlexLowering {
  std::vector<FlexNode> nodes;  // in file order, those in bodies of If, Loop and Scan included
  // The lowered model, of ranges of the given one. When nodes is empty: the model itself.
  model::Splice splice;
};

// Whether there is anything to lower, bodies and functions included. Cost: facts alone, unless the
// model imports the operator's domain and has bodies or functions, which are then read. Errors:
// corrupt, io.
Result<bool> has_flex_attention(const model::ModelFile& model);

// Functions that hold such nodes are written out where they are called. Errors: those of
// model::check(), since types of captured values come from shape inference; corrupt: a node that
// breaks the operator's schema; unsupported: a function of another opset than the model's.
Result<FlexLowering> lower_flex_attention(const model::ModelFile& model, FlexForm form);

// What lowering would find, without its splice; none of a model that breaks the standard.
std::vector<FlexNode> to_lower(const model::ModelFile& model);

}  // namespace onnxpack::transform
