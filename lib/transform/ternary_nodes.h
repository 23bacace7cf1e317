// What replaces a ternary weight and the nodes that use it, in each form.
#pragma once

#include <onnx/onnx_pb.h>

#include <string>
#include <vector>

#include "onnxpack/model/model_file.h"
#include "onnxpack/transform/ternarize.h"
#include "ternary_candidates.h"
#include "ternary_stored.h"

namespace onnxpack::transform {

struct Rewriting {
  TernaryForm form = TernaryForm::operators;
  bool float_activations = false;
  std::string location;
  std::int64_t opset = 0;  // of the default domain
  // New values are named <a value> mark <part>, those that all weights share <stem>.<part>; nothing
  // in the model is.
  std::string mark = ".";
  std::string stem = "org.onnxpack";

  std::string shared(const char* part) const { return stem + "." + part; }
};

// One weight's part in the new graph.
class TernaryRewrite {
 public:
  TernaryRewrite(const Rewriting& how, WeightFacts weight, bool transposed, StoredTernary stored)
      : how_(how),
        weight_(std::move(weight)),
        transposed_(transposed),
        stored_(std::move(stored)) {}

  // The codes (external), the scales, and what the nodes need beside them.
  std::vector<onnx::TensorProto> initializers() const;
  // Nodes that come before all others.
  std::vector<onnx::NodeProto> decoders() const;
  // What stands for `node`, which uses the weight as `kind`: itself in the forms that keep it.
  std::vector<onnx::NodeProto> replace(const onnx::NodeProto& node, UseKind kind) const;

 private:
  std::string named(const char* part) const { return weight_.name + how_.mark + part; }
  std::string shared(const char* part) const { return how_.shared(part); }
  onnx::TensorProto codes() const;
  onnx::TensorProto scales(bool for_dequantize) const;
  std::vector<onnx::NodeProto> dequantize() const;
  std::vector<onnx::NodeProto> decode_portable() const;
  onnx::NodeProto operator_node(const char* type, const std::string& output) const;
  std::vector<onnx::NodeProto> replace_nbits(const onnx::NodeProto& node) const;
  void matmul_by_operator(const onnx::NodeProto& node, const std::string& input,
                          const std::string& output, std::vector<onnx::NodeProto>& out) const;
  void matmul_portable(const onnx::NodeProto& node, const std::string& input,
                       const std::string& output, std::vector<onnx::NodeProto>& out) const;

  const Rewriting& how_;
  WeightFacts weight_;
  bool transposed_;
  StoredTernary stored_;
};

// Initializers that all weights of the portable form share.
std::vector<onnx::TensorProto> shared_portable_initializers(const Rewriting& how);

}  // namespace onnxpack::transform
