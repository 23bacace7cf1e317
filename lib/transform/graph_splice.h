// A model whose graph has some nodes replaced by others, as ranges of the old file.
#pragma once

#include <onnx/onnx_pb.h>

#include <functional>
#include <optional>
#include <vector>

#include "onnxpack/base/error.h"
#include "onnxpack/model/annotate.h"
#include "onnxpack/model/model_file.h"
#include "onnxpack/model/wire.h"

namespace onnxpack::transform {

struct GraphEdit {
  // Whether the node is worth reading: it may be replaced.
  std::function<bool(const model::Node&)> looks_at;
  // What stands for the node; nothing: it stays, byte for byte.
  std::function<Result<std::optional<std::vector<onnx::NodeProto>>>(onnx::NodeProto)> replace;
  // Further initializers of the graph, asked for when all nodes were seen. Absent: none. Written only
  // where a node was replaced.
  std::function<std::vector<onnx::TensorProto>()> initializers;
  // Whether a function, as its field of the model, stays. Absent: all do.
  std::function<Result<bool>(const model::WireField&)> keeps_function;
  // Further imports, asked for when all nodes were seen.
  std::function<std::vector<onnx::OperatorSetIdProto>()> imports;
};

// The splice refers to model.file(); of a model in which nothing changed it is the model itself.
Result<model::Splice> edit_model(const model::ModelFile& model, const GraphEdit& edit);

// A graph as the model's field: its ranges are those of the same file.
void append_graph(model::Splice& model, const model::Splice& graph);

// The model's version of the default domain; 0 when it imports none.
std::int64_t default_opset(const model::ModelFile& model);

// A node of the main graph, as its field. Errors: unsupported above 256 MiB, corrupt.
Result<onnx::NodeProto> read_node(const model::ModelFile& model, const model::WireField& field);
// A function of the model. Errors: unsupported above 256 MiB, corrupt.
Result<onnx::FunctionProto> read_function(const model::ModelFile& model,
                                          const model::WireField& field);

// Operators with graphs in their attributes.
bool holds_graphs(const std::string& op_type);

}  // namespace onnxpack::transform
