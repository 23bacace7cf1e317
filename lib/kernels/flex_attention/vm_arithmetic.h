// Arithmetic: what every storage has, and what integers have of their own.
#pragma once

#include <cmath>
#include <cstdint>

#include "flex_attention/vm_conversions.h"
#include "flex_attention/vm_rows.h"

namespace {

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
struct Negate {
  template <typename T>
  static T apply(T a) {
    return static_cast<T>(T(0) - a);
  }
};
struct Absolute {
  template <typename T>
  static T apply(T a) {
    return a < T(0) ? static_cast<T>(T(0) - a) : a;
  }
};
struct Sign {
  template <typename T>
  static T apply(T a) {
    return a > T(0) ? T(1) : a < T(0) ? static_cast<T>(-1) : a;
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

template <typename T>
VmFunction arithmetic(Op op) {
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
      return arithmetic<T>(op);
  }
}

}  // namespace
