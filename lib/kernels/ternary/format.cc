#include "onnxpack/kernels/ternary/format.h"

#include <limits>

#include "ternary/codec.h"

namespace onnxpack::kernels::ternary {
namespace {

std::optional<std::size_t> times(std::size_t a, std::size_t b) {
  if (b != 0 && a > std::numeric_limits<std::size_t>::max() / b) return std::nullopt;
  return a * b;
}

std::size_t ceil_div(std::size_t a, std::size_t b) {
  return a / b + (a % b != 0 ? 1 : 0);
}

}  // namespace

std::string_view encoding_name(Format format) {
  switch (format) {
    case Format::u2:
      return "ternary.u2/1";
    case Format::t5r:
      return "ternary.t5r/1";
    case Format::t5k:
      return "ternary.t5k/1";
    case Format::u2r:
      break;
  }
  return "ternary.u2r/1";
}

std::optional<Format> parse_encoding(std::string_view name) {
  for (Format format : {Format::u2, Format::t5r, Format::t5k})
    if (name == encoding_name(format)) return format;
  return std::nullopt;
}

std::optional<Layout> layout_of(Format format, Shape shape) {
  Layout layout{format, shape, 0, shape.rows, 0};
  const auto elements = times(shape.rows, shape.columns);
  // 64 less than the limit, so that rounding up below cannot wrap.
  if (!elements || shape.columns > std::numeric_limits<std::size_t>::max() - 64)
    return std::nullopt;
  switch (format) {
    case Format::u2:
      layout.stride = shape.columns % 4 == 0 ? shape.columns / 4 : 0;
      layout.bytes = ceil_div(*elements, 4);
      return layout;
    case Format::t5k:
      layout.stride = ceil_div(shape.columns, 5);
      break;
    case Format::t5r:
    case Format::u2r:
      layout.stride = ceil_div(shape.columns, 64) * 64;
      layout.groups = ceil_div(shape.rows, rows_in_byte(format));
      break;
  }
  const auto bytes = times(layout.groups, layout.stride);
  if (!bytes) return std::nullopt;
  layout.bytes = *bytes;
  return layout;
}

}  // namespace onnxpack::kernels::ternary
