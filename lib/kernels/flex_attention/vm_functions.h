// The functions of the vector machine, for the width of the file that includes this. Loops are
// plain where compilers make vectors of them (ivdep is GCC's alone, clang calls it unknown); the
// transcendental functions of f32 are those of vector.h, of f64 the C library's.
#pragma once

#include <cmath>

#include "flex_attention/half.h"
#include "flex_attention/vector.h"
#include "flex_attention/vm.h"

namespace {

namespace flex = onnxpack::kernels::flex;
using flex::Op;
using flex::Storage;
using flex::VmCall;
using flex::VmExtra;
using flex::VmFunction;
using flex::VmKey;
using flex::VmOperand;

template <typename T>
inline const T* row_of(const VmOperand& operand, std::size_t row) {
  return static_cast<const T*>(operand.data) + static_cast<std::ptrdiff_t>(row) * operand.row_step;
}
template <typename T>
inline T* result_row(const VmCall& call, std::size_t row) {
  return static_cast<T*>(call.result) + static_cast<std::ptrdiff_t>(row) * call.row_step;
}

template <typename To, typename A, bool step_a, typename F>
inline void unary_row(To* to, const A* a, std::size_t lanes) {
#if !defined(__clang__)
#pragma GCC ivdep
#endif
  for (std::size_t i = 0; i < lanes; ++i) to[i] = static_cast<To>(F::apply(a[step_a ? i : 0]));
}

template <typename To, typename A, typename F>
void unary(const VmCall& call) {
  for (std::size_t row = 0; row < call.rows; ++row) {
    if (call.a.lane_step != 0) {
      unary_row<To, A, true, F>(result_row<To>(call, row), row_of<A>(call.a, row), call.lanes);
    } else {
      unary_row<To, A, false, F>(result_row<To>(call, row), row_of<A>(call.a, row), call.lanes);
    }
  }
}

template <typename To, typename A, bool step_a, bool step_b, typename F>
inline void binary_row(To* to, const A* a, const A* b, std::size_t lanes) {
#if !defined(__clang__)
#pragma GCC ivdep
#endif
  for (std::size_t i = 0; i < lanes; ++i)
    to[i] = static_cast<To>(F::apply(a[step_a ? i : 0], b[step_b ? i : 0]));
}

template <typename To, typename A, typename F>
void binary(const VmCall& call) {
  for (std::size_t row = 0; row < call.rows; ++row) {
    To* to = result_row<To>(call, row);
    const A* a = row_of<A>(call.a, row);
    const A* b = row_of<A>(call.b, row);
    if (call.a.lane_step != 0 && call.b.lane_step != 0) {
      binary_row<To, A, true, true, F>(to, a, b, call.lanes);
    } else if (call.a.lane_step != 0) {
      binary_row<To, A, true, false, F>(to, a, b, call.lanes);
    } else if (call.b.lane_step != 0) {
      binary_row<To, A, false, true, F>(to, a, b, call.lanes);
    } else {
      binary_row<To, A, false, false, F>(to, a, b, call.lanes);
    }
  }
}

template <typename T, bool step_b, bool step_c>
inline void select_row(T* to, const std::int32_t* a, std::size_t step_a, const T* b, const T* c,
                       std::size_t lanes) {
  if (step_a == 0) {
    const bool yes = *a != 0;
    for (std::size_t i = 0; i < lanes; ++i) to[i] = yes ? b[step_b ? i : 0] : c[step_c ? i : 0];
    return;
  }
#if !defined(__clang__)
#pragma GCC ivdep
#endif
  for (std::size_t i = 0; i < lanes; ++i) {
    const T yes = b[step_b ? i : 0];
    const T no = c[step_c ? i : 0];
    to[i] = a[i] != 0 ? yes : no;
  }
}

template <typename T>
void select(const VmCall& call) {
  for (std::size_t row = 0; row < call.rows; ++row) {
    T* to = result_row<T>(call, row);
    const auto* a = row_of<std::int32_t>(call.a, row);
    const auto step_a = static_cast<std::size_t>(call.a.lane_step);
    const T* b = row_of<T>(call.b, row);
    const T* c = row_of<T>(call.c, row);
    if (call.b.lane_step != 0 && call.c.lane_step != 0) {
      select_row<T, true, true>(to, a, step_a, b, c, call.lanes);
    } else if (call.b.lane_step != 0) {
      select_row<T, true, false>(to, a, step_a, b, c, call.lanes);
    } else if (call.c.lane_step != 0) {
      select_row<T, false, true>(to, a, step_a, b, c, call.lanes);
    } else {
      select_row<T, false, false>(to, a, step_a, b, c, call.lanes);
    }
  }
}

// A function on whole vectors of f32. One lane (a scalar) goes through a vector of its own.
template <Vf (*function)(Vf)>
void vectors(const VmCall& call) {
  for (std::size_t row = 0; row < call.rows; ++row) {
    float* to = result_row<float>(call, row);
    const float* a = row_of<float>(call.a, row);
    if (call.a.lane_step == 0 || call.lanes == 1) {
      const float value = function(splat(*a))[0];
      for (std::size_t i = 0; i < call.lanes; ++i) to[i] = value;
      continue;
    }
    for (std::size_t i = 0; i < call.lanes; i += width) store(to + i, function(load(a + i)));
  }
}

template <Vf (*function)(Vf)>
void scaled(const VmCall& call) {
  const Vf before = splat(*static_cast<const float*>(call.b.data));
  const Vf after = splat(*static_cast<const float*>(call.c.data));
  for (std::size_t row = 0; row < call.rows; ++row) {
    float* to = result_row<float>(call, row);
    const float* a = row_of<float>(call.a, row);
    for (std::size_t i = 0; i < call.lanes; i += width)
      store(to + i, after * function(before * load(a + i)));
  }
}

template <typename T, typename Index>
void gather(const VmCall& call) {
  const T* table = static_cast<const T*>(call.table);
  for (std::size_t row = 0; row < call.rows; ++row) {
    T* to = result_row<T>(call, row);
    const Index* at = row_of<Index>(call.a, row);
    for (std::size_t i = 0; i < call.lanes; ++i) to[i] = table[at[call.a.lane_step != 0 ? i : 0]];
  }
}

// Of a table whose elements become another type.
template <typename To, typename T, typename Index, typename F>
void gather_as(const VmCall& call) {
  const T* table = static_cast<const T*>(call.table);
  for (std::size_t row = 0; row < call.rows; ++row) {
    To* to = result_row<To>(call, row);
    const Index* at = row_of<Index>(call.a, row);
    for (std::size_t i = 0; i < call.lanes; ++i)
      to[i] = static_cast<To>(F::apply(table[at[call.a.lane_step != 0 ? i : 0]]));
  }
}

void check_index(const VmCall& call) {
  const std::int64_t size = call.immediate;
  for (std::size_t row = 0; row < call.rows; ++row) {
    auto* to = result_row<std::int64_t>(call, row);
    const auto* at = row_of<std::int64_t>(call.a, row);
    for (std::size_t i = 0; i < call.lanes; ++i) {
      std::int64_t index = at[call.a.lane_step != 0 ? i : 0];
      if (index < 0) index += size;
      const bool inside = index >= 0 && index < size;
      if (!inside) *call.out_of_range = 1;
      to[i] = inside ? index : 0;
    }
  }
}

// ---- what is applied to each element ----

struct Same {
  template <typename T>
  static T apply(T a) {
    return a;
  }
};
struct Negate {
  template <typename T>
  static T apply(T a) {
    return static_cast<T>(T(0) - a);
  }
};
struct NegateReal {
  template <typename T>
  static T apply(T a) {
    return -a;
  }
};
struct Absolute {
  template <typename T>
  static T apply(T a) {
    return a < T(0) ? static_cast<T>(T(0) - a) : a;
  }
};
struct AbsoluteReal {
  static float apply(float a) { return __builtin_fabsf(a); }
  static double apply(double a) { return __builtin_fabs(a); }
};
struct Sign {
  template <typename T>
  static T apply(T a) {
    return a > T(0) ? T(1) : a < T(0) ? static_cast<T>(-1) : a;
  }
};
struct Not {
  static std::int32_t apply(std::int32_t a) { return a == 0 ? 1 : 0; }
};
struct IsNan {
  template <typename T>
  static std::int32_t apply(T a) {
    return a != a ? 1 : 0;
  }
};
struct IsInfinite {
  template <typename T>
  static std::int32_t apply(T a) {
    return a - a != a - a && a == a ? 1 : 0;
  }
};
struct NotZero {
  template <typename T>
  static std::int32_t apply(T a) {
    return a != T(0) ? 1 : 0;
  }
};
struct ToWhole {
  template <typename T>
  static std::int64_t apply(T a) {
    if (a != a) return 0;
    if (a >= T(9223372036854775808.0)) return INT64_MAX;
    if (a < T(-9223372036854775808.0)) return INT64_MIN;
    return static_cast<std::int64_t>(a);
  }
};
struct FromHalf {
  static float apply(std::uint16_t a) { return flex::half_to_float(a); }
};
struct FromBfloat {
  static float apply(std::uint16_t a) { return flex::bfloat_to_float(a); }
};
struct RoundHalf {
  static float apply(float a) { return flex::half_to_float(flex::float_to_half(a)); }
};
struct RoundBfloat {
  static float apply(float a) { return flex::bfloat_to_float(flex::float_to_bfloat(a)); }
};

#define ONNXPACK_LIBM(Name, real, wide)               \
  struct Name {                                       \
    static float apply(float a) { return real(a); }   \
    static double apply(double a) { return wide(a); } \
  };
ONNXPACK_LIBM(SquareRoot, __builtin_sqrtf, __builtin_sqrt)
ONNXPACK_LIBM(Exponential, ::expf, ::exp)
ONNXPACK_LIBM(Logarithm, ::logf, ::log)
ONNXPACK_LIBM(Tangent, ::tanhf, ::tanh)
ONNXPACK_LIBM(ErrorFunction, ::erff, ::erf)
ONNXPACK_LIBM(Sine, ::sinf, ::sin)
ONNXPACK_LIBM(Cosine, ::cosf, ::cos)
ONNXPACK_LIBM(Floor, __builtin_floorf, __builtin_floor)
ONNXPACK_LIBM(Ceiling, __builtin_ceilf, __builtin_ceil)
ONNXPACK_LIBM(RoundEven, __builtin_nearbyintf, __builtin_nearbyint)
#undef ONNXPACK_LIBM
struct Sigmoid {
  static double apply(double a) { return 1.0 / (1.0 + ::exp(-a)); }
};

// Integers wrap: by way of the unsigned type.
template <typename T>
struct Unsigned {
  using type = T;
};
template <>
struct Unsigned<std::int32_t> {
  using type = std::uint32_t;
};
template <>
struct Unsigned<std::int64_t> {
  using type = std::uint64_t;
};
template <typename T>
using unsigned_t = typename Unsigned<T>::type;

struct Add {
  template <typename T>
  static T apply(T a, T b) {
    return static_cast<T>(static_cast<unsigned_t<T>>(a) + static_cast<unsigned_t<T>>(b));
  }
};
struct Subtract {
  template <typename T>
  static T apply(T a, T b) {
    return static_cast<T>(static_cast<unsigned_t<T>>(a) - static_cast<unsigned_t<T>>(b));
  }
};
struct Multiply {
  template <typename T>
  static T apply(T a, T b) {
    return static_cast<T>(static_cast<unsigned_t<T>>(a) * static_cast<unsigned_t<T>>(b));
  }
};
struct Divide {
  static float apply(float a, float b) { return a / b; }
  static double apply(double a, double b) { return a / b; }
  template <typename T>
  static T apply(T a, T b) {
    return b == 0 ? T(0) : b == -1 ? Negate::apply(a) : static_cast<T>(a / b);
  }
};
struct Remainder {
  static float apply(float a, float b) { return ::fmodf(a, b); }
  static double apply(double a, double b) { return ::fmod(a, b); }
  template <typename T>
  static T apply(T a, T b) {
    return b == 0 || b == -1 ? T(0) : static_cast<T>(a % b);
  }
};
struct Modulo {
  template <typename T>
  static T apply(T a, T b) {
    const T rest = Remainder::apply(a, b);
    return rest != 0 && (rest < 0) != (b < 0) ? static_cast<T>(rest + b) : rest;
  }
};
struct Power {
  static float apply(float a, float b) { return ::powf(a, b); }
  static double apply(double a, double b) { return ::pow(a, b); }
};
struct Minimum {
  template <typename T>
  static T apply(T a, T b) {
    return a != a ? a : b < a || b != b ? b : a;
  }
};
struct Maximum {
  template <typename T>
  static T apply(T a, T b) {
    return a != a ? a : a < b || b != b ? b : a;
  }
};
struct Equal {
  template <typename T>
  static std::int32_t apply(T a, T b) {
    return a == b ? 1 : 0;
  }
};
struct Less {
  template <typename T>
  static std::int32_t apply(T a, T b) {
    return a < b ? 1 : 0;
  }
};
struct LessEqual {
  template <typename T>
  static std::int32_t apply(T a, T b) {
    return a <= b ? 1 : 0;
  }
};
struct And {
  static std::int32_t apply(std::int32_t a, std::int32_t b) { return a & b; }
};
struct Or {
  static std::int32_t apply(std::int32_t a, std::int32_t b) { return a | b; }
};
struct Xor {
  static std::int32_t apply(std::int32_t a, std::int32_t b) { return a ^ b; }
};

// ---- which function a key asks for ----

template <typename T>
VmFunction common(Op op) {
  switch (op) {
    case Op::sign:
      return unary<T, T, Sign>;
    case Op::add:
      return binary<T, T, Add>;
    case Op::subtract:
      return binary<T, T, Subtract>;
    case Op::multiply:
      return binary<T, T, Multiply>;
    case Op::divide:
      return binary<T, T, Divide>;
    case Op::remainder:
      return binary<T, T, Remainder>;
    case Op::minimum:
      return binary<T, T, Minimum>;
    case Op::maximum:
      return binary<T, T, Maximum>;
    case Op::equal:
      return binary<std::int32_t, T, Equal>;
    case Op::less:
      return binary<std::int32_t, T, Less>;
    case Op::less_equal:
      return binary<std::int32_t, T, LessEqual>;
    case Op::select:
      return select<T>;
    default:
      return nullptr;
  }
}

template <typename T>
VmFunction of_integers(Op op) {
  switch (op) {
    case Op::negate:
      return unary<T, T, Negate>;
    case Op::absolute:
      return unary<T, T, Absolute>;
    case Op::modulo:
      return binary<T, T, Modulo>;
    case Op::floor:
    case Op::ceiling:
    case Op::round:
      return unary<T, T, Same>;
    default:
      return common<T>(op);
  }
}

template <typename T>
VmFunction of_reals(Op op) {
  switch (op) {
    case Op::negate:
      return unary<T, T, NegateReal>;
    case Op::absolute:
      return unary<T, T, AbsoluteReal>;
    case Op::square_root:
      return unary<T, T, SquareRoot>;
    case Op::logarithm:
      return unary<T, T, Logarithm>;
    case Op::error_function:
      return unary<T, T, ErrorFunction>;
    case Op::sine:
      return unary<T, T, Sine>;
    case Op::cosine:
      return unary<T, T, Cosine>;
    case Op::floor:
      return unary<T, T, Floor>;
    case Op::ceiling:
      return unary<T, T, Ceiling>;
    case Op::round:
      return unary<T, T, RoundEven>;
    case Op::is_nan:
      return unary<std::int32_t, T, IsNan>;
    case Op::is_infinite:
      return unary<std::int32_t, T, IsInfinite>;
    case Op::modulo:
      return binary<T, T, Remainder>;
    case Op::power:
      return binary<T, T, Power>;
    default:
      return common<T>(op);
  }
}

VmFunction of_f32(Op op) {
  switch (op) {
    case Op::exponential:
      return vectors<exponential>;
    case Op::hyperbolic_tangent:
      return vectors<hyperbolic_tangent>;
    case Op::sigmoid:
      return vectors<sigmoid>;
    default:
      return of_reals<float>(op);
  }
}

VmFunction of_f64(Op op) {
  switch (op) {
    case Op::exponential:
      return unary<double, double, Exponential>;
    case Op::hyperbolic_tangent:
      return unary<double, double, Tangent>;
    case Op::sigmoid:
      return unary<double, double, Sigmoid>;
    default:
      return of_reals<double>(op);
  }
}

VmFunction of_booleans(Op op) {
  switch (op) {
    case Op::logical_not:
      return unary<std::int32_t, std::int32_t, Not>;
    case Op::logical_and:
      return binary<std::int32_t, std::int32_t, And>;
    case Op::logical_or:
      return binary<std::int32_t, std::int32_t, Or>;
    case Op::logical_xor:
      return binary<std::int32_t, std::int32_t, Xor>;
    default:
      return nullptr;
  }
}

template <typename From, typename ToInteger>
VmFunction cast_from(const VmKey& key) {
  // A key of element type boolean asks for 0 or 1.
  if (key.element == Type::boolean) return unary<std::int32_t, From, NotZero>;
  switch (key.to) {
    case Storage::f32:
      return unary<float, From, Same>;
    case Storage::f64:
      return unary<double, From, Same>;
    case Storage::i32:
      return unary<std::int32_t, From, ToInteger>;
    case Storage::i64:
      return unary<std::int64_t, From, ToInteger>;
  }
  return nullptr;
}

VmFunction cast_function(const VmKey& key) {
  switch (key.from) {
    case Storage::f32:
      return cast_from<float, ToWhole>(key);
    case Storage::f64:
      return cast_from<double, ToWhole>(key);
    case Storage::i32:
      return cast_from<std::int32_t, Same>(key);
    case Storage::i64:
      return cast_from<std::int64_t, Same>(key);
  }
  return nullptr;
}

template <typename Index>
VmFunction gather_function(const VmKey& key) {
  switch (key.element) {
    case Type::f32:
      return gather<float, Index>;
    case Type::f64:
      return gather<double, Index>;
    case Type::f16:
      return gather_as<float, std::uint16_t, Index, FromHalf>;
    case Type::bf16:
      return gather_as<float, std::uint16_t, Index, FromBfloat>;
    case Type::boolean:
      return gather_as<std::int32_t, std::uint8_t, Index, NotZero>;
    case Type::i32:
      return gather<std::int32_t, Index>;
    case Type::i64:
      if (key.to == Storage::i32) return gather_as<std::int32_t, std::int64_t, Index, Same>;
      return gather<std::int64_t, Index>;
  }
  return nullptr;
}

VmFunction copy_function(Storage storage) {
  switch (storage) {
    case Storage::f32:
      return unary<float, float, Same>;
    case Storage::f64:
      return unary<double, double, Same>;
    case Storage::i32:
      return unary<std::int32_t, std::int32_t, Same>;
    case Storage::i64:
      return unary<std::int64_t, std::int64_t, Same>;
  }
  return nullptr;
}

VmFunction scaled_function(Op op) {
  switch (op) {
    case Op::exponential:
      return scaled<exponential>;
    case Op::hyperbolic_tangent:
      return scaled<hyperbolic_tangent>;
    case Op::sigmoid:
      return scaled<sigmoid>;
    default:
      return nullptr;
  }
}

VmFunction vm_function(const VmKey& key) {
  switch (key.extra) {
    case VmExtra::scaled:
      return scaled_function(key.op);
    case VmExtra::copy:
      return copy_function(key.to);
    case VmExtra::check_index:
      return check_index;
    case VmExtra::round_f16:
      return unary<float, float, RoundHalf>;
    case VmExtra::round_bf16:
      return unary<float, float, RoundBfloat>;
    case VmExtra::none:
      break;
  }
  if (key.op == Op::cast) return cast_function(key);
  if (key.op == Op::load) {
    return key.from == Storage::i32 ? gather_function<std::int32_t>(key)
                                    : gather_function<std::int64_t>(key);
  }
  if (VmFunction found = of_booleans(key.op)) return found;
  switch (key.from) {
    case Storage::f32:
      return of_f32(key.op);
    case Storage::f64:
      return of_f64(key.op);
    case Storage::i32:
      return of_integers<std::int32_t>(key.op);
    case Storage::i64:
      return of_integers<std::int64_t>(key.op);
  }
  return nullptr;
}

}  // namespace
