// The functions of the vector machine, for the width of the file that includes this: which one a
// key asks for.
#pragma once

#include <cstdint>

#include "flex_attention/halves.h"
#include "flex_attention/vm_arithmetic.h"
#include "flex_attention/vm_conversions.h"
#include "flex_attention/vm_loads.h"
#include "flex_attention/vm_logic.h"
#include "flex_attention/vm_reals.h"
#include "flex_attention/vm_rows.h"

namespace {

VmFunction vm_function(const VmKey& key) {
  switch (key.extra) {
    case VmExtra::scaled:
      return scaled_function(key.op);
    case VmExtra::copy:
      return copy_function(key.to);
    case VmExtra::check_index:
      return check_index;
    case VmExtra::round_f16:
      return vectors<rounded_to_half>;
    case VmExtra::round_bf16:
      return vectors<rounded_to_bfloat>;
    case VmExtra::none:
      break;
  }
  if (key.op == Op::cast) return cast_function(key);
  if (key.op == Op::load) {
    return key.from == Storage::i32 ? gather_function<std::int32_t>(key)
                                    : gather_function<std::int64_t>(key);
  }
  if (VmFunction found = logic_function(key)) return found;
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
