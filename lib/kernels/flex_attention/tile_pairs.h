// Products of pairs of bf16 that are summed in f32, by AVX-512 BF16. The instruction takes
// denormals for 0, and gives none.
#pragma once

#include <bit>

#include "flex_attention/tile_few.h"
#include "flex_attention/tile_softmax.h"

namespace {

using onnxpack::kernels::flex::KeyScale;

// How far ahead of its use memory is asked for, beyond what the hardware sees by itself.
constexpr std::size_t fetch_distance = 8192;

struct Pairs {
  static constexpr bool in_place = false;
  static Vf add(Vf sum, Vf a, Vf b) {
    return reinterpret_cast<Vf>(_mm512_dpbf16_ps(reinterpret_cast<__m512>(sum),
                                                 reinterpret_cast<__m512bh>(a),
                                                 reinterpret_cast<__m512bh>(b)));
  }
  // Spread as bits: a pair is no number.
  static Vf add(Vf sum, float a, Vf b) {
    return add(sum, reinterpret_cast<Vf>(_mm512_set1_epi32(std::bit_cast<std::int32_t>(a))), b);
  }
  // A score, rounded to bf16.
  static Vf stored(Vf score) {
    const auto half =
        reinterpret_cast<__m256i>(_mm512_cvtneps_pbh(reinterpret_cast<__m512>(score)));
    return reinterpret_cast<Vf>(_mm512_slli_epi32(_mm512_cvtepu16_epi32(half), 16));
  }
};

// The low 16 bits of 32, or as many as there are.
inline __mmask32 first_of(std::size_t count) {
  return count >= 32 ? ~__mmask32{0} : (__mmask32{1} << count) - 1;
}

inline void fetch_row(const void* row, std::size_t bytes) {
  const char* at = static_cast<const char*>(row) + fetch_distance;
  for (std::size_t byte = 0; byte < bytes; byte += 64) __builtin_prefetch(at + byte);
}

// order[2 * i] = first + i, order[2 * i + 1] = 32 + first + i: halves of two vectors in turns.
struct Turns {
  alignas(64) std::uint16_t order[32];
  constexpr explicit Turns(std::uint16_t first, std::uint16_t other) : order{} {
    for (std::uint16_t i = 0; i < 16; ++i) {
      order[2 * i] = static_cast<std::uint16_t>(first + i);
      order[2 * i + 1] = static_cast<std::uint16_t>(first + other + i);
    }
  }
};
constexpr Turns lower_turns(0, 32), upper_turns(16, 32), half_turns(0, 16);

// 32 numbers times a factor: first those at even places, then those at odd ones, which are a shift
// and a mask away from f32. A product of rows does not mind, if all come from here.
struct ScaledPairs {
  __m512 by;
  __m512i upper = _mm512_set1_epi32(static_cast<std::int32_t>(0xFFFF0000U));
  explicit ScaledPairs(float factor) : by(_mm512_set1_ps(factor)) {}
  __m512i operator()(__m512i both) const {
    const __m512 even = _mm512_mul_ps(_mm512_castsi512_ps(_mm512_slli_epi32(both, 16)), by);
    const __m512 odd = _mm512_mul_ps(_mm512_castsi512_ps(_mm512_and_si512(both, upper)), by);
    return reinterpret_cast<__m512i>(_mm512_cvtne2ps_pbh(odd, even));
  }
  __m512i in_order(__m512i both) const {
    return _mm512_permutexvar_epi16(_mm512_load_si512(half_turns.order), (*this)(both));
  }
};

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

// Two rows of f32 as pairs, rounded to bf16. The one instruction rounds two vectors to halves of
// one; `places`, half_turns, puts them beside each other.
inline __m512i pair_of(Vf upper, Vf lower, __m512i places) {
  const auto both = reinterpret_cast<__m512i>(
      _mm512_cvtne2ps_pbh(reinterpret_cast<__m512>(lower), reinterpret_cast<__m512>(upper)));
  return _mm512_permutexvar_epi16(places, both);
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
      const Vf upper = weight_of(load(at), most[v]);
      const Vf lower = k + 1 < rows ? weight_of(load(at + lanes), most[v]) : Vf{};
      total[v] = total[v] + (upper + lower);
      _mm512_storeu_si512(to + k / 2 * lanes + v * width, pair_of(upper, lower, places));
    }
  }
#pragma GCC unroll 4
  for (std::size_t v = 0; v < N; ++v) store(sum + v * width, total[v]);
}

void softmax_pairs(const float* tile, std::size_t rows, std::size_t lanes, std::size_t count,
                   float* maximum, float* sum, float* factor, float* to) {
  over_panels(count, [&]<std::size_t N>(std::size_t lane) {
    softmax_pairs_panel<N>(tile + lane, rows, lanes, maximum + lane, sum + lane, factor + lane,
                           to + lane);
  });
}

