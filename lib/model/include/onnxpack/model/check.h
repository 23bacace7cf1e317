// Is this a valid ONNX model? onnx's own checker and strict shape inference, on a skeleton of the
// graph without large weights.
//
// Skeleton: large initializers become graph inputs, large Constant nodes become inputs and go, so
// onnx never sees weights; small tensors stay, since shape inference computes with them. Operators
// that onnx 1.23 has no schema for (a vendor's domain, a newer opset) are found beforehand and
// reported, not refused: a backend may know them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "onnxpack/base/error.h"
#include "onnxpack/model/model_file.h"

namespace onnxpack::model {

struct UnknownOperator {
  std::string domain;   // "" is ai.onnx
  std::string op_type;  // empty when the whole opset version is unknown
  std::int64_t opset = 0;
  std::size_t count = 0;  // nodes
  std::string message;    // "no schema for com.example::Fancy (opset 1), used by 3 nodes"
};

// Names a body by the node that holds it, "y.then_branch", within the body that this stands in:
// "y.then_branch/z.body". Nodes go by their first output.
std::string body_path(const std::string& outer, const std::string& first_output,
                      const std::string& attribute);

struct CheckReport {
  std::vector<UnknownOperator> unknown;
  // What else to tell: a failure that only unknown operators or a newer opset may explain, a part
  // that was not checked and why.
  std::vector<std::string> warnings;
  // Types and shapes of all values of the top-level graph that are known after inference, inputs
  // and outputs included, by name.
  std::vector<ValueInfo> values;
  // The same of bodies (If, Loop, Scan), by body_path().
  std::map<std::string, std::vector<ValueInfo>> bodies;
  bool complete = true;  // no part was left out
};

// Errors: corrupt, with onnx's reason, when the model breaks the standard; unsupported when the
// graph alone exceeds 2 GiB. Cost: onnx registers its schemas on first use (some 10 ms), then
// linear in nodes. Thread safe.
Result<CheckReport> check(const ModelFile& model);

}  // namespace onnxpack::model
