#include "ternary_quantised.h"

#include <fmt/format.h>

#include <cstring>

#include "onnxpack/model/constants.h"
#include "ternary_stored.h"

namespace onnxpack::transform {
namespace {

using model::DataType;
using Raw = std::vector<std::uint8_t>;

struct IntegerType {
  unsigned bits = 0;
  bool is_signed = false;
};
std::optional<IntegerType> integer_type(DataType type) {
  switch (type) {
    case DataType::int8:
      return IntegerType{8, true};
    case DataType::uint8:
      return IntegerType{8, false};
    case DataType::int4:
      return IntegerType{4, true};
    case DataType::uint4:
      return IntegerType{4, false};
    case DataType::int2:
      return IntegerType{2, true};
    case DataType::uint2:
      return IntegerType{2, false};
    default:
      return std::nullopt;
  }
}

bool is_real(DataType type) {
  return type == DataType::float32 || type == DataType::float16 || type == DataType::bfloat16;
}

std::int64_t attribute(const onnx::NodeProto& node, std::string_view name, std::int64_t otherwise) {
  for (const auto& one : node.attribute())
    if (one.name() == name) return one.i();
  return otherwise;
}

const model::Constant* input_of(const onnx::NodeProto& node, int index,
                                const Initializers& initializers) {
  if (index >= node.input_size()) return nullptr;
  auto found = initializers.find(node.input(index));
  return found == initializers.end() ? nullptr : found->second;
}
bool has_input(const onnx::NodeProto& node, int index) {
  return index < node.input_size() && !node.input(index).empty();
}

std::int64_t elements(const model::Constant& constant) {
  std::int64_t out = 1;
  for (std::int64_t dim : constant.dims) out *= dim;
  return out;
}

// One scale, one per slice along the axis, or one per block along it.
bool scales_fit(const QuantisedWeight& weight) {
  const auto& dims = weight.scales->dims;
  if (weight.block == 0) {
    const bool one = elements(*weight.scales) == 1 && dims.size() <= 1;
    return one ||
           (dims.size() == 1 && dims[0] == weight.dims[static_cast<std::size_t>(weight.axis)]);
  }
  if (dims.size() != 2 || weight.block < 0) return false;
  for (std::int64_t d = 0; d < 2; ++d) {
    const auto at = static_cast<std::size_t>(d);
    const std::int64_t want =
        d == weight.axis ? (weight.dims[at] + weight.block - 1) / weight.block : weight.dims[at];
    if (dims[at] != want) return false;
  }
  return true;
}

std::optional<QuantisedWeight> of_dequantize(const onnx::NodeProto& node,
                                             const Initializers& initializers) {
  QuantisedWeight out;
  out.codes = input_of(node, 0, initializers);
  out.scales = input_of(node, 1, initializers);
  out.zeros = input_of(node, 2, initializers);
  const bool known = out.codes != nullptr && out.scales != nullptr &&
                     (out.zeros != nullptr) == has_input(node, 2) && out.codes->dims.size() == 2 &&
                     integer_type(out.codes->type) && is_real(out.scales->type);
  if (!known || node.output_size() != 1) return std::nullopt;
  out.type = out.scales->type;
  const auto type = attribute(node, "output_dtype", 0);
  if (type != 0 && type != static_cast<std::int64_t>(out.type)) return std::nullopt;
  out.name = node.output(0);
  out.dims = out.codes->dims;
  out.axis = attribute(node, "axis", 1);
  if (out.axis < 0) out.axis += 2;
  out.block = attribute(node, "block_size", 0);
  if (out.axis < 0 || out.axis > 1 || !scales_fit(out)) return std::nullopt;
  const bool zeros = out.zeros == nullptr ||
                     (out.zeros->type == out.codes->type && out.zeros->dims == out.scales->dims);
  return zeros ? std::optional(out) : std::nullopt;
}

std::optional<QuantisedWeight> of_nbits(const onnx::NodeProto& node,
                                        const Initializers& initializers) {
  QuantisedWeight out;
  out.codes = input_of(node, 1, initializers);
  out.scales = input_of(node, 2, initializers);
  out.zeros = input_of(node, 3, initializers);
  const std::int64_t rows = attribute(node, "N", 0);
  const std::int64_t columns = attribute(node, "K", 0);
  const std::int64_t bits = attribute(node, "bits", 4);
  out.block = attribute(node, "block_size", 0);
  const bool known = out.codes != nullptr && out.codes->type == DataType::uint8 &&
                     out.scales != nullptr && is_real(out.scales->type) &&
                     (out.zeros != nullptr) == has_input(node, 3) && !has_input(node, 4) &&
                     (out.zeros == nullptr || out.zeros->type == DataType::uint8) && rows > 0 &&
                     columns > 0 && (bits == 2 || bits == 4 || bits == 8) && out.block >= 16 &&
                     node.output_size() == 1;
  if (!known) return std::nullopt;
  out.nbits = static_cast<unsigned>(bits);
  out.type = out.scales->type;
  out.name = out.codes->name + ".weight";
  out.dims = {columns, rows};
  return out;
}

// Whole numbers packed lowest bits first.
class Integers {
 public:
  Integers(Raw bytes, IntegerType type) : bytes_(std::move(bytes)), type_(type) {}
  bool holds(std::size_t count) const { return bytes_.size() * 8 / type_.bits >= count; }
  int at(std::size_t index) const {
    const std::size_t bit = index * type_.bits;
    const unsigned field =
        (static_cast<unsigned>(bytes_[bit / 8]) >> (bit % 8)) & ((1U << type_.bits) - 1U);
    const bool negative = type_.is_signed && (field >> (type_.bits - 1)) != 0;
    return static_cast<int>(field) - (negative ? 1 << type_.bits : 0);
  }

