// Seeded inputs from a signature: same spec and seed, same bytes, on every machine and compiler.
//
// Counter based: element i of input `name` is made from word(seed, name, i) = mix(key + (i + 1) *
// 0x9e3779b97f4a7c15), mix the finaliser of SplitMix64 and key = mix(seed ^ FNV-1a-64(name)). So
// inputs are independent of each other, of their order and of the shape's outer dimensions, and no
// library's random numbers, logarithms or rounding take part.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "onnxpack/tensor/tensor.h"

namespace onnxpack::tensor {

// How floating-point elements are spread.
enum class Distribution {
  // Sum of four uniform 16-bit numbers from one word, scaled to mean 0 and variance 1, bounded by
  // +-2*sqrt(3): close to normal, without
  // the outliers that make a saturated output, and exact arithmetic up to the last rounding.
  bell,
  // Uniform over [low, high).
  uniform,
};

struct InputSpec {
  std::string name;
  ElementType type = ElementType::undefined;
  Shape shape;  // all dimensions known
  Distribution distribution = Distribution::bell;
  // bell: `low` and `high` are mean -+ one standard deviation. uniform: the bounds.
  double low = -1.0;
  double high = 1.0;
  // Whole numbers: uniform over [int_low, int_high], cut to what the type can hold. An index input
  // needs the bounds of what it indexes.
  std::int64_t int_low = 0;
  std::int64_t int_high = 1;
};

// Bools are fair coins. Complex elements are two floats. Errors: invalid_argument (empty range,
// negative dimension, low not finite), unsupported (string).
Result<Tensor> generate(const InputSpec& spec, std::uint64_t seed);

// The i-th word of the stream above, for callers that need more than tensors (shapes of dynamic
// dimensions, sampling).
std::uint64_t random_word(std::uint64_t seed, std::string_view stream, std::uint64_t index);

}  // namespace onnxpack::tensor
