// How the loops for a few queries read numbers of K and V: f32 as it lies, f16 and bf16 widened in
// registers. (bf16 in pairs: pairs.h.)
#pragma once

#include "flex_attention/halves.h"
#include "flex_attention/tile_products.h"

namespace {

using onnxpack::kernels::flex::KeyScale;

inline Vf load_part(const float* from, std::size_t count) {
  Vf out{};
  std::memcpy(&out, from, count * sizeof(float));
  return out;
}

// K and V of f32 as they lie. `Number` is what they are made of; a vector of a key holds
// `key_numbers`; `rows_together` rows of V meet as many weights in one product. Up to
// `most_in_order` queries have so little to compute that a CPU which fetches by itself keeps up
// (tile_few_order.h).
struct FewFloats : Products {
  using Number = float;
  static constexpr std::size_t key_numbers = width;
  static constexpr std::size_t key_bytes = width * sizeof(Number);  // of a vector
  static constexpr std::size_t value_bytes = key_bytes;
  static constexpr std::size_t rows_together = 1;
  static constexpr bool by_eight = true;
  static constexpr std::size_t most_in_order = 4;
  // How keys are read that `this` turns out to have no way for; there are none here.
  FewFloats any() const { return *this; }
  static constexpr bool certain() { return true; }
  FewFloats() = default;
  explicit FewFloats(const KeyScale& /*scale*/) {}
  Vf key(const float* at) const { return load(at); }
  Vf key_part(const float* at, std::size_t count) const { return load_part(at, count); }
  // N vectors of `rows` rows, the last of `part` floats.
  template <std::size_t N>
  void values(const float* row, std::size_t /*stride*/, std::size_t /*rows*/, std::size_t part,
              Vf (&line)[N]) const {
#pragma GCC unroll 8
    for (std::size_t n = 0; n < N; ++n)
      line[n] =
          n + 1 < N || part == width ? load(row + n * width) : load_part(row + n * width, part);
  }
  // The weights of `count` rows of a tile as `values` wants them, in rows of few_tile_stride /
  // rows_together.
  static const float* weights(const float* tile, std::size_t /*rows*/, std::size_t /*count*/,
                              float* /*room*/) {
    return tile;
  }
};

// K and V of f16 or bf16 widened in registers, keys times the root of the scale.
template <onnxpack::kernels::flex::Type type>
struct FewHalves : Products {
  using Number = std::uint16_t;
  using Wide = Halves<type>;
  static constexpr std::size_t key_numbers = width;
  static constexpr std::size_t key_bytes = width * sizeof(Number);
  static constexpr std::size_t value_bytes = key_bytes;
  static constexpr std::size_t rows_together = 1;
  static constexpr bool by_eight = true;
  static constexpr std::size_t most_in_order = 2;
  FewHalves any() const { return *this; }
  static constexpr bool certain() { return true; }
  FewHalves() = default;
  explicit FewHalves(const KeyScale& scale) : by(splat(scale.factor)) {}
  Vf key(const std::uint16_t* at) const { return Wide::rounded(Wide::wide(at) * by); }
  Vf key_part(const std::uint16_t* at, std::size_t count) const {
    return Wide::rounded(Wide::wide_part(at, count) * by);
  }
  template <std::size_t N>
  void values(const std::uint16_t* row, std::size_t /*stride*/, std::size_t /*rows*/,
              std::size_t part, Vf (&line)[N]) const {
#pragma GCC unroll 8
    for (std::size_t n = 0; n < N; ++n)
      line[n] = n + 1 < N || part == width ? Wide::wide(row + n * width)
                                           : Wide::wide_part(row + n * width, part);
  }
  static const float* weights(const float* tile, std::size_t /*rows*/, std::size_t /*count*/,
                              float* /*room*/) {
    return tile;
  }

 private:
  Vf by{};
};

}  // namespace
