// How the vector machine goes over a block: rows by lanes, each operand with its own steps. Loops
// are plain where compilers make vectors of them (ivdep is GCC's alone, clang calls it unknown).
//
// The vm_*.h are for the width of the file that includes vm_functions.h, and in an unnamed
// namespace for the reason vector.h gives. Each holds what is applied to an element or a vector,
// and below it which function an operation asks for.
#pragma once

#include <cstddef>

#include "flex_attention/vm.h"

namespace {

namespace flex = onnxpack::kernels::flex;
using flex::Op;
using flex::Storage;
using flex::Type;
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

}  // namespace
