// The loops over a tile, for the width of the file that includes this. Queries are the lanes:
// scores are K Q^T and the output is V^T P^T, so K and V are read where they lie, one element
// spread over a vector, and nothing but Q is ever rearranged; maximum and sum of a query run down a
// lane, without a horizontal step.
#pragma once

#include "flex_attention/half.h"
#include "flex_attention/tile_ops.h"
#include "flex_attention/vector.h"

namespace {

using onnxpack::kernels::flex::Type;

// Registers: rows_at_once * vectors_at_once accumulators, one vector each for the operands.
#if defined(__AVX512F__) || defined(__aarch64__)
constexpr std::size_t rows_at_once = 8;
#else
constexpr std::size_t rows_at_once = 4;
#endif
constexpr std::size_t vectors_at_once = 3;

// acc[m][v] += spread[m * row_stride + i * step] * vectors[i * lanes + v], over i.
template <std::size_t M, std::size_t N>
inline void block(const float* spread, std::size_t row_stride, std::size_t step,
                  const float* vectors, std::size_t lanes, std::size_t count, Vf (&acc)[M][N]) {
  for (std::size_t i = 0; i < count; ++i) {
    Vf line[N];
#pragma GCC unroll 8
    for (std::size_t v = 0; v < N; ++v) line[v] = load(vectors + i * lanes + v * width);
#pragma GCC unroll 8
    for (std::size_t m = 0; m < M; ++m) {
      const float value = spread[m * row_stride + i * step];
#pragma GCC unroll 8
      for (std::size_t v = 0; v < N; ++v) acc[m][v] = acc[m][v] + value * line[v];
    }
  }
}

template <std::size_t M, std::size_t N>
void score_block(const float* queries, const float* keys, std::size_t stride, std::size_t size,
                 std::size_t lanes, float* tile) {
  Vf acc[M][N] = {};
  block(keys, stride, 1, queries, lanes, size, acc);
#pragma GCC unroll 8
  for (std::size_t m = 0; m < M; ++m) {
#pragma GCC unroll 8
    for (std::size_t v = 0; v < N; ++v) store(tile + m * lanes + v * width, acc[m][v]);
  }
}

template <std::size_t N>
void score_panel(const float* queries, const float* keys, std::size_t stride, std::size_t rows,
                 std::size_t size, std::size_t lanes, float* tile) {
  std::size_t k = 0;
  for (; k + rows_at_once <= rows; k += rows_at_once)
    score_block<rows_at_once, N>(queries, keys + k * stride, stride, size, lanes, tile + k * lanes);
  for (; k < rows; ++k)
    score_block<1, N>(queries, keys + k * stride, stride, size, lanes, tile + k * lanes);
}

// Calls panel<N>(first lane) over all lanes, N vectors at a time.
template <typename Panel>
inline void over_panels(std::size_t lanes, Panel&& panel) {
  std::size_t lane = 0;
  for (; lane + 3 * width <= lanes; lane += 3 * width) panel.template operator()<3>(lane);
  if (lane + 2 * width <= lanes) {
    panel.template operator()<2>(lane);
  } else if (lane + width <= lanes) {
    panel.template operator()<1>(lane);
  }
}

void scores(const float* queries, const float* keys, std::size_t stride, std::size_t rows,
            std::size_t size, std::size_t lanes, float* tile) {
  over_panels(lanes, [&]<std::size_t N>(std::size_t lane) {
    score_panel<N>(queries + lane, keys, stride, rows, size, lanes, tile + lane);
  });
}

template <std::size_t M, std::size_t N>
void weigh_block(const float* tile, std::size_t rows, const float* values, std::size_t stride,
                 std::size_t lanes, const float* factor, float* out) {
  Vf acc[M][N];
#pragma GCC unroll 8
  for (std::size_t v = 0; v < N; ++v) {
    const Vf shrink = load(factor + v * width);
#pragma GCC unroll 8
    for (std::size_t m = 0; m < M; ++m) acc[m][v] = load(out + m * lanes + v * width) * shrink;
  }
  block(values, 1, stride, tile, lanes, rows, acc);
#pragma GCC unroll 8
  for (std::size_t m = 0; m < M; ++m) {
#pragma GCC unroll 8
    for (std::size_t v = 0; v < N; ++v) store(out + m * lanes + v * width, acc[m][v]);
  }
}

template <std::size_t N>
void weigh_panel(const float* tile, std::size_t rows, const float* values, std::size_t stride,
                 std::size_t size, std::size_t lanes, const float* factor, float* out) {
  std::size_t e = 0;
  for (; e + rows_at_once <= size; e += rows_at_once)
    weigh_block<rows_at_once, N>(tile, rows, values + e, stride, lanes, factor, out + e * lanes);
  for (; e < size; ++e)
    weigh_block<1, N>(tile, rows, values + e, stride, lanes, factor, out + e * lanes);
}

void weigh(const float* tile, std::size_t rows, const float* values, std::size_t stride,
           std::size_t size, std::size_t lanes, const float* factor, float* out) {
  over_panels(lanes, [&]<std::size_t N>(std::size_t lane) {
    weigh_panel<N>(tile + lane, rows, values, stride, size, lanes, factor + lane, out + lane);
  });
}

template <std::size_t N>
void softmax_panel(float* tile, std::size_t rows, std::size_t lanes, float* maximum, float* sum,
                   float* factor) {
  Vf most[N];
  Vf total[N];
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
    most[v] = choose(most[v] == -__builtin_inff(), Vf{}, most[v]);
    const Vf shrink = decay(old - most[v]);
    store(factor + v * width, shrink);
    total[v] = load(sum + v * width) * shrink;
  }
  for (std::size_t k = 0; k < rows; ++k) {
#pragma GCC unroll 4
    for (std::size_t v = 0; v < N; ++v) {
      float* at = tile + k * lanes + v * width;
      const Vf value = decay(load(at) - most[v]);
      total[v] = total[v] + value;
      store(at, value);
    }
  }
#pragma GCC unroll 4
  for (std::size_t v = 0; v < N; ++v) store(sum + v * width, total[v]);
}

