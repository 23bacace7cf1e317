// The two matrix products over a tile, for the width of the file that includes this. Queries are
// the lanes: scores are K Q^T and the output is V^T P^T, so K and V are read where they lie, one
// element spread over a vector, and nothing but Q is ever rearranged; maximum and sum of a query
// run down a lane, without a horizontal step.
//
// The products are f32's, or of pairs of bf16 (tile_pairs.h): then a float here is such a pair, and
// `size` or `rows` counts pairs.
#pragma once

#include "flex_attention/tile_ops.h"
#include "flex_attention/vector.h"

namespace {

using onnxpack::kernels::flex::Ahead;
using onnxpack::kernels::flex::OneStage;
using onnxpack::kernels::flex::TwoStages;

// Registers: rows_at_once * vectors_at_once accumulators, one vector each for the operands.
#if defined(__AVX512F__) || defined(__aarch64__)
constexpr std::size_t rows_at_once = 8;
#else
constexpr std::size_t rows_at_once = 4;
#endif
constexpr std::size_t vectors_at_once = 3;

struct Products {
  static constexpr bool in_place = true;  // K and V are read where the caller has them
  static Vf add(Vf sum, float a, Vf b) { return sum + a * b; }
  static Vf add(Vf sum, Vf a, Vf b) { return sum + a * b; }
  static Vf stored(Vf score) { return score; }
};

// Of what will be read soon the next `Bytes`, up to a line. Vectors of half a line ask for it
// twice: on Zen 5 f16 gained nothing by asking with every other one, nor did AVX2.
template <std::size_t Bytes = 64>
inline void ask(OneStage& asking) {
  __builtin_prefetch(asking.near);
  asking.near += Bytes;
}
template <std::size_t Bytes = 64>
inline void ask(TwoStages& asking) {
  __builtin_prefetch(asking.near);
  __builtin_prefetch(asking.near + asking.farther, 0, 2);
  asking.near += Bytes;
}

// A line for the second cache alone.
inline void ask_second(const char* line) {
  __builtin_prefetch(line, 0, 2);
}

// Asks for the next `count` lines of what will be read soon: for the second cache, since K or V of
// a tile fills half of the first and more (f32, D 64: 32 KB), and a line on its way to that keeps
// one of its few buffers for as long as memory takes. On Zen 4, S 8192, f32 is 1.2 times as fast as
// with the first, and nothing is slower.
inline void fetch(Ahead& ahead, std::size_t count) {
  for (; count > 0 && ahead.at < ahead.end; --count, ahead.at += 64)
    __builtin_prefetch(ahead.at, 0, 2);
}
inline std::size_t lines_each(const Ahead& ahead, std::size_t steps) {
  if (ahead.at >= ahead.end || steps == 0) return 0;
  return (static_cast<std::size_t>(ahead.end - ahead.at) / 64 + steps) / steps;
}

// acc[m][v] += spread[m * row_stride + i * step] * vectors[i * lanes + v], over i.
template <typename Of, std::size_t M, std::size_t N>
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
      for (std::size_t v = 0; v < N; ++v) acc[m][v] = Of::add(acc[m][v], value, line[v]);
    }
  }
}

template <typename Of, std::size_t M, std::size_t N>
void score_block(const float* queries, const float* keys, std::size_t stride, std::size_t size,
                 std::size_t lanes, float* tile) {
  Vf acc[M][N] = {};
  block<Of>(keys, stride, 1, queries, lanes, size, acc);
#pragma GCC unroll 8
  for (std::size_t m = 0; m < M; ++m) {
#pragma GCC unroll 8
    for (std::size_t v = 0; v < N; ++v) store(tile + m * lanes + v * width, Of::stored(acc[m][v]));
  }
}

template <typename Of, std::size_t N>
void score_panel(const float* queries, const float* keys, std::size_t stride, std::size_t rows,
                 std::size_t size, std::size_t lanes, float* tile, Ahead& ahead) {
  const std::size_t lines = lines_each(ahead, rows / rows_at_once);
  std::size_t k = 0;
  for (; k + rows_at_once <= rows; k += rows_at_once) {
    fetch(ahead, lines);
    score_block<Of, rows_at_once, N>(queries, keys + k * stride, stride, size, lanes,
                                     tile + k * lanes);
  }
  for (; k < rows; ++k)
    score_block<Of, 1, N>(queries, keys + k * stride, stride, size, lanes, tile + k * lanes);
}

// Calls panel<N>(first lane) over `count` lanes, N vectors at a time.
template <typename Panel>
inline void over_panels(std::size_t count, Panel&& panel) {
  std::size_t lane = 0;
  for (; lane + 3 * width <= count; lane += 3 * width) panel.template operator()<3>(lane);
  if (lane + 2 * width <= count) {
    panel.template operator()<2>(lane);
  } else if (lane + width <= count) {
    panel.template operator()<1>(lane);
  }
}

template <typename Of>
void scores(const float* queries, const float* keys, std::size_t stride, std::size_t rows,
            std::size_t size, std::size_t lanes, std::size_t count, float* tile, Ahead& ahead) {
  over_panels(count, [&]<std::size_t N>(std::size_t lane) {
    score_panel<Of, N>(queries + lane, keys, stride, rows, size, lanes, tile + lane, ahead);
  });
}

template <typename Of, std::size_t M, std::size_t N>
void weigh_block(const float* tile, std::size_t rows, const float* values, std::size_t stride,
                 std::size_t lanes, const float* factor, float* out) {
  Vf acc[M][N];
#pragma GCC unroll 8
  for (std::size_t v = 0; v < N; ++v) {
    const Vf shrink = load(factor + v * width);
#pragma GCC unroll 8
    for (std::size_t m = 0; m < M; ++m) acc[m][v] = load(out + m * lanes + v * width) * shrink;
  }
  block<Of>(values, 1, stride, tile, lanes, rows, acc);
#pragma GCC unroll 8
  for (std::size_t m = 0; m < M; ++m) {
#pragma GCC unroll 8
    for (std::size_t v = 0; v < N; ++v) store(out + m * lanes + v * width, acc[m][v]);
  }
}

template <typename Of, std::size_t N>
void weigh_panel(const float* tile, std::size_t rows, const float* values, std::size_t stride,
                 std::size_t size, std::size_t lanes, const float* factor, float* out,
                 Ahead& ahead) {
  const std::size_t lines = lines_each(ahead, size / rows_at_once);
  std::size_t e = 0;
  for (; e + rows_at_once <= size; e += rows_at_once) {
    fetch(ahead, lines);
    weigh_block<Of, rows_at_once, N>(tile, rows, values + e, stride, lanes, factor,
                                     out + e * lanes);
  }
  for (; e < size; ++e)
    weigh_block<Of, 1, N>(tile, rows, values + e, stride, lanes, factor, out + e * lanes);
}

template <typename Of>
void weigh(const float* tile, std::size_t rows, const float* values, std::size_t stride,
           std::size_t size, std::size_t lanes, std::size_t count, const float* factor, float* out,
           Ahead& ahead) {
  over_panels(count, [&]<std::size_t N>(std::size_t lane) {
    weigh_panel<Of, N>(tile + lane, rows, values, stride, size, lanes, factor + lane, out + lane,
                       ahead);
  });
}

}  // namespace
