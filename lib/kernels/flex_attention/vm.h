// The vector machine that tile programs run on: one function per operation and storage, called for
// a block of rows (keys) by lanes (queries). The functions are compiled once per instruction set;
// what they are given says which operands vary along what.
#pragma once

#include <cstddef>
#include <cstdint>

#include "onnxpack/kernels/flex_program.h"

namespace onnxpack::kernels::flex {

// How a value lies in memory. Booleans are i32, 0 or 1; f16 and bf16 values are f32 after rounding.
// i64 values that are known to fit are i32.
enum class Storage : std::uint8_t { f32, f64, i32, i64 };
inline std::size_t size_of(Storage storage) {
  return storage == Storage::f32 || storage == Storage::i32 ? 4 : 8;
}

// Elements between neighbours: along rows and along lanes (0 or 1).
struct VmOperand {
  const void* data = nullptr;
  std::ptrdiff_t row_step = 0;
  std::ptrdiff_t lane_step = 0;
};

struct VmCall {
  std::size_t rows = 1;
  std::size_t lanes = 0;  // a multiple of 16, or 1
  void* result = nullptr;
  std::ptrdiff_t row_step = 0;
  VmOperand a, b, c;
  std::int64_t immediate = 0;  // check_index: the size
  const void* table = nullptr;
  int* out_of_range = nullptr;
};

using VmFunction = void (*)(const VmCall&);

// Operations beyond those of programs.
enum class VmExtra : std::uint8_t {
  none,
  copy,         // into the result, spread over rows and lanes
  check_index,  // i64: negative counts from the end; beyond the size sets out_of_range and gives 0
  round_f16,    // f32 to the nearest f16, as f32
  round_bf16,
  scaled,  // exp, tanh, sigmoid on f32: c * f(b * a), b and c the same everywhere
};

struct VmKey {
  Op op = Op::constant;
  VmExtra extra = VmExtra::none;
  Storage from = Storage::f32;  // of the first operand that is no condition
  Storage to = Storage::f32;    // of the result
  Type element = Type::f32;     // load: of the table
};

}  // namespace onnxpack::kernels::flex
