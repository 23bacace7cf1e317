// The softmax of a tile of bf16, as pairs of weights.
#pragma once

#include "flex_attention/pairs.h"
#include "flex_attention/tile_softmax.h"

namespace {

// Two rows of f32 as pairs, rounded to bf16. The one instruction rounds two vectors to halves of
// one; `places`, half_turns, puts them beside each other.
inline __m512i pair_of(Vf upper, Vf lower, __m512i places) {
  const auto both = reinterpret_cast<__m512i>(
      _mm512_cvtne2ps_pbh(reinterpret_cast<__m512>(lower), reinterpret_cast<__m512>(upper)));
  return _mm512_permutexvar_epi16(places, both);
}

// e^(score - most), to 2^-13 of it: what is rounded to bf16 has 2^-9. `most` is finite.
inline Vf coarse_weight_of(Vf score, Vf most) {
  const auto t = reinterpret_cast<__m512>((score - most) * log2_e);
  // What is above the whole number below; 0 of -inf, which the last step takes for 2^-inf.
  const auto r =
      reinterpret_cast<Vf>(_mm512_reduce_ps(t, _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC));
  Vf p = splat(0.07706716F);
  p = p * r + 0.22764487F;
  p = p * r + 0.69511681F;
  p = p * r + 1.0F;
  return reinterpret_cast<Vf>(_mm512_scalef_ps(reinterpret_cast<__m512>(p), t));
}

struct CoarseWeights {
  static Vf of(Vf score, Vf most) { return coarse_weight_of(score, most); }
};

template <std::size_t N>
void softmax_pairs_panel(const float* tile, std::size_t rows, std::size_t lanes, float* maximum,
                         float* sum, float* factor, float* to) {
  const __m512i places = _mm512_load_si512(half_turns.order);
  Vf most[N];
  Vf total[N];
  fold_maximum(tile, rows, lanes, maximum, sum, factor, most, total);
  for (std::size_t k = 0; k < rows; k += 2) {
#pragma GCC unroll 4
    for (std::size_t v = 0; v < N; ++v) {
      const float* at = tile + k * lanes + v * width;
      const Vf upper = coarse_weight_of(load(at), most[v]);
      const Vf lower = k + 1 < rows ? coarse_weight_of(load(at + lanes), most[v]) : Vf{};
      total[v] = total[v] + (upper + lower);
      _mm512_storeu_si512(to + k / 2 * lanes + v * width, pair_of(upper, lower, places));
    }
  }
#pragma GCC unroll 4
  for (std::size_t v = 0; v < N; ++v) store(sum + v * width, total[v]);
}

inline void softmax_pairs(const float* tile, std::size_t rows, std::size_t lanes, std::size_t count,
                          float* maximum, float* sum, float* factor, float* to) {
  over_panels(count, [&]<std::size_t N>(std::size_t lane) {
    softmax_pairs_panel<N>(tile + lane, rows, lanes, maximum + lane, sum + lane, factor + lane,
                           to + lane);
  });
}

// The same of scores that are pairs, over `pairs` rows of them, in place; largest[lane] is the
// largest of them, not rounded.
template <std::size_t N>
inline void softmax_packed_panel(float* tile, std::size_t pairs, std::size_t lanes,
                                 const float* largest, float* maximum, float* sum, float* factor) {
  const __m512i places = _mm512_load_si512(half_turns.order);
  const __m512i upper_half = _mm512_set1_epi32(static_cast<int>(0xFFFF0000U));
  Vf most[N];
  Vf total[N];
#pragma GCC unroll 4
  for (std::size_t v = 0; v < N; ++v) {
    const std::size_t lane = v * width;
    const Vf old = load(maximum + lane);
    most[v] = larger(Pairs::stored(load(largest + lane)), old);
    store(maximum + lane, most[v]);
    most[v] = base_of(most[v]);
    const Vf shrink = weight_of(old, most[v]);
    store(factor + lane, shrink);
    total[v] = load(sum + lane) * shrink;
  }
  for (std::size_t k = 0; k < pairs; ++k) {
#pragma GCC unroll 4
    for (std::size_t v = 0; v < N; ++v) {
      float* at = tile + k * lanes + v * width;
      const __m512i both = _mm512_load_si512(at);
      const Vf upper = coarse_weight_of(reinterpret_cast<Vf>(_mm512_slli_epi32(both, 16)), most[v]);
      const Vf lower =
          coarse_weight_of(reinterpret_cast<Vf>(_mm512_and_si512(both, upper_half)), most[v]);
      total[v] = total[v] + (upper + lower);
      _mm512_store_si512(at, pair_of(upper, lower, places));
    }
  }
#pragma GCC unroll 4
  for (std::size_t v = 0; v < N; ++v) store(sum + v * width, total[v]);
}

inline void softmax_packed(float* tile, std::size_t pairs, std::size_t lanes, std::size_t count,
                           const float* largest, float* maximum, float* sum, float* factor) {
  over_panels(count, [&]<std::size_t N>(std::size_t lane) {
    softmax_packed_panel<N>(tile + lane, pairs, lanes, largest + lane, maximum + lane, sum + lane,
                            factor + lane);
  });
}

}  // namespace
