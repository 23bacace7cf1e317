// ONNX TensorProto files (test_data_set_*/input_0.pb): one tensor with its values.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "onnxpack/base/bytes.h"
#include "onnxpack/base/error.h"
#include "onnxpack/model/data_type.h"

namespace onnxpack::model {

struct TensorData {
  std::string name;
  DataType type = DataType::undefined;
  std::vector<std::int64_t> dims;
  Bytes raw;                         // little endian, sub-byte elements packed; empty for strings
  std::vector<std::string> strings;  // DataType::string only
};

// All storage fields are converted to raw bytes. Errors: corrupt (wire format, value count against
// type and shape, undefined type), unsupported (external data, unknown types).
Result<TensorData> parse_tensor_proto(ByteView bytes);

}  // namespace onnxpack::model
