// Comparisons, conditions and the choice between two values. A condition is i32, 0 or 1.
#pragma once

#include <cstddef>
#include <cstdint>

#include "flex_attention/vm_rows.h"

namespace {

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

// Of operands in any storage.
template <typename T>
VmFunction comparison(Op op) {
  switch (op) {
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

VmFunction logic_function(const VmKey& key) {
  if (VmFunction found = of_booleans(key.op)) return found;
  switch (key.from) {
    case Storage::f32:
      return comparison<float>(key.op);
    case Storage::f64:
      return comparison<double>(key.op);
    case Storage::i32:
      return comparison<std::int32_t>(key.op);
    case Storage::i64:
      return comparison<std::int64_t>(key.op);
  }
  return nullptr;
}

}  // namespace