// For a few queries the same in registers.
struct FewPairs : Pairs {
  using Number = std::uint16_t;
  static constexpr std::size_t rows_together = 2;
  __m512i lower = _mm512_load_si512(lower_turns.order);
  __m512i upper = _mm512_load_si512(upper_turns.order);
  template <std::size_t N>
  void values(const std::uint16_t* row, std::size_t stride, std::size_t rows, std::size_t part,
              Vf (&line)[N]) const {
    if constexpr (N == 1) {
      const __mmask32 mask = first_of(part);
      const __m512i a = _mm512_maskz_loadu_epi16(mask, row);
      const __m512i b = _mm512_maskz_loadu_epi16(rows > 1 ? mask : 0, row + stride);
      line[0] = reinterpret_cast<Vf>(_mm512_permutex2var_epi16(a, lower, b));
    } else {
#pragma GCC unroll 8
      for (std::size_t n = 0; n < N; n += 2) {
        const __m512i a = _mm512_loadu_si512(row + n * 16);
        const __m512i b =
            rows > 1 ? _mm512_loadu_si512(row + stride + n * 16) : _mm512_setzero_si512();
        line[n] = reinterpret_cast<Vf>(_mm512_permutex2var_epi16(a, lower, b));
        line[n + 1] = reinterpret_cast<Vf>(_mm512_permutex2var_epi16(a, upper, b));
      }
    }
  }
  static const float* weights(const float* tile, std::size_t rows, std::size_t count, float* room) {
    for (std::size_t r = 0; r < count; ++r) {
      for (std::size_t k = 0; k < rows; k += 32) {
        const float* at = tile + r * most_few_rows + k;
        _mm512_storeu_si512(room + r * most_few_rows / 2 + k / 2,
                            reinterpret_cast<__m512i>(_mm512_cvtne2ps_pbh(_mm512_loadu_ps(at + 16),
                                                                          _mm512_loadu_ps(at))));
      }
    }
    return room;
  }
};

// Keys times the factor, whatever they are.
struct ScaledKeys : Pairs {
  using Number = std::uint16_t;
  static constexpr std::size_t key_numbers = 32;
  static constexpr bool by_eight = false;
  ScaledPairs scaled;
  float unscale;  // queries come times the power that KeyScale's steps leave out
  explicit ScaledKeys(const KeyScale& scale) : scaled(scale.factor), unscale(1.0F / scale.power) {}
  ScaledKeys any() const { return *this; }
  Vf key(const std::uint16_t* at) const {
    return reinterpret_cast<Vf>(scaled.in_order(_mm512_loadu_si512(at)));
  }
  Vf key_part(const std::uint16_t* at, std::size_t count) const {
    return reinterpret_cast<Vf>(scaled.in_order(_mm512_maskz_loadu_epi16(first_of(count), at)));
  }
  Vf stored(Vf score) const { return Pairs::stored(score * unscale); }
};

// Keys by KeyScale's steps.
struct SteppedKeys : Pairs {
  using Number = std::uint16_t;
  static constexpr std::size_t key_numbers = 32;
  static constexpr bool by_eight = true;
  explicit SteppedKeys(const KeyScale& scale)
      : low_steps(_mm512_load_si512(scale.steps.data())),
        high_steps(_mm512_load_si512(scale.steps.data() + 64)),
        by(&scale) {}
  // Made when it is asked for, which is seldom.
  ScaledKeys any() const { return ScaledKeys(*by); }
  Vf key(const std::uint16_t* at) const { return stepped(_mm512_loadu_si512(at)); }
  Vf key_part(const std::uint16_t* at, std::size_t count) const {
    return stepped(_mm512_maskz_loadu_epi16(first_of(count), at));
  }
  // Whether all keys so far were such as the steps are for.
  bool certain() const {
    const __m512i least = _mm512_set1_epi16(static_cast<short>(2 * KeyScale::first_uncertain));
    return _mm512_cmpge_epu16_mask(largest, least) == 0;
  }

 private:
  // The table is indexed by the low 7 bits of each byte, which of a number's lower byte are its
  // mantissa.
  Vf stepped(__m512i x) const {
    constexpr __mmask64 lower_bytes = 0x5555555555555555;
    largest = _mm512_max_epu16(largest, _mm512_add_epi16(x, x));
    const __m512i step = _mm512_maskz_permutex2var_epi8(lower_bytes, low_steps, x, high_steps);
    return reinterpret_cast<Vf>(_mm512_add_epi16(x, step));
  }

  __m512i low_steps, high_steps;
  // As bits without the sign and times 2.
  mutable __m512i largest = _mm512_setzero_si512();
  const KeyScale* by;
};

void few_pair_scores(const float* queries, std::size_t query_stride, std::size_t count,
                     const void* keys, std::size_t rows, std::size_t size, const KeyScale& scale,
                     float* tile, const Reading& reading) {
  const auto scores = scale.by_steps ? few_scores<SteppedKeys> : few_scores<ScaledKeys>;
  scores(queries, query_stride, count, keys, rows, size, scale, tile, reading);
}

constexpr onnxpack::kernels::flex::PairOps pairs = {.products = {.scores = scores<Pairs>,
                                                                 .weigh = weigh<Pairs>,
                                                                 .few_scores = few_pair_scores,
                                                                 .few_weigh = few_weigh<FewPairs>},
                                                    .scale = scale_pairs,
                                                    .scale_few = scale_few,
                                                    .interleave = interleave_pairs,
                                                    .pack = pack_pairs,
                                                    .softmax = softmax_pairs};

}  // namespace
