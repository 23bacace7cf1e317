// Values weighed for a few queries by tiles, which take V as it lies in memory. A product of pairs
// sums numbers 2 i and 2 i + 1 of a line; so each line meets the weights twice, in pairs with 0
// once behind and once before them, and even and odd numbers are summed apart. A number that is not
// finite gives NaN to its neighbour in this: then it is done again, by AVX-512 BF16. Pairs of two
// keys' numbers, as that takes V, would have to be made first, which took twice as long.
#pragma once

#include <iterator>

#include "flex_attention/tile_few_amx.h"

namespace {

constexpr std::size_t values_together = 64;  // keys whose V is read line by line
using onnxpack::kernels::flex::usual_few_rows;
constexpr std::size_t weight_stride = usual_few_rows + 16;
static_assert(usual_few_rows % values_together == 0);

// Weights rounded to bf16, each in a pair with 0 behind, and so, a number earlier, with 0 before;
// those beyond `rows` are 0. `reading` is what they are for.
inline void few_tile_weights(const float* tile, std::size_t rows, std::size_t count, float* to,
                             Reading& reading) {
  for (std::size_t r = 0; r < count; ++r, tile += few_tile_stride, to += weight_stride) {
    store(to - width, Vf{});
    for (std::size_t k = 0; k < rows; k += tile_side) {
      if (k / tile_side % 2 == 1) ask_second(reading.another_first());
      const auto there = static_cast<__mmask16>(first_of(rows - k));
      const auto halves =
          reinterpret_cast<__m256i>(_mm512_cvtneps_pbh(_mm512_maskz_loadu_ps(there, tile + k)));
      _mm512_store_si512(to + k, _mm512_cvtepu16_epi32(halves));
    }
  }
}

struct FewValues {
  const float* weights;
  const std::uint16_t* values;
  std::size_t size;
  float* sums;
  std::size_t sums_stride;
};

// Between tile instructions, so that not many lines are asked for at once.
inline void ask_four(TwoStages& asking) {
#pragma GCC unroll 4
  for (std::size_t line = 0; line < 4; ++line) ask(asking);
}

// The line from number e on of keys k to k + 15, or of those before `end`.
template <int Tile>
inline void load_values(const FewValues& of, std::size_t k, std::size_t end, std::size_t e) {
  const std::uint16_t* from = of.values + k * of.size + e;
  if (end - k >= tile_side && of.size - e >= line_numbers)
    return load_tile<Tile>(from, of.size * sizeof *from);
  alignas(64) std::uint16_t part[tile_side * line_numbers] = {};
  const __mmask32 there = first_of(of.size - e);
  for (std::size_t row = 0; row < tile_side && k + row < end; ++row)
    _mm512_store_si512(part + row * line_numbers,
                       _mm512_maskz_loadu_epi16(there, from + row * of.size));
  load_tile<Tile>(part, 64);
}

// Sums of line `Line` of a few from number e on: of its even and its odd numbers.
template <typename Tiles, std::size_t Line>
inline void begin_line(const FewValues& of, std::size_t e, bool first) {
  if (first) {
    zero_tile<Tiles::even_sums[Line]>();
    zero_tile<Tiles::odd_sums[Line]>();
  } else {
    const float* at = of.sums + e + Line * line_numbers;
    load_tile<Tiles::even_sums[Line]>(at, of.sums_stride * sizeof(float));
    load_tile<Tiles::odd_sums[Line]>(at + width, of.sums_stride * sizeof(float));
  }
}
template <typename Tiles, std::size_t Line>
inline void end_line(const FewValues& of, std::size_t e) {
  float* at = of.sums + e + Line * line_numbers;
  store_tile<Tiles::even_sums[Line]>(at, of.sums_stride * sizeof(float));
  store_tile<Tiles::odd_sums[Line]>(at + width, of.sums_stride * sizeof(float));
}
template <typename Tiles, std::size_t Line>
inline void add_line(const FewValues& of, std::size_t k, std::size_t end, std::size_t e,
                     TwoStages& asking) {
  load_values<Tiles::lines[Line]>(of, k, end, e + Line * line_numbers);
  ask_four(asking);
  dot_bf16<Tiles::even_sums[Line], even_weights, Tiles::lines[Line]>();
  ask_four(asking);
  dot_bf16<Tiles::odd_sums[Line], odd_weights, Tiles::lines[Line]>();
  ask_four(asking);
  ask_four(asking);
}

// Sums of `Lines` lines from number e on += weights of keys [k, end) times V.
template <typename Tiles, std::size_t Lines>
inline void weigh_lines(const FewValues& of, std::size_t k, std::size_t end, std::size_t e,
                        const Reading& reading) {
  const bool first = k == 0;
  begin_line<Tiles, 0>(of, e, first);
  if constexpr (Lines > 1) begin_line<Tiles, 1>(of, e, first);
  // Lines are asked for in the order in which they lie.
  std::size_t done = (k * of.size + (end - k) * e) * sizeof *of.values;
  for (; k < end; k += tile_side, done += Lines * tile_side * 64) {
    TwoStages asking = reading.ahead<TwoStages>(done);
    const float* weights = of.weights + k;
    load_tile<even_weights>(weights, weight_stride * sizeof(float));
    load_tile<odd_weights>(reinterpret_cast<const std::uint16_t*>(weights) - 1,
                           weight_stride * sizeof(float));
    add_line<Tiles, 0>(of, k, end, e, asking);
    if constexpr (Lines > 1) add_line<Tiles, 1>(of, k, end, e, asking);
  }
  end_line<Tiles, 0>(of, e);
  if constexpr (Lines > 1) end_line<Tiles, 1>(of, e);
}

// Sums of all numbers, as weigh_lines.
template <typename Tiles>
inline void weigh_row(const FewValues& of, std::size_t k, std::size_t end, const Reading& reading) {
  std::size_t e = 0;
  if constexpr (std::size(Tiles::lines) > 1) {
    for (; e + line_numbers < of.size; e += 2 * line_numbers)
      weigh_lines<Tiles, 2>(of, k, end, e, reading);
  }
  for (; e < of.size; e += line_numbers) weigh_lines<Tiles, 1>(of, k, end, e, reading);
}

// out = out * factor + sums, whose even and odd numbers stand apart; false, and nothing done, where
// a sum is no number.
inline bool take_sums(const float* sums, std::size_t stride, std::size_t size, std::size_t count,
                      const float* factor, float* out, std::size_t out_stride) {
  __mmask16 bad = 0;
  // The odd ones of a line as well where it has no more than sixteen numbers.
  for (std::size_t r = 0; r < count; ++r)
    for (std::size_t e = 0; e < stride; e += width) {
      const __m512 sum = _mm512_load_ps(sums + r * stride + e);
      bad |= _mm512_cmp_ps_mask(sum, sum, _CMP_UNORD_Q);
    }
  if (bad != 0) return false;
  const __m512i lower = _mm512_set_epi32(23, 7, 22, 6, 21, 5, 20, 4, 19, 3, 18, 2, 17, 1, 16, 0);
  const __m512i upper = _mm512_add_epi32(lower, _mm512_set1_epi32(8));
  for (std::size_t r = 0; r < count; ++r)
    for (std::size_t e = 0; e < size; e += 2 * width) {
      const __m512 even = _mm512_load_ps(sums + r * stride + e);
      const __m512 odd = _mm512_load_ps(sums + r * stride + e + width);
      float* at = out + r * out_stride + e;
      const auto first = reinterpret_cast<Vf>(_mm512_permutex2var_ps(even, lower, odd));
      store(at, load(at) * factor[r] + first);
      if (size - e <= width) continue;
      const auto second = reinterpret_cast<Vf>(_mm512_permutex2var_ps(even, upper, odd));
      store(at + width, load(at + width) * factor[r] + second);
    }
  return true;
}

// As few_weigh of ProductOps, for `size` up to most_tile_numbers; false, and nothing done, where
// V may hold something that is not finite.
inline bool few_tile_weigh(const float* tile, std::size_t rows, const void* values,
                           std::size_t size, std::size_t count, const float* factor, float* out,
                           std::size_t out_stride, Reading& reading) {
  alignas(64) float room[width + most_few * weight_stride];
  alignas(64) float sums[most_few * most_tile_numbers];
  float* weights = room + width;
  few_tile_weights(tile, rows, count, weights, reading);
  const std::size_t stride = (size + line_numbers - 1) / line_numbers * line_numbers;
  const FewValues of{weights, static_cast<const std::uint16_t*>(values), size, sums, stride};
  for (std::size_t k = 0; k < rows; k += values_together) {
    const std::size_t end = rows - k < values_together ? rows : k + values_together;
    if (columns_for(count) == 8) {
      weigh_row<EightQueries>(of, k, end, reading);
    } else {
      weigh_row<SixteenQueries>(of, k, end, reading);
    }
  }
  return take_sums(sums, stride, size, count, factor, out, out_stride);
}

}  // namespace
