// Several rows of activations with smmla, which multiplies 2 x 8 by 8 x 2 bytes: twice the products
// of sdot per instruction. A pair of rows of activations by a pair of rows of weights; one row that
// is left goes through sdot.
#include "ternary/dot_tiles.h"
#include "ternary/vector_neon.h"

namespace onnxpack::kernels::ternary {
namespace {

using reg = V128::reg;

// Columns 0 to 7 and 8 to 15 of two rows, as smmla wants them.
struct Two {
  int8x16_t low;
  int8x16_t high;
};
inline Two two(reg first, reg second) {
  const int64x2_t a = vreinterpretq_s64_s32(first);
  const int64x2_t b = vreinterpretq_s64_s32(second);
  return {vreinterpretq_s8_s64(vzip1q_s64(a, b)), vreinterpretq_s8_s64(vzip2q_s64(a, b))};
}
// [m][row], [m][row + 1], [m + 1][row], [m + 1][row + 1]
inline reg multiply(reg acc, const Two& activations, const Two& codes) {
  return vmmlaq_s32(vmmlaq_s32(acc, activations.low, codes.low), activations.high, codes.high);
}

struct U2rPairs {
  static constexpr std::size_t height = 4;
  static constexpr std::size_t most = 4;  // pairs of rows of activations
  using Single = U2r<V128>;
  Fields<V128> fields;
  template <std::size_t P>
  struct Sums {
    reg of[P][2];
  };

  template <std::size_t P>
  inline void step(reg w, const Two* a, const reg*, Sums<P>& sums) const {
    const Two codes[2] = {two(fields.take(w, 0), fields.take(w, 1)),
                          two(fields.take(w, 2), fields.take(w, 3))};
#pragma GCC unroll 4
    for (std::size_t p = 0; p < P; ++p)
#pragma GCC unroll 2
      for (std::size_t r = 0; r < 2; ++r) sums.of[p][r] = multiply(sums.of[p][r], a[p], codes[r]);
  }
  template <std::size_t P>
  static inline void finish(const Sums<P>& sums, std::size_t p, std::int32_t (*out)[5]) {
    constexpr std::int32_t down[2][4] = {{0, -2, 0, -2}, {-4, 0, -4, 0}};
    for (std::size_t r = 0; r < 2; ++r) {
      const reg four = vshlq_s32(sums.of[p][r], vld1q_s32(down[r]));
      vst1_s32(out[0] + 2 * r, vget_low_s32(four));
      vst1_s32(out[1] + 2 * r, vget_high_s32(four));
    }
  }
};

struct T5rPairs {
  static constexpr std::size_t height = 5;
  static constexpr std::size_t most = 2;
  using Single = T5rByComparison;
  T5rDigits digits;
  template <std::size_t P>
  struct Sums {
    reg of[P][2];
    reg fifth[2 * P];  // has no partner: sdot
  };

  template <std::size_t P>
  inline void step(reg w, const Two* a, const reg* rows, Sums<P>& sums) const {
    uint8x16_t rest = V128::u8(w);
    reg digit[5];
#pragma GCC unroll 4
    for (std::size_t r = 4; r > 0; --r) digit[r] = digits.take(rest, r);
    digit[0] = V128::of(rest);
    const Two codes[2] = {two(digit[0], digit[1]), two(digit[2], digit[3])};
#pragma GCC unroll 4
    for (std::size_t p = 0; p < P; ++p) {
#pragma GCC unroll 2
      for (std::size_t r = 0; r < 2; ++r) sums.of[p][r] = multiply(sums.of[p][r], a[p], codes[r]);
#pragma GCC unroll 2
      for (std::size_t i = 2 * p; i < 2 * p + 2; ++i)
        sums.fifth[i] = V128::dot(sums.fifth[i], digit[4], rows[i]);
    }
  }
  template <std::size_t P>
  static inline void finish(const Sums<P>& sums, std::size_t p, std::int32_t (*out)[5]) {
    constexpr std::int32_t sign[2][4] = {{1, -1, 1, -1}, {-1, -1, -1, -1}};
    for (std::size_t r = 0; r < 2; ++r) {
      const reg four = vmulq_s32(sums.of[p][r], vld1q_s32(sign[r]));
      vst1_s32(out[0] + 2 * r, vget_low_s32(four));
      vst1_s32(out[1] + 2 * r, vget_high_s32(four));
    }
    for (std::size_t i = 0; i < 2; ++i) out[i][4] = -V128::total(sums.fifth[2 * p + i]);
  }
};

template <typename Form, std::size_t P>
inline void pair_tile(const DotJob& job, const Form& form, std::size_t g, std::size_t m) {
  const std::uint8_t* bytes = job.bytes + g * job.stride;
  for (std::size_t b = 0; b < job.blocks; ++b) {
    typename Form::template Sums<P> sums = {};
    const std::size_t begin = b * job.block;
    const std::size_t end = begin + job.block < job.width ? begin + job.block : job.width;
    for (std::size_t k = begin; k < end; k += 16) {
      const reg w = V128::load(bytes + k);
      V128::prefetch(bytes + k + job.ahead.first);
      reg rows[2 * P];
      Two a[P];
#pragma GCC unroll 8
      for (std::size_t i = 0; i < 2 * P; ++i)
        rows[i] = V128::load(job.activations + (m + i) * job.width + k);
#pragma GCC unroll 4
      for (std::size_t p = 0; p < P; ++p) a[p] = two(rows[2 * p], rows[2 * p + 1]);
      form.template step<P>(w, a, rows, sums);
    }
    for (std::size_t p = 0; p < P; ++p) {
      std::int32_t found[2][5];
      Form::template finish<P>(sums, p, found);
      for (std::size_t i = 0; i < 2; ++i) {
        const std::size_t at = (m + 2 * p + i) * job.blocks + b;
        std::int32_t* out = job.out + at * job.out_rows + g * Form::height;
        for (std::size_t r = 0; r < Form::height; ++r) out[r] = found[i][r] - job.sums[at];
      }
    }
  }
}

template <typename Form>
inline void pairs(const DotJob& job) {
  const Form form;
  const typename Form::Single single;
  for (std::size_t g = 0; g < job.groups; ++g) {
    std::size_t m = 0;
    for (; m + 2 * Form::most <= job.m; m += 2 * Form::most)
      pair_tile<Form, Form::most>(job, form, g, m);
    for (; m + 2 <= job.m; m += 2) pair_tile<Form, 1>(job, form, g, m);
    if (m < job.m) row_plane_tile<V128, typename Form::Single, 1>(job, single, g, m);
  }
}

}  // namespace

void dot_t5r_neoni8mm(const DotJob& job) {
  pairs<T5rPairs>(job);
}
void dot_u2r_neoni8mm(const DotJob& job) {
  pairs<U2rPairs>(job);
}

}  // namespace onnxpack::kernels::ternary