 private:
  Raw bytes_;
  IntegerType type_;
};

// (code - zero point) * scale, in the scales' type.
class Multiplier {
 public:
  Multiplier(DataType type, Raw scales) : type_(type), scales_(std::move(scales)) {}
  std::size_t width() const { return type_ == DataType::float32 ? 4 : 2; }
  bool holds(std::size_t count) const { return scales_.size() / width() >= count; }
  // False where the product is not exact in half precision, which would need the runtime's
  // rounding.
  bool multiply(int factor, std::size_t scale, std::uint8_t* out) const {
    if (type_ == DataType::float32) {
      float value = 0;
      std::memcpy(&value, scales_.data() + scale * 4, 4);
      value *= static_cast<float>(factor);
      std::memcpy(out, &value, 4);
      return true;
    }
    std::uint16_t bits = 0;
    std::memcpy(&bits, scales_.data() + scale * 2, 2);
    if (factor == 0) bits &= 0x8000;
    if (factor < 0) bits ^= 0x8000;
    std::memcpy(out, &bits, 2);
    return factor >= -1 && factor <= 1;
  }

 private:
  DataType type_;
  Raw scales_;
};

std::unexpected<Error> too_few(const QuantisedWeight& weight) {
  return fail(ErrorKind::corrupt,
              fmt::format("{}: codes, scales or zero points are too few", weight.codes->name));
}

// Where an element of the matrix has its code, its scale and its zero point.
struct Places {
  std::size_t code = 0;
  std::size_t scale = 0;
  std::size_t zero = 0;
};

class Indices {
 public:
  explicit Indices(const QuantisedWeight& weight)
      : weight_(weight),
        rows_(static_cast<std::size_t>(weight.dims[0])),
        columns_(static_cast<std::size_t>(weight.dims[1])),
        block_(static_cast<std::size_t>(weight.block)) {
    if (weight.nbits != 0) blocks_ = (rows_ + block_ - 1) / block_;
    // Zero points of a row of MatMulNBits begin at whole bytes.
    if (weight.nbits != 0) zeros_ = (blocks_ * weight.nbits + 7) / 8 * 8 / weight.nbits;
  }

  Places at(std::size_t r, std::size_t c) const {
    // Of MatMulNBits the matrix is [K, N].
    if (weight_.nbits != 0)
      return {c * blocks_ * block_ + r, c * blocks_ + r / block_, c * zeros_ + r / block_};
    const std::size_t scale = scale_at(r, c);
    return {r * columns_ + c, scale, scale};
  }

 private:
  std::size_t scale_at(std::size_t r, std::size_t c) const {
    if (block_ == 0) {
      if (elements(*weight_.scales) == 1) return 0;
      return weight_.axis == 0 ? r : c;
    }
    if (weight_.axis == 0) return r / block_ * columns_ + c;
    return r * ((columns_ + block_ - 1) / block_) + c / block_;
  }

  const QuantisedWeight& weight_;
  std::size_t rows_;
  std::size_t columns_;
  std::size_t block_;
  std::size_t blocks_ = 0;
  std::size_t zeros_ = 0;
};

}  // namespace

std::optional<QuantisedWeight> quantised_weight(const onnx::NodeProto& node,
                                                const Initializers& initializers) {
  const bool standard = node.domain().empty() || node.domain() == "ai.onnx";
  const bool microsoft = node.domain() == "com.microsoft";
  if (node.op_type() == "DequantizeLinear" && (standard || microsoft))
    return of_dequantize(node, initializers);
  if (node.op_type() == "MatMulNBits" && microsoft) return of_nbits(node, initializers);
  return std::nullopt;
}

Result<std::variant<Raw, std::string>> dequantise(const model::ModelFile& model,
                                                  const QuantisedWeight& weight) {
  using Answer = std::variant<Raw, std::string>;
  const IntegerType type =
      weight.nbits != 0 ? IntegerType{weight.nbits, false} : *integer_type(weight.codes->type);
  ONNXPACK_TRY(Raw code_bytes, read_weight(model, *weight.codes));
  const Integers codes(std::move(code_bytes), type);
  ONNXPACK_TRY(Raw scale_bytes, read_weight(model, *weight.scales));
  const Multiplier multiplier(weight.type, std::move(scale_bytes));
  std::optional<Integers> zeros;
  if (weight.zeros != nullptr) {
    ONNXPACK_TRY(Raw zero_bytes, read_weight(model, *weight.zeros));
    zeros.emplace(std::move(zero_bytes), type);
  }
  // Without zero points MatMulNBits takes the middle, DequantizeLinear 0.
  const int middle = weight.nbits != 0 ? 1 << (weight.nbits - 1) : 0;
  const Indices indices(weight);
  const auto rows = static_cast<std::size_t>(weight.dims[0]);
  const auto columns = static_cast<std::size_t>(weight.dims[1]);
  const Places last = indices.at(rows - 1, columns - 1);
  if (!codes.holds(last.code + 1) || !multiplier.holds(last.scale + 1) ||
      (zeros && !zeros->holds(last.zero + 1)))
    return too_few(weight);
  const std::size_t width = multiplier.width();
  Raw out(rows * columns * width);
  for (std::size_t r = 0; r < rows; ++r) {
    for (std::size_t c = 0; c < columns; ++c) {
      const Places places = indices.at(r, c);
      const int factor = codes.at(places.code) - (zeros ? zeros->at(places.zero) : middle);
      if (!multiplier.multiply(factor, places.scale, out.data() + (r * columns + c) * width))
        return Answer(
            fmt::format("not ternary: {} times the scale at row {}, column {}", factor, r, c));
    }
  }
  return Answer(std::move(out));
}

}  // namespace onnxpack::transform
