// One weight: read, found to be ternary, encoded, proved, written.
#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "onnxpack/base/bytes.h"
#include "onnxpack/base/error.h"
#include "onnxpack/io/file.h"
#include "onnxpack/kernels/ternary/format.h"
#include "onnxpack/kernels/ternary/scales.h"
#include "onnxpack/model/model_file.h"

namespace onnxpack::transform {

// A weight as nodes see it.
struct WeightFacts {
  std::string name;
  model::DataType type = model::DataType::undefined;  // float32, float16 or bfloat16
  std::vector<std::int64_t> dims;                     // two
};

struct StoredTernary {
  kernels::ternary::Layout layout;
  kernels::ternary::ScaleLayout scale_layout;
  kernels::ternary::ScaleType scale_type = kernels::ternary::ScaleType::float32;
  Bytes scales;  // little endian, as scale_layout's shape says
  std::uint64_t offset = 0;
  std::uint64_t negative_zeros = 0;
};
// Why a weight stays as it is.
struct Refused {
  std::string why;
};

// In which order the codes stand.
enum class CodeOrder : std::uint8_t {
  rows,            // [N, K], whatever the initializer
  as_initializer,  // the initializer's own elements in their own order (u2)
};

// The values of an initializer. Errors: as read_constant.
Result<std::vector<std::uint8_t>> read_weight(const model::ModelFile& model,
                                              const model::Constant& constant);

// Appends the codes of `values` to `codes` at the next multiple of 4096. Errors: io; internal: the
// codes do not give the weight back.
Result<std::variant<StoredTernary, Refused>> store_ternary(
    const WeightFacts& facts, const std::vector<std::uint8_t>& values, bool transposed,
    kernels::ternary::Format format, CodeOrder order, kernels::ternary::NegativeZero zero,
    io::WritableFile& codes);

// Zeros up to the next multiple of 4096.
Status pad_to_page(io::WritableFile& file);

}  // namespace onnxpack::transform
