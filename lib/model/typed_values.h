// The values of a TensorProto that stand in its typed fields, as the bytes that raw_data would
// hold.
#pragma once

#include <functional>

#include "onnxpack/model/data_type.h"
#include "onnxpack/model/wire.h"

namespace onnxpack::model {

using ByteSink = std::function<Status(ByteView)>;

// Which field holds values of `type`; 0 for types that onnx 1.23 does not know.
std::uint32_t storage_field(DataType type);

// Walks `tensor` and hands the bytes of its values to `use` in pieces. Errors: corrupt, unsupported
// (unknown type). Requires: type is not string.
Status decode_typed(WireMessage tensor, DataType type, const ByteSink& use);
// The texts of a string tensor.
Status decode_strings(WireMessage tensor, const std::function<Status(std::string_view)>& use);

}  // namespace onnxpack::model
