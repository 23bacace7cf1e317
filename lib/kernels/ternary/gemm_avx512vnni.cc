// Prefill: panels of 80 rows by tiles of five rows of activations, 25 sums in registers, five panel
// loads and five broadcasts for 25 dot products. Codes are unpacked once per panel and used by all
// rows of activations.
#include "ternary/unpack_avx512.h"

namespace onnxpack::kernels::ternary {
namespace {

constexpr std::size_t vectors = panel_rows / 16;

inline void digits_t5r(__m512i w, std::uint8_t (*rows)[64]) {
  for (std::size_t r = 4; r > 0; --r) {
    constexpr unsigned powers[5] = {1, 3, 9, 27, 81};
    const __m512i once = V512::set8(powers[r]);
    const __m512i less = V512::min8(w, V512::sub8(w, V512::set8(2 * powers[r])));
    const __m512i rest = V512::min8(less, V512::sub8(less, once));
    const __mmask64 two = _mm512_cmpneq_epi8_mask(less, w);
    const __mmask64 one = _mm512_cmpneq_epi8_mask(rest, less);
    const __m512i digit = _mm512_mask_add_epi8(_mm512_maskz_set1_epi8(one, 1), two,
                                               _mm512_maskz_set1_epi8(one, 1), V512::set8(2));
    _mm512_store_si512(rows[r], digit);
    w = rest;
  }
  _mm512_store_si512(rows[0], w);
}

inline void digits_u2r(__m512i w, std::uint8_t (*rows)[64]) {
  for (int r = 0; r < 4; ++r)
    _mm512_store_si512(rows[r],
                       V512::band(_mm512_srl_epi16(w, _mm_cvtsi32_si128(2 * r)), V512::set8(3)));
}

inline void transpose_rows(const std::uint8_t (*rows)[64], std::uint8_t* panel) {
  for (std::size_t n = 0; n < panel_rows; n += 16) {
    __m512i sixteen[16];
    for (std::size_t r = 0; r < 16; ++r) sixteen[r] = V512::load(rows[n + r]);
    transpose(sixteen);
    for (std::size_t c = 0; c < 16; ++c)
      _mm512_store_si512(panel + n * 4 + c * panel_rows * 4, sixteen[c]);
  }
}

template <std::size_t Height, void (*Digits)(__m512i, std::uint8_t (*)[64])>
void unpack(const UnpackJob& job) {
  alignas(64) std::uint8_t rows[panel_rows][64];
  for (std::size_t k = 0; k < job.width; k += 64) {
    for (std::size_t g = 0; g < panel_rows / Height; ++g) {
      if (g < job.groups) {
        Digits(V512::load(job.bytes + g * job.stride + k), rows + g * Height);
      } else {
        for (std::size_t r = 0; r < Height; ++r)
          _mm512_store_si512(rows[g * Height + r], V512::set8(1));
      }
    }
    transpose_rows(rows, job.panel + k * panel_rows);
  }
}

// Every loop over sums is unrolled: one that is not makes GCC 12 keep them in memory, at 0.4 of the
// speed.
template <std::size_t M>
void tile(const PanelJob& job, std::size_t m) {
  __m512i acc[M][vectors];
  std::int32_t* out = job.out + m * job.out_pitch;
#pragma GCC unroll 5
  for (std::size_t i = 0; i < M; ++i)
#pragma GCC unroll 5
    for (std::size_t v = 0; v < vectors; ++v)
      acc[i][v] = V512::load(out + i * job.out_pitch + v * 16);
  const std::int8_t* a = job.activations + m * job.activation_stride;
  const std::uint8_t* codes = job.panel;
  for (std::size_t k = 0; k < job.width; k += 4, codes += panel_rows * 4) {
    __m512i c[vectors];
#pragma GCC unroll 5
    for (std::size_t v = 0; v < vectors; ++v) {
      c[v] = V512::load(codes + 64 * v);
      V512::keep(c[v]);
    }
#pragma GCC unroll 5
    for (std::size_t i = 0; i < M; ++i) {
      std::int32_t four = 0;
      __builtin_memcpy(&four, a + i * job.activation_stride + k, 4);
      __m512i broadcast = _mm512_set1_epi32(four);
      V512::keep(broadcast);
#pragma GCC unroll 5
      for (std::size_t v = 0; v < vectors; ++v) acc[i][v] = V512::dot(acc[i][v], c[v], broadcast);
    }
  }
#pragma GCC unroll 5
  for (std::size_t i = 0; i < M; ++i)
#pragma GCC unroll 5
    for (std::size_t v = 0; v < vectors; ++v)
      _mm512_storeu_si512(out + i * job.out_pitch + v * 16, acc[i][v]);
}

}  // namespace

void unpack_t5r_avx512vnni(const UnpackJob& job) {
  unpack<5, digits_t5r>(job);
}
void unpack_u2r_avx512vnni(const UnpackJob& job) {
  unpack<4, digits_u2r>(job);
}

// Sixteen bytes are 64 codes in order: a byte goes to four, its fields shifted to the lowest bits
// of each.
void unpack_u2_avx512vnni(const UnpackJob& job) {
  alignas(64) std::uint8_t rows[panel_rows][64];
  for (std::size_t k = 0; k < job.width; k += 64) {
    const std::size_t left = job.stride - k / 4;
    const auto there = static_cast<__mmask16>(left >= 16 ? 0xFFFFU : (1U << left) - 1U);
    for (std::size_t r = 0; r < panel_rows; ++r) {
      __m512i codes = V512::set8(1);
      if (r < job.groups) {
        const __m128i bytes = _mm_maskz_loadu_epi8(there, job.bytes + r * job.stride + k / 4);
        const __m512i wide = _mm512_cvtepu8_epi32(bytes);
        const __m512i low = _mm512_or_si512(wide, _mm512_slli_epi32(wide, 6));
        const __m512i high =
            _mm512_or_si512(_mm512_slli_epi32(wide, 12), _mm512_slli_epi32(wide, 18));
        codes = V512::band(_mm512_or_si512(low, high), V512::set8(3));
      }
      _mm512_store_si512(rows[r], codes);
    }
    transpose_rows(rows, job.panel + k * panel_rows);
  }
}

void gemm_avx512vnni(const PanelJob& job) {
  std::size_t m = 0;
  for (; m + 5 <= job.m; m += 5) tile<5>(job, m);
  for (; m + 2 <= job.m; m += 2) tile<2>(job, m);
  for (; m < job.m; ++m) tile<1>(job, m);
}

}  // namespace onnxpack::kernels::ternary
