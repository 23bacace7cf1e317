// Elements of a table by index, and the check that an index is one.
#pragma once

#include <cstddef>
#include <cstdint>

#include "flex_attention/vm_conversions.h"
#include "flex_attention/vm_logic.h"
#include "flex_attention/vm_rows.h"

namespace {

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

}  // namespace
