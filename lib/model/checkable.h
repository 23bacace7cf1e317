// A skeleton made fit for onnx's checker and shape inference, which know nothing of left-out
// weights and unknown operators.
#pragma once

#include <onnx/onnx_pb.h>

#include <string>
#include <vector>

#include "onnxpack/model/check.h"

namespace onnxpack::model {

struct Checkable {
  std::vector<UnknownOperator> unknown;
  std::vector<std::string> notes;
  bool newer_opset = false;  // an opset newer than onnx 1.23 knows: its verdict is a guess
  bool can_infer =
      true;  // false when a function holds more constants than it is worth making zeros of
};

// Renames nodes without schema into a domain that the checker skips, and notes them.
void set_unknown_aside(onnx::ModelProto& model, Checkable& out);
// Large initializers and Constant nodes become graph inputs; those in bodies are reached through
// Identity nodes.
void replace_left_out(onnx::ModelProto& model, Checkable& out);

// A sparse initializer means its dense tensor, and runtimes take it wherever one is taken, but
// onnx's inference gives it a sparse type that next to no operator accepts. So, after the checker
// saw them, they become dense inputs too.
void densify(onnx::ModelProto& model);

// Names of inputs that replace_left_out() made for bodies begin so.
inline constexpr std::string_view hoisted_prefix = "onnxpack.constant.";

}  // namespace onnxpack::model
