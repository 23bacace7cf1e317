// Where a model file keeps the bytes of its tensors.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "onnxpack/base/bytes.h"
#include "onnxpack/base/error.h"

namespace onnxpack::ort_backend {

struct ExternalRange {
  std::string location;
  std::uint64_t offset = 0;
  std::optional<std::uint64_t> length;  // absent: to the end of the file
};

struct TensorBytes {
  std::string name;
  // Contiguous little-endian elements inside the model file; empty when there are none (typed
  // varints, strings, external data).
  ByteView inline_bytes;
  std::optional<ExternalRange> external;
};

// Reads one TensorProto. Errors: corrupt.
Result<TensorBytes> read_tensor(ByteView tensor_proto);

// Every tensor of a ModelProto: initializers, sparse ones, node attributes, subgraphs and function
// bodies, in file order.
Status for_each_tensor(ByteView model, const std::function<Status(const TensorBytes&)>& use);

}  // namespace onnxpack::ort_backend
