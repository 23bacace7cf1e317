// One row of activations and scales of blocks, AVX-512: the ends of four blocks are made together,
// since with 128 columns in a block they cost as much as the products. In an unnamed namespace, see
// dot_tiles.h.
#pragma once

#include "ternary/dot_tiles.h"
#include "ternary/vector_avx512.h"

namespace onnxpack::kernels::ternary {
namespace {

constexpr std::size_t blocks_at_once = 4;

inline bool goes_by_blocks(const DotJob& job) {
  return job.m == 1 && job.blocks >= blocks_at_once;
}

// Lane i: the sum of q[i]'s lanes.
inline __m512i added_lanes(const __m512i (&q)[4]) {
  const auto halves = [](__m512i a, __m512i b) {
    return V512::add32(_mm512_shuffle_i32x4(a, b, 0x88), _mm512_shuffle_i32x4(a, b, 0xDD));
  };
  return halves(halves(q[0], q[1]), halves(q[2], q[3]));
}

// Sums of rows 0 to 3 of blocks b to b + 3, and of row 4 where there is one.
template <typename Form>
inline void store_blocks(const DotJob& job, std::size_t g, std::size_t b, __m512i four,
                         const __m512i (&fifth)[4]) {
  const __m128i sums = _mm_loadu_si128(reinterpret_cast<const __m128i*>(job.sums + b));
  const __m512i each = _mm512_setr_epi32(0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3);
  four = _mm512_sub_epi32(four, _mm512_permutexvar_epi32(each, _mm512_castsi128_si512(sums)));
  std::int32_t* out = job.out + b * job.out_rows + g * Form::height;
  const auto store = [&](std::size_t i, __m128i rows) {
    _mm_storeu_si128(reinterpret_cast<__m128i*>(out + i * job.out_rows), rows);
  };
  store(0, _mm512_castsi512_si128(four));
  store(1, _mm512_extracti32x4_epi32(four, 1));
  store(2, _mm512_extracti32x4_epi32(four, 2));
  store(3, _mm512_extracti32x4_epi32(four, 3));
  if constexpr (Form::height == 5) {
    std::int32_t last[4];
    V512::total4(fifth[0], fifth[1], fifth[2], fifth[3], last);
    for (std::size_t i = 0; i < 4; ++i)
      out[i * job.out_rows + 4] = divided(last[i], inverse_of_power[4]) - job.sums[b + i];
  }
}

// Form: its first four sums are fields that shift<0, 2, 4, 6> makes whole, a fifth is 81 times too
// large.
template <typename Form>
inline void group_by_blocks(const DotJob& job, const Form& form, std::size_t g) {
  const std::uint8_t* bytes = job.bytes + g * job.stride;
  std::size_t b = 0;
  for (; b + blocks_at_once <= job.blocks; b += blocks_at_once) {
    __m512i part[4];
    __m512i fifth[4];
#pragma GCC unroll 4
    for (std::size_t i = 0; i < 4; ++i) {
      __m512i acc[1][5];
#pragma GCC unroll 5
      for (auto& one : acc[0]) one = V512::zero();
      const std::size_t begin = (b + i) * job.block;
      const std::size_t end = begin + job.block < job.width ? begin + job.block : job.width;
      for (std::size_t k = begin; k < end; k += 64) {
        auto w = V512::load(bytes + k);
        V512::keep(w);
        prefetch_stream<V512>(bytes + k, job.ahead);
        const __m512i a = V512::load(job.activations + k);
        form.template step<1>(w, &a, acc);
      }
      part[i] = Form::quarters(acc[0]);
      fifth[i] = acc[0][4];
    }
    store_blocks<Form>(job, g, b, added_lanes(part), fifth);
  }
  row_plane_blocks<V512, Form, 1>(job, form, g, 0, b);
}

template <typename Form>
inline void row_plane_by_blocks(const DotJob& job) {
  const Form form;
  for (std::size_t g = 0; g < job.groups; ++g) group_by_blocks(job, form, g);
}

}  // namespace
}  // namespace onnxpack::kernels::ternary
