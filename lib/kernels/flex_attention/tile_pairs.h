// The loops over a tile of bf16 by AVX-512 BF16: products of pairs, and what makes such of rows.
#pragma once

#include "flex_attention/pairs.h"
#include "flex_attention/tile_few.h"
#include "flex_attention/tile_softmax_pairs.h"

namespace {

inline void fetch_row(const void* row, std::size_t bytes) {
  if (bytes == 0) return;  // of nothing there may be no address either
  constexpr std::size_t distance = 8192;
  const char* at = static_cast<const char*>(row) + distance;
  for (std::size_t byte = 0; byte < bytes; byte += 64) __builtin_prefetch(at + byte);
}

template <typename Scale>
void scale_rows(const void* from, std::size_t rows, std::size_t size, const Scale& scale, float* to,
                std::size_t stride) {
  for (std::size_t row = 0; row < rows; ++row) {
    const auto* at = static_cast<const std::uint16_t*>(from) + row * size;
    auto* out = reinterpret_cast<std::uint16_t*>(to + row * stride);
    fetch_row(at, 2 * size);
    for (std::size_t e = 0; e < size; e += 32) {
      const __m512i both = _mm512_maskz_loadu_epi16(first_of(size - e), at + e);
      _mm512_storeu_si512(out + e, scale(both));
    }
  }
}

void scale_pairs(const void* from, std::size_t rows, std::size_t size, float factor, float* to,
                 std::size_t stride) {
  scale_rows(from, rows, size, ScaledPairs(factor), to, stride);
}

void scale_few(const void* from, std::size_t rows, std::size_t size, const KeyScale& by, float* to,
               std::size_t stride) {
  const ScaledPairs factor(by.factor), power(by.power);
  auto scale = [&](__m512i both) { return power.in_order(factor.in_order(both)); };
  scale_rows(from, rows, size, scale, to, stride);
}

// Pairs of one row's and the next row's numbers; the row beyond the last is 0.
void interleave_pairs(const void* from, std::size_t rows, std::size_t size, float* to) {
  const __m512i lower = _mm512_load_si512(lower_turns.order);
  const __m512i upper = _mm512_load_si512(upper_turns.order);
  for (std::size_t row = 0; row < rows; row += 2) {
    const auto* one = static_cast<const std::uint16_t*>(from) + row * size;
    const std::uint16_t* two = row + 1 < rows ? one + size : one;
    float* out = to + row / 2 * size;
    fetch_row(one, 4 * size);
    for (std::size_t e = 0; e < size; e += 32) {
      const __mmask32 mask = first_of(size - e);
      const __m512i a = _mm512_maskz_loadu_epi16(mask, one + e);
      const __m512i b = _mm512_maskz_loadu_epi16(row + 1 < rows ? mask : 0, two + e);
      _mm512_mask_storeu_epi32(out + e, static_cast<__mmask16>(mask),
                               _mm512_permutex2var_epi16(a, lower, b));
      if (size - e > 16)
        _mm512_mask_storeu_epi32(out + e + 16, static_cast<__mmask16>(mask >> 16U),
                                 _mm512_permutex2var_epi16(a, upper, b));
    }
  }
}

void pack_pairs(const float* tile, std::size_t rows, std::size_t lanes, std::size_t count,
                float* to) {
  const __m512i places = _mm512_load_si512(half_turns.order);
  for (std::size_t row = 0; row < rows; row += 2) {
    for (std::size_t lane = 0; lane < count; lane += 16) {
      const float* at = tile + row * lanes + lane;
      const Vf lower = row + 1 < rows ? load(at + lanes) : Vf{};
      _mm512_storeu_si512(to + row / 2 * lanes + lane, pair_of(load(at), lower, places));
    }
  }
}

void few_pair_scores(const float* queries, std::size_t query_stride, std::size_t count,
                     const void* keys, std::size_t rows, std::size_t size, const KeyScale& scale,
                     float* tile, Reading& reading) {
  const auto scores = scale.by_steps ? few_scores<SteppedKeys> : few_scores<ScaledKeys>;
  scores(queries, query_stride, count, keys, rows, size, scale, tile, reading);
}

constexpr onnxpack::kernels::flex::PairOps pairs = {
    .products = {.scores = scores<Pairs>,
                 .weigh = weigh<Pairs>,
                 .few_scores = few_pair_scores,
                 .few_weigh = few_weigh<FewPairs>,
                 .few_in_order = in_order_of<FewPairs>},
    .scale = scale_pairs,
    .scale_few = scale_few,
    .interleave = interleave_pairs,
    .pack = pack_pairs,
    .few_softmax = few_softmax<CoarseWeights>,
    .few_limit = limit_of_few,
    .softmax = softmax_pairs};

}  // namespace
