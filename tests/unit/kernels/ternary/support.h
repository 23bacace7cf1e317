#pragma once

#include <cstddef>
#include <cstdint>
#include <random>
#include <vector>

namespace onnxpack_test {

// Not std::uniform_int_distribution: its values differ between libraries.
inline std::vector<std::int8_t> random_trits(std::size_t count, unsigned seed) {
  std::mt19937 engine(seed);
  std::vector<std::int8_t> trits(count);
  for (auto& trit : trits) trit = static_cast<std::int8_t>(static_cast<int>(engine() % 3) - 1);
  return trits;
}

inline std::vector<std::int8_t> random_bytes(std::size_t count, unsigned seed) {
  std::mt19937 engine(seed);
  std::vector<std::int8_t> values(count);
  for (auto& value : values) value = static_cast<std::int8_t>(engine() & 255U);
  return values;
}

}  // namespace onnxpack_test
