// Functions of real numbers. exp, tanh and sigmoid of f32 are those of vector.h, whose errors are
// said there; the others, and all of f64, are the C library's.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>

#include "flex_attention/vector.h"
#include "flex_attention/vm_arithmetic.h"
#include "flex_attention/vm_logic.h"
#include "flex_attention/vm_rows.h"

namespace {

struct NegateReal {
  template <typename T>
  static T apply(T a) {
    return -a;
  }
};
struct AbsoluteReal {
  static float apply(float a) { return __builtin_fabsf(a); }
  static double apply(double a) { return __builtin_fabs(a); }
};
struct Power {
  static float apply(float a, float b) { return ::powf(a, b); }
  static double apply(double a, double b) { return ::pow(a, b); }
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

// to = function(from), which may be the same, four vectors at once: those of tanh and sigmoid each
// wait for a division.
template <typename Function>
inline void along_vectors(float* to, const float* from, std::size_t lanes, Function function) {
  constexpr std::size_t at_once = 4;
  std::size_t i = 0;
  for (; i + at_once * width <= lanes; i += at_once * width) {
    Vf x[at_once];
#pragma GCC unroll 4
    for (std::size_t j = 0; j < at_once; ++j) x[j] = function(load(from + i + j * width));
#pragma GCC unroll 4
    for (std::size_t j = 0; j < at_once; ++j) store(to + i + j * width, x[j]);
  }
  for (; i < lanes; i += width) store(to + i, function(load(from + i)));
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
    along_vectors(to, a, call.lanes, function);
  }
}

template <Vf (*function)(Vf)>
void scaled(const VmCall& call) {
  const Vf before = splat(*static_cast<const float*>(call.b.data));
  const Vf after = splat(*static_cast<const float*>(call.c.data));
  for (std::size_t row = 0; row < call.rows; ++row) {
    along_vectors(result_row<float>(call, row), row_of<float>(call.a, row), call.lanes,
                  [&](Vf x) { return after * function(before * x); });
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
      return arithmetic<T>(op);
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

}  // namespace
