// Widening of the floating-point types that C++23 on g++ 12 has no name for.
#pragma once

#include <cstdint>

#include "onnxpack/tensor/element_type.h"

namespace onnxpack::tensor {

// The number that the low bit_width(type) bits of `bits` stand for; exact. Requires:
// is_floating(type), at most 16 bits wide.
double widen(ElementType type, std::uint16_t bits);

}  // namespace onnxpack::tensor
