// From one storage to another, and to the nearest f16 or bf16.
#pragma once

#include <cstdint>

#include "flex_attention/half.h"
#include "flex_attention/vm_logic.h"
#include "flex_attention/vm_rows.h"

namespace {

struct Same {
  template <typename T>
  static T apply(T a) {
    return a;
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

}  // namespace
