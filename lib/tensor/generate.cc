#include "onnxpack/tensor/generate.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>

namespace onnxpack::tensor {
namespace {

std::uint64_t mix(std::uint64_t x) {
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
  return x ^ (x >> 31);
}

std::uint64_t key_of(std::uint64_t seed, std::string_view stream) {
  std::uint64_t hash = 0xcbf29ce484222325ULL;
  for (const char c : stream) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3ULL;
  return mix(seed ^ hash);
}

class Stream {
 public:
  Stream(std::uint64_t seed, std::string_view name) : key_(key_of(seed, name)) {}
  std::uint64_t word(std::uint64_t index) const {
    return mix(key_ + (index + 1) * 0x9e3779b97f4a7c15ULL);
  }

 private:
  std::uint64_t key_;
};

// Mean 0, variance 1: the sum of four uniform integers has variance 4 * (65536^2 - 1) / 12.
double bell(std::uint64_t word) {
  std::int64_t sum = 0;
  for (int i = 0; i < 4; ++i) sum += static_cast<std::int64_t>((word >> (16 * i)) & 0xffff);
  constexpr double one_sigma =
      37837.2266;  // sqrt(4 * (65536^2 - 1) / 12), cut to nine digits: the scale is ours to define
  return (static_cast<double>(sum) - 131070.0) / one_sigma;
}

double real_value(const InputSpec& spec, std::uint64_t word) {
  if (spec.distribution == Distribution::uniform) {
    const double unit = static_cast<double>(word >> 11) * 0x1p-53;
    return spec.low + unit * (spec.high - spec.low);
  }
  const double middle = spec.low / 2 + spec.high / 2;
  return middle + bell(word) * (spec.high / 2 - spec.low / 2);
}

// Round to nearest even from float to the top `keep` bits: bfloat16 is a float cut short.
std::uint16_t to_bfloat16(float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  return static_cast<std::uint16_t>((bits + 0x7fff + ((bits >> 16) & 1)) >> 16);
}

std::uint16_t to_float16(double value) {
  const std::uint16_t sign = std::signbit(value) ? 0x8000 : 0;
  const double magnitude = std::abs(value);
  if (magnitude >= 65520.0) return sign | 0x7c00;
  if (magnitude == 0) return sign;
  int exponent = 0;
  std::frexp(magnitude, &exponent);                // magnitude in [2^(exponent-1), 2^exponent)
  const int power = std::max(exponent - 11, -24);  // weight of the last mantissa bit
  const auto steps = static_cast<std::uint32_t>(std::nearbyint(std::ldexp(magnitude, -power)));
  // `steps` carries the hidden bit for normal numbers; adding lets a round-up spill into the
  // exponent.
  const std::uint32_t bits = steps + (static_cast<std::uint32_t>(power + 24) << 10);
  return static_cast<std::uint16_t>(sign | bits);
}

template <typename T>
void put(Bytes& data, std::size_t index, T value) {
  std::memcpy(data.data() + index * sizeof(T), &value, sizeof(T));
}

// Twice the width of a word; g++ and clang both have it, -Wpedantic wants it said.
__extension__ using Wide = unsigned __int128;

struct IntegerRange {
  std::int64_t low;
  std::uint64_t span;  // high - low
};

IntegerRange integer_range(const InputSpec& spec) {
  const unsigned bits = bit_width(spec.type);
  std::int64_t least = 0;
  std::int64_t most = std::numeric_limits<std::int64_t>::max();
  if (is_signed(spec.type)) {
    least =
        bits == 64 ? std::numeric_limits<std::int64_t>::min() : -(std::int64_t{1} << (bits - 1));
    most = bits == 64 ? most : (std::int64_t{1} << (bits - 1)) - 1;
  } else if (bits < 64) {
    most = (std::int64_t{1} << bits) - 1;
  }
  const std::int64_t low = std::clamp(spec.int_low, least, most);
  const std::int64_t high = std::clamp(spec.int_high, least, most);
  return {low, static_cast<std::uint64_t>(high) - static_cast<std::uint64_t>(low)};
}

// Multiply-and-shift instead of a remainder: one word per element, bias below 2^-32 for every range
// an index has.
std::int64_t integer_value(const IntegerRange& range, std::uint64_t word) {
  if (range.span == std::numeric_limits<std::uint64_t>::max())
    return static_cast<std::int64_t>(word);
  const auto offset =
      static_cast<std::uint64_t>((static_cast<Wide>(word) * (range.span + 1)) >> 64);
  return static_cast<std::int64_t>(static_cast<std::uint64_t>(range.low) + offset);
}

void fill_integers(const InputSpec& spec, const Stream& stream, std::uint64_t count, Bytes& data) {
  const IntegerRange range = integer_range(spec);
  const unsigned bits = bit_width(spec.type);
  for (std::uint64_t i = 0; i < count; ++i) {
    const auto value = static_cast<std::uint64_t>(integer_value(range, stream.word(i)));
    if (bits >= 8) {
      std::memcpy(data.data() + i * (bits / 8), &value, bits / 8);
    } else {
      const std::uint64_t per_byte = 8 / bits;
      const auto field = static_cast<unsigned>(value & ((1U << bits) - 1U));
      data[i / per_byte] |=
          static_cast<std::byte>(field << (bits * static_cast<unsigned>(i % per_byte)));
    }
  }
}

void fill_floats(const InputSpec& spec, const Stream& stream, std::uint64_t count, Bytes& data) {
  for (std::uint64_t i = 0; i < count; ++i) {
    const double value = real_value(spec, stream.word(i));
    switch (spec.type) {
      case ElementType::float64:
      case ElementType::complex128:
        put(data, i, value);
        break;
      case ElementType::float16:
        put(data, i, to_float16(value));
        break;
      case ElementType::bfloat16:
        put(data, i, to_bfloat16(static_cast<float>(value)));
        break;
      default:
        put(data, i, static_cast<float>(value));
        break;
    }
  }
}

// The 4- and 8-bit floating types have few values and differing specials: uniform over the finite
// patterns near one.
void fill_tiny_floats(const InputSpec& spec, const Stream& stream, std::uint64_t count,
                      Bytes& data) {
  for (std::uint64_t i = 0; i < count; ++i) {
    const std::uint64_t word = stream.word(i);
    if (spec.type == ElementType::float4e2m1) {
      data[i / 2] |= static_cast<std::byte>((word & 0xf) << (4 * (i % 2)));
    } else if (spec.type == ElementType::float8e8m0) {
      data[i] = static_cast<std::byte>(124 + (word & 3));  // 1/8 to 1
    } else {
      // Exponents of about 1/8 to 1: half the exponent field, low part; the sign from a bit of its
      // own.
      const unsigned top =
          spec.type == ElementType::float8e5m2 || spec.type == ElementType::float8e5m2fnuz ? 0x30U
                                                                                           : 0x20U;
      data[i] = static_cast<std::byte>(top | (word & 0xf) | ((word >> 8) & 1) << 7);
    }
  }
}

Status check_spec(const InputSpec& spec) {
  if (is_integer(spec.type)) {
    if (spec.int_low > spec.int_high) {
      return fail(ErrorKind::invalid_argument, fmt::format("input '{}': range {} to {} is empty",
                                                           spec.name, spec.int_low, spec.int_high));
    }
  } else if (!std::isfinite(spec.low) || !std::isfinite(spec.high) || spec.low > spec.high) {
    return fail(ErrorKind::invalid_argument,
                fmt::format("input '{}': range {} to {} is empty or not finite", spec.name,
                            spec.low, spec.high));
  }
  return {};
}

}  // namespace

std::uint64_t random_word(std::uint64_t seed, std::string_view stream, std::uint64_t index) {
  return Stream(seed, stream).word(index);
}

Result<Tensor> generate(const InputSpec& spec, std::uint64_t seed) {
  ONNXPACK_CHECK(check_spec(spec));
  auto size = byte_size(spec.type, spec.shape);
  if (!size)
    return std::unexpected<Error>(std::move(size.error()).in(fmt::format("input '{}'", spec.name)));
  ONNXPACK_TRY(std::uint64_t count, element_count(spec.shape));
  Tensor tensor{spec.type, spec.shape, Bytes(*size)};
  const Stream stream(seed, spec.name);
  if (is_integer(spec.type)) {
    fill_integers(spec, stream, count, tensor.data);
  } else if (spec.type == ElementType::boolean) {
    for (std::uint64_t i = 0; i < count; ++i)
      tensor.data[i] = static_cast<std::byte>(stream.word(i) >> 63);
  } else if (bit_width(spec.type) <= 8) {
    fill_tiny_floats(spec, stream, count, tensor.data);
  } else {
    fill_floats(spec, stream, is_complex(spec.type) ? 2 * count : count, tensor.data);
  }
  return tensor;
}

}  // namespace onnxpack::tensor
