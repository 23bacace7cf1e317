// The softmax of a tile, over as many keys as there are, a tile at a time.
#pragma once

#include "flex_attention/tile_products.h"

namespace {

using onnxpack::kernels::flex::few_tile_stride;
using onnxpack::kernels::flex::Reading;

constexpr float log2_e = 1.44269504088896341F;

// e^(score - most). The difference comes first: of what a finite mask leaves, such as the lowest
// float there is, the product alone would overflow or be off by more than exponents can say.
inline Vf weight_of(Vf score, Vf most) {
  return power_of_two((score - most) * log2_e);
}
// -inf where nothing has been seen counts as 0.
inline Vf base_of(Vf most) {
  return choose(most == -__builtin_inff(), Vf{}, most);
}

// Folds rows of scores into the running maximum: gives what is taken from each score (`most`), the
// factor of older terms, and their sum times it (`total`).
template <std::size_t N>
inline void fold_maximum(const float* tile, std::size_t rows, std::size_t lanes, float* maximum,
                         const float* sum, float* factor, Vf (&most)[N], Vf (&total)[N]) {
#pragma GCC unroll 4
  for (std::size_t v = 0; v < N; ++v) most[v] = load(maximum + v * width);
  for (std::size_t k = 0; k < rows; ++k) {
#pragma GCC unroll 4
    for (std::size_t v = 0; v < N; ++v)
      most[v] = larger(load(tile + k * lanes + v * width), most[v]);
  }
#pragma GCC unroll 4
  for (std::size_t v = 0; v < N; ++v) {
    const Vf old = load(maximum + v * width);
    store(maximum + v * width, most[v]);
    most[v] = base_of(most[v]);
    const Vf shrink = weight_of(old, most[v]);
    store(factor + v * width, shrink);
    total[v] = load(sum + v * width) * shrink;
  }
}

template <std::size_t N>
void softmax_panel(float* tile, std::size_t rows, std::size_t lanes, float* maximum, float* sum,
                   float* factor) {
  Vf most[N];
  Vf total[N];
  fold_maximum(tile, rows, lanes, maximum, sum, factor, most, total);
  for (std::size_t k = 0; k < rows; ++k) {
#pragma GCC unroll 4
    for (std::size_t v = 0; v < N; ++v) {
      float* at = tile + k * lanes + v * width;
      const Vf value = weight_of(load(at), most[v]);
      total[v] = total[v] + value;
      store(at, value);
    }
  }
#pragma GCC unroll 4
  for (std::size_t v = 0; v < N; ++v) store(sum + v * width, total[v]);
}

inline void softmax(float* tile, std::size_t rows, std::size_t lanes, std::size_t count,
                    float* maximum, float* sum, float* factor) {
  over_panels(count, [&]<std::size_t N>(std::size_t lane) {
    softmax_panel<N>(tile + lane, rows, lanes, maximum + lane, sum + lane, factor + lane);
  });
}

struct Weights {
  static Vf of(Vf score, Vf most) { return weight_of(score, most); }
};

// The same along rows of few_tile_stride; what is beyond `rows` becomes 0. A line is asked for with
// each vector, and one with eight while the maximum is looked for, about as many as memory gives in
// that time; none where memory is asked in one stage.
template <typename Of>
void few_softmax(float* tile, std::size_t rows, std::size_t count, float* maximum, float* sum,
                 float* factor, Reading& reading) {
  const std::size_t end = (rows + width - 1) / width * width;
  const bool asks = reading.asks_beside();
  alignas(64) float most[16];
  std::memcpy(most, maximum, sizeof most);
  for (std::size_t r = 0; r < count; ++r) {
    float* row = tile + r * few_tile_stride;
    for (std::size_t k = rows; k < end; ++k) row[k] = -__builtin_inff();
    Vf largest = splat(maximum[r]);
    for (std::size_t k = 0; k < end; k += 8 * width) {
#pragma GCC unroll 8
      for (std::size_t v = 0; v < 8; ++v)
        if (k + v * width < end) largest = larger(load(row + k + v * width), largest);
      if (asks) ask_second(reading.another_first());
    }
    most[r] = lanes_max(largest);
  }
  for (std::size_t r = 0; r < count; r += width) {
    const Vf old = load(maximum + r);
    const Vf now = load(most + r);
    store(maximum + r, now);
    const Vf base = base_of(now);
    const Vf shrink = weight_of(old, base);
    store(factor + r, shrink);
    store(sum + r, load(sum + r) * shrink);
    store(most + r, base);
  }
  for (std::size_t r = 0; r < count; ++r) {
    float* row = tile + r * few_tile_stride;
    const Vf base = splat(most[r]);
    Vf total{};
#pragma GCC unroll 4
    for (std::size_t k = 0; k < end; k += width) {
      const Vf value = Of::of(load(row + k), base);
      total = total + value;
      store(row + k, value);
      if (asks) ask_second(reading.another_first());
    }
    sum[r] += lanes_sum(total);
  }
}

inline void probabilities(float* tile, std::size_t rows, std::size_t lanes, std::size_t count,
                          const float* maximum, const float* sum) {
  for (std::size_t k = 0; k < rows; ++k) {
    for (std::size_t lane = 0; lane < count; lane += width) {
      const Vf base = base_of(load(maximum + lane));
      float* at = tile + k * lanes + lane;
      store(at, weight_of(load(at), base) / load(sum + lane));
    }
  }
}

}  // namespace
