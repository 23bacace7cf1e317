// What each operation means, once: constants are folded with it and the reference kernel runs on
// it. f32 values are carried as doubles: sum, product, quotient and square root of two floats,
// rounded to double and then to float, are the correctly rounded floats.
#include <cmath>
#include <limits>

#include "flex_attention/half.h"
#include "onnxpack/kernels/flex_program.h"

namespace onnxpack::kernels::flex {
namespace {

std::int64_t wrap(std::uint64_t value) {
  return static_cast<std::int64_t>(value);
}
std::uint64_t bits(std::int64_t value) {
  return static_cast<std::uint64_t>(value);
}

std::int64_t integer_quotient(std::int64_t a, std::int64_t b) {
  if (b == 0) return 0;
  if (b == -1) return wrap(0 - bits(a));  // the one quotient that overflows
  return a / b;
}
std::int64_t integer_remainder(std::int64_t a, std::int64_t b) {
  return b == 0 || b == -1 ? 0 : a % b;
}
std::int64_t integer_modulo(std::int64_t a, std::int64_t b) {
  const std::int64_t rest = integer_remainder(a, b);
  return rest != 0 && (rest < 0) != (b < 0) ? rest + b : rest;
}

std::int64_t integer_power(std::int64_t base, std::int64_t exponent) {
  if (exponent < 0) return base == 1 ? 1 : base == -1 ? (exponent % 2 == 0 ? 1 : -1) : 0;
  std::uint64_t out = 1;
  std::uint64_t factor = bits(base);
  for (std::uint64_t left = bits(exponent); left != 0; left >>= 1U) {
    if ((left & 1U) != 0) out *= factor;
    factor *= factor;
  }
  return wrap(out);
}

std::int64_t integer_result(Op op, std::int64_t a, std::int64_t b) {
  switch (op) {
    case Op::negate:
      return wrap(0 - bits(a));
    case Op::absolute:
      return a < 0 ? wrap(0 - bits(a)) : a;
    case Op::sign:
      return a > 0 ? 1 : a < 0 ? -1 : 0;
    case Op::add:
      return wrap(bits(a) + bits(b));
    case Op::subtract:
      return wrap(bits(a) - bits(b));
    case Op::multiply:
      return wrap(bits(a) * bits(b));
    case Op::divide:
      return integer_quotient(a, b);
    case Op::modulo:
      return integer_modulo(a, b);
    case Op::remainder:
      return integer_remainder(a, b);
    case Op::power:
      return integer_power(a, b);
    case Op::minimum:
      return a < b ? a : b;
    case Op::maximum:
      return a > b ? a : b;
    default:
      return a;  // floor, ceiling, round and the like of an integer
  }
}

// NaN comes through on either side, as in ONNX Runtime.
double least(double a, double b) {
  return a != a ? a : b != b ? b : a < b ? a : b;
}
double greatest(double a, double b) {
  return a != a ? a : b != b ? b : a > b ? a : b;
}

double real_result(Op op, double a, double b) {
  switch (op) {
    case Op::negate:
      return -a;
    case Op::absolute:
      return std::fabs(a);
    case Op::square_root:
      return std::sqrt(a);
    case Op::exponential:
      return std::exp(a);
    case Op::logarithm:
      return std::log(a);
    case Op::hyperbolic_tangent:
      return std::tanh(a);
    case Op::sigmoid:
      return 1.0 / (1.0 + std::exp(-a));
    case Op::error_function:
      return std::erf(a);
    case Op::sine:
      return std::sin(a);
    case Op::cosine:
      return std::cos(a);
    case Op::floor:
      return std::floor(a);
    case Op::ceiling:
      return std::ceil(a);
    case Op::round:
      return std::nearbyint(a);
    case Op::sign:
      return a > 0 ? 1 : a < 0 ? -1 : a;
    case Op::add:
      return a + b;
    case Op::subtract:
      return a - b;
    case Op::multiply:
      return a * b;
    case Op::divide:
      return a / b;
    case Op::modulo:
    case Op::remainder:
      return std::fmod(a, b);
    case Op::power:
      return std::pow(a, b);
    case Op::minimum:
      return least(a, b);
    case Op::maximum:
      return greatest(a, b);
    default:
      return a;
  }
}

bool compare(Op op, Type from, const Scalar& a, const Scalar& b) {
  const bool real = is_float(from);
  switch (op) {
    case Op::equal:
      return real ? a.f == b.f : a.i == b.i;
    case Op::less:
      return real ? a.f < b.f : a.i < b.i;
    default:
      return real ? a.f <= b.f : a.i <= b.i;
  }
}

Scalar truth(bool value) {
  return {0, value ? 1 : 0};
}

Scalar converted(Type type, Type from, Scalar a) {
  if (is_float(type))
    return round_to(type, is_float(from) ? a : Scalar{static_cast<double>(a.i), 0});
  if (type == Type::boolean) return truth(is_float(from) ? a.f != 0 : a.i != 0);
  if (!is_float(from)) return round_to(type, a);
  // Out of range is undefined in C++ and left open by ONNX: the nearest value, and 0 for NaN.
  constexpr double limit = 9223372036854775808.0;
  if (a.f != a.f) return {0, 0};
  if (a.f >= limit) return round_to(type, {0, std::numeric_limits<std::int64_t>::max()});
  if (a.f < -limit) return round_to(type, {0, std::numeric_limits<std::int64_t>::min()});
  return round_to(type, {0, static_cast<std::int64_t>(a.f)});
}

}  // namespace

Scalar round_to(Type type, Scalar value) {
  switch (type) {
    case Type::f32:
      return {static_cast<double>(static_cast<float>(value.f)), 0};
    case Type::f16:
      return {static_cast<double>(half_to_float(double_to_half(value.f))), 0};
    case Type::bf16:
      return {static_cast<double>(bfloat_to_float(double_to_bfloat(value.f))), 0};
    case Type::i32:
      return {0, static_cast<std::int32_t>(static_cast<std::uint32_t>(bits(value.i)))};
    default:
      return value;
  }
}

Scalar evaluate(Op op, Type type, Type from, std::span<const Scalar> arguments) {
  const Scalar a = arguments[0];
  const Scalar b = arguments.size() > 1 ? arguments[1] : Scalar{};
  switch (op) {
    case Op::cast:
      return converted(type, from, a);
    case Op::select:
      return a.i != 0 ? b : arguments[2];
    case Op::logical_not:
      return truth(a.i == 0);
    case Op::logical_and:
      return truth(a.i != 0 && b.i != 0);
    case Op::logical_or:
      return truth(a.i != 0 || b.i != 0);
    case Op::logical_xor:
      return truth((a.i != 0) != (b.i != 0));
    case Op::is_nan:
      return truth(std::isnan(a.f));
    case Op::is_infinite:
      return truth(std::isinf(a.f));
    case Op::equal:
    case Op::less:
    case Op::less_equal:
      return truth(compare(op, from, a, b));
    default:
      break;
  }
  if (is_float(type)) return round_to(type, {real_result(op, a.f, b.f), 0});
  return round_to(type, {0, integer_result(op, a.i, b.i)});
}

}  // namespace onnxpack::kernels::flex
