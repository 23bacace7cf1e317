// Wire walks of the small messages: types, shapes, entries, tensors' heads.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "facts.h"
#include "onnxpack/model/model_file.h"
#include "onnxpack/model/wire.h"

namespace onnxpack::model {

Result<ValueInfo> walk_value_info(WireMessage message);
Result<MetadataEntry> walk_entry(WireMessage message);
Result<OpsetImport> walk_opset_import(WireMessage message);

// A TensorProto without its values.
struct TensorHead {
  std::string name;
  DataType type = DataType::undefined;
  std::vector<std::int64_t> dims;
  std::optional<WireField> raw;
  // The only occurrence of a packed float_data or double_data, when no other value field occurs.
  std::optional<WireField> packed_floats;
  bool typed = false;  // some value field other than raw_data
  bool external = false;
  std::vector<MetadataEntry> external_data;
};
Result<TensorHead> walk_tensor_head(WireMessage message);

// "tensor w of graph": for messages.
std::string describe(const Constant& constant);

}  // namespace onnxpack::model