void softmax(float* tile, std::size_t rows, std::size_t lanes, float* maximum, float* sum,
             float* factor) {
  over_panels(lanes, [&]<std::size_t N>(std::size_t lane) {
    softmax_panel<N>(tile + lane, rows, lanes, maximum + lane, sum + lane, factor + lane);
  });
}

void probabilities(float* tile, std::size_t rows, std::size_t lanes, const float* maximum,
                   const float* sum) {
  for (std::size_t k = 0; k < rows; ++k) {
    for (std::size_t lane = 0; lane < lanes; lane += width) {
      const Vf most = load(maximum + lane);
      const Vf base = choose(most == -__builtin_inff(), Vf{}, most);
      float* at = tile + k * lanes + lane;
      store(at, decay(load(at) - base) / load(sum + lane));
    }
  }
}

void divide_rows(float* out, std::size_t size, std::size_t lanes, const float* divisor,
                 std::size_t count, float* rows) {
  for (std::size_t lane = 0; lane < lanes; lane += width) {
    const Vf by = load(divisor + lane);
    for (std::size_t e = 0; e < size; ++e) {
      float* at = out + e * lanes + lane;
      store(at, load(at) / by);
    }
  }
  // Blocks of 16 by 16 stay in the nearest cache.
  for (std::size_t e = 0; e < size; e += 16) {
    const std::size_t end = e + 16 < size ? e + 16 : size;
    for (std::size_t lane = 0; lane < count; ++lane) {
      for (std::size_t i = e; i < end; ++i) rows[lane * size + i] = out[i * lanes + lane];
    }
  }
}

// Plain loops, which compilers turn into vectors: conversions of both formats are integer
// arithmetic.
void widen(const void* from, Type type, std::size_t count, float factor, float* to) {
  const auto* bits = static_cast<const std::uint16_t*>(from);
  namespace flex = onnxpack::kernels::flex;
  if (type == Type::bf16) {
    for (std::size_t i = 0; i < count; ++i) {
      const std::uint32_t wide = static_cast<std::uint32_t>(bits[i]) << 16U;
      std::memcpy(to + i, &wide, sizeof wide);
    }
  } else {
#if defined(__F16C__)
    std::size_t i = 0;
    for (; i + 8 <= count; i += 8) {
      __m128i half;
      std::memcpy(&half, bits + i, sizeof half);
      _mm256_storeu_ps(to + i, _mm256_cvtph_ps(half));
    }
    for (; i < count; ++i) to[i] = _cvtsh_ss(bits[i]);
#else
    for (std::size_t i = 0; i < count; ++i) to[i] = flex::half_to_float(bits[i]);
#endif
  }
  if (factor == 1.0F) return;
  for (std::size_t i = 0; i < count; ++i) {
    const float product = to[i] * factor;
    to[i] = type == Type::bf16 ? flex::bfloat_to_float(flex::float_to_bfloat(product))
                               : flex::half_to_float(flex::float_to_half(product));
  }
}

}  // namespace
