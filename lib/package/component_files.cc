#include "component_files.h"

#include <bit>

namespace onnxpack::package {
namespace {

// A weight of two dimensions; others are not looked for transposed.
extents::Matrix as_matrix(const model::Constant& constant) {
  if (constant.dims.size() != 2 || constant.dims[0] < 2 || constant.dims[1] < 2) return {};
  auto rows = static_cast<std::uint64_t>(constant.dims[0]);
  auto columns = static_cast<std::uint64_t>(constant.dims[1]);
  std::uint64_t element = constant.size / rows / columns;
  bool plain = element * rows * columns == constant.size && std::has_single_bit(element) &&
               element <= 8;  // no packed ones of half a byte
  return plain ? extents::Matrix{element, rows, columns} : extents::Matrix{};
}

// The form in which a matrix may be ternary.
extents::TernaryForm ternary_form(model::DataType type) {
  switch (type) {
    case model::DataType::float32:
      return extents::TernaryForm::float32;
    case model::DataType::float16:
      return extents::TernaryForm::float16;
    case model::DataType::bfloat16:
      return extents::TernaryForm::bfloat16;
    case model::DataType::uint2:
      return extents::TernaryForm::u2;
    default:
      return extents::TernaryForm::none;
  }
}

}  // namespace

extents::Range range_of(const model::Constant& constant, std::uint64_t offset) {
  extents::Range out{offset, constant.size, as_matrix(constant)};
  if (constant.dims.size() != 2 || constant.dims[0] < 1 || constant.dims[1] < 1) return out;
  out.form = ternary_form(constant.type);
  out.rows = static_cast<std::uint64_t>(constant.dims[0]);
  out.columns = static_cast<std::uint64_t>(constant.dims[1]);
  return out;
}

extents::Range range_of(const model::Constant& constant, std::uint64_t offset,
                        const transform::TernaryCodes& codes) {
  extents::Range out{offset, constant.size};
  if (codes.rows < 1 || codes.columns < 1) return out;
  out.form = codes.encoding == "ternary.t5r/1"   ? extents::TernaryForm::t5r
             : codes.encoding == "ternary.t5k/1" ? extents::TernaryForm::t5k
             : codes.encoding == "ternary.u2/1"  ? extents::TernaryForm::u2
                                                 : extents::TernaryForm::none;
  out.rows = static_cast<std::uint64_t>(codes.rows);
  out.columns = static_cast<std::uint64_t>(codes.columns);
  return out;
}

}  // namespace onnxpack::package
