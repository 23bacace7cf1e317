// Without a dot product instruction: pairs of products in int16 (vpmaddubsw), added up there as
// long as they fit, then widened.
#include "ternary/dot_narrow.h"
#include "ternary/dot_tiles.h"
#include "ternary/vector_avx2.h"

namespace onnxpack::kernels::ternary {
namespace {

// Pairs widened at once. Exact while both products fit int16: for unsigned operands up to 128.
struct V256 : V256Base {
  static inline reg pairs(reg u, reg s) { return _mm256_maddubs_epi16(u, s); }
  static inline reg widened(reg pairs16) {
    return _mm256_madd_epi16(pairs16, _mm256_set1_epi16(1));
  }
  static inline reg dot(reg acc, reg u, reg s) { return add32(acc, widened(pairs(u, s))); }
  static inline reg add16(reg a, reg b) { return _mm256_add_epi16(a, b); }
};

// The fifth row's field would be up to 162, too much for int16 pairs, so its digit is made from the
// two comparisons.
struct T5rByComparison {
  static constexpr std::size_t height = 5;
  template <std::size_t M>
  inline void step(__m256i w, const __m256i* a, __m256i (*acc)[5]) const {
    const __m256i less = V256::min8(w, V256::sub8(w, V256::set8(162)));
    const __m256i rest = V256::min8(less, V256::sub8(less, V256::set8(81)));
    const __m256i below_162 = _mm256_cmpeq_epi8(less, w);  // -1 or 0
    const __m256i below_81 = _mm256_cmpeq_epi8(rest, less);
    const __m256i top = _mm256_add_epi8(_mm256_add_epi8(below_162, below_162),
                                        _mm256_add_epi8(below_81, V256::set8(3)));
    acc[0][4] = V256::dot(acc[0][4], top, a[0]);
    w = rest;
#pragma GCC unroll 4
    for (std::size_t r = 3; r > 0; --r) {
      constexpr unsigned powers[4] = {1, 3, 9, 27};
      const __m256i once = V256::set8(powers[r]);
      const __m256i low = V256::min8(w, V256::sub8(w, V256::set8(2 * powers[r])));
      const __m256i last = V256::min8(low, V256::sub8(low, once));
      acc[0][r] = V256::dot(acc[0][r], V256::sub8(w, last), a[0]);
      w = last;
    }
    acc[0][0] = V256::dot(acc[0][0], w, a[0]);
  }
  static inline void finish(const __m256i* acc, std::int32_t sum, std::int32_t* out) {
    V256::total4(acc[0], acc[1], acc[2], acc[3], out);
    out[4] = V256::total(acc[4]);
    for (std::size_t r = 0; r < 4; ++r) out[r] = divided(out[r], inverse_of_power[r]) - sum;
    out[4] -= sum;
  }
  static constexpr std::uint32_t fifth = 1;
  static inline __m256i quarters(const __m256i* acc) {
    return V256::mul32(V256::quarters(acc[0], acc[1], acc[2], acc[3]), V256::set_powers());
  }
};

// Of narrow blocks, whose sums end with each vector: the upper two fields are shifted down.
struct U2rByPairs {
  static constexpr std::size_t height = 4;
  template <std::size_t M>
  inline void step(__m256i w, const __m256i* a, __m256i (*acc)[5]) const {
    const __m256i first = V256::set8(0x03);
    const __m256i second = V256::set8(0x0C);
    const __m256i high = _mm256_srli_epi16(w, 4);
    acc[0][0] = V256::dot(acc[0][0], V256::band(w, first), a[0]);
    acc[0][1] = V256::dot(acc[0][1], V256::band(w, second), a[0]);
    acc[0][2] = V256::dot(acc[0][2], V256::band(high, first), a[0]);
    acc[0][3] = V256::dot(acc[0][3], V256::band(high, second), a[0]);
  }
  static inline __m256i quarters(const __m256i* acc) {
    return V256::quarters(acc[0], V256::shift<2>(acc[1]), acc[2], V256::shift<2>(acc[3]));
  }
};

// Steps whose int16 sums cannot overflow: a field is the code (at most 2) or four times it, so a
// pair is at most 2 * 8 * 128 = 2048.
constexpr std::size_t steps_in_int16 = 15;

void u2r_group(const DotJob& job, std::size_t g, std::size_t m, std::size_t b) {
  const std::uint8_t* bytes = job.bytes + g * job.stride;
  const std::int8_t* activations = job.activations + m * job.width;
  const std::size_t begin = b * job.block;
  const std::size_t end = begin + job.block < job.width ? begin + job.block : job.width;
  const __m256i first = V256::set8(0x03);
  const __m256i second = V256::set8(0x0C);
  __m256i wide[4] = {V256::zero(), V256::zero(), V256::zero(), V256::zero()};
  for (std::size_t k = begin; k < end;) {
    const std::size_t stop = k + steps_in_int16 * 32 < end ? k + steps_in_int16 * 32 : end;
    __m256i sums[4] = {V256::zero(), V256::zero(), V256::zero(), V256::zero()};
    for (; k < stop; k += 32) {
      __m256i w = V256::load(bytes + k);
      V256::keep(w);
      V256::prefetch(bytes + k + job.ahead.first);
      const __m256i a = V256::load(activations + k);
      const __m256i high = _mm256_srli_epi16(w, 4);
      sums[0] = V256::add16(sums[0], V256::pairs(V256::band(w, first), a));
      sums[1] = V256::add16(sums[1], V256::pairs(V256::band(w, second), a));
      sums[2] = V256::add16(sums[2], V256::pairs(V256::band(high, first), a));
      sums[3] = V256::add16(sums[3], V256::pairs(V256::band(high, second), a));
    }
    for (std::size_t r = 0; r < 4; ++r) wide[r] = V256::add32(wide[r], V256::widened(sums[r]));
  }
  const std::size_t at = m * job.blocks + b;
  std::int32_t* out = job.out + at * job.out_rows + 4 * g;
  V256::total4(wide[0], V256::shift<2>(wide[1]), wide[2], V256::shift<2>(wide[3]), out);
  for (std::size_t r = 0; r < 4; ++r) out[r] -= job.sums[at];
}

std::int32_t u2_row(const DotJob& job, std::size_t n, std::size_t m, std::size_t b) {
  const std::uint8_t* bytes = job.bytes + n * job.stride;
  const std::int8_t* planes = job.activations + 4 * m * job.width;
  std::size_t j = b * job.block / 4;
  std::size_t end = (b + 1) * job.block / 4;
  if (end > job.stride) end = job.stride;
  const __m256i first = V256::set8(0x03);
  const __m256i second = V256::set8(0x0C);
  __m256i wide[2] = {V256::zero(), V256::zero()};
  // Two planes go into each sum, so half the steps.
  for (std::size_t left = 0; j < end; left = 0) {
    __m256i sums[2] = {V256::zero(), V256::zero()};
    for (; left < steps_in_int16 / 2 && j < end; ++left, j += 32) {
      __m256i w = j + 32 <= end ? V256::load(bytes + j) : V256::load_part(bytes + j, end - j);
      V256::keep(w);
      V256::prefetch(bytes + j + job.ahead.first);
      const __m256i high = _mm256_srli_epi16(w, 4);
      const auto plane = [&](std::size_t p) { return V256::load(planes + p * job.width + j); };
      sums[0] = V256::add16(sums[0], V256::pairs(V256::band(w, first), plane(0)));
      sums[1] = V256::add16(sums[1], V256::pairs(V256::band(w, second), plane(1)));
      sums[0] = V256::add16(sums[0], V256::pairs(V256::band(high, first), plane(2)));
      sums[1] = V256::add16(sums[1], V256::pairs(V256::band(high, second), plane(3)));
    }
    wide[0] = V256::add32(wide[0], V256::widened(sums[0]));
    wide[1] = V256::add32(wide[1], V256::widened(sums[1]));
  }
  return V256::total(V256::add32(wide[0], V256::shift<2>(wide[1]))) - job.sums[m * job.blocks + b];
}

}  // namespace

void dot_t5r_avx2(const DotJob& job) {
  if (goes_narrow(job)) return row_plane_narrow<V256, T5rByComparison>(job);
  row_plane<V256, T5rByComparison, 1>(job);
}

void dot_u2r_avx2(const DotJob& job) {
  if (goes_narrow(job)) return row_plane_narrow<V256, U2rByPairs>(job);
  for (std::size_t g = 0; g < job.groups; ++g)
    for (std::size_t m = 0; m < job.m; ++m)
      for (std::size_t b = 0; b < job.blocks; ++b) u2r_group(job, g, m, b);
}

void dot_u2_avx2(const DotJob& job) {
  for (std::size_t n = 0; n < job.groups; ++n)
    for (std::size_t m = 0; m < job.m; ++m)
      for (std::size_t b = 0; b < job.blocks; ++b)
        job.out[(m * job.blocks + b) * job.out_rows + n] = u2_row(job, n, m, b);
}

}  // namespace onnxpack::kernels::ternary
