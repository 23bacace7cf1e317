// AVX-512 VNNI as dot_tiles.h wants it. In an unnamed namespace, see there.
#pragma once

#include <immintrin.h>

#include <cstddef>
#include <cstdint>

namespace onnxpack::kernels::ternary {
namespace {

struct V512 {
  using reg = __m512i;
  static constexpr std::size_t bytes = 64;
  static constexpr bool codes_are_signed = false;
  static inline reg zero() { return _mm512_setzero_si512(); }
  static inline reg load(const void* p) { return _mm512_loadu_si512(p); }
  static inline reg load_part(const std::uint8_t* p, std::size_t n) {
    return _mm512_maskz_loadu_epi8(~0ULL >> (64 - n), p);
  }
  static inline reg set8(unsigned byte) { return _mm512_set1_epi8(static_cast<char>(byte)); }
  static inline reg dot(reg acc, reg u, reg s) { return _mm512_dpbusd_epi32(acc, u, s); }
  static inline reg band(reg a, reg b) { return _mm512_and_si512(a, b); }
  static inline reg down4(reg a) { return _mm512_srli_epi16(a, 4); }
  static inline reg min8(reg a, reg b) { return _mm512_min_epu8(a, b); }
  static inline reg sub8(reg a, reg b) { return _mm512_sub_epi8(a, b); }
  static inline reg add32(reg a, reg b) { return _mm512_add_epi32(a, b); }
  template <int N>
  static inline reg shift(reg a) {
    return _mm512_srai_epi32(a, N);
  }
  static inline std::int32_t total(reg a) { return _mm512_reduce_add_epi32(a); }
  static inline void total4(reg a, reg b, reg c, reg d, std::int32_t* out) {
    const reg all = quarters(a, b, c, d);
    const __m256i half =
        _mm256_add_epi32(_mm512_castsi512_si256(all), _mm512_extracti64x4_epi64(all, 1));
    const __m128i sums =
        _mm_add_epi32(_mm256_castsi256_si128(half), _mm256_extracti128_si256(half, 1));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(out), sums);
  }
  static inline reg quarters(reg a, reg b, reg c, reg d) {
    const reg ab = add32(_mm512_unpacklo_epi32(a, b), _mm512_unpackhi_epi32(a, b));
    const reg cd = add32(_mm512_unpacklo_epi32(c, d), _mm512_unpackhi_epi32(c, d));
    return add32(_mm512_unpacklo_epi64(ab, cd), _mm512_unpackhi_epi64(ab, cd));
  }
  static inline reg swap_quarters(reg a) { return _mm512_shuffle_i32x4(a, a, 0xB1); }
  static inline reg mul32(reg a, reg b) { return _mm512_mullo_epi32(a, b); }
  static inline reg set32(std::uint32_t value) {
    return _mm512_set1_epi32(static_cast<int>(value));
  }
  static inline reg set_powers() {
    return _mm512_broadcast_i32x4(
        _mm_setr_epi32(1, static_cast<int>(0xAAAAAAAB), 0x38E38E39, 0x684BDA13));
  }
  static inline void store(void* p, reg a) { _mm512_store_si512(p, a); }
  // GCC 12 else folds one load of weights into several memory operands, at a third of the speed.
  static inline void keep(reg& a) { asm("" : "+v"(a)); }
  // Non-temporal: what is read once should not push the activations out of the first cache.
  static inline void prefetch(const void* p) {
    _mm_prefetch(static_cast<const char*>(p), _MM_HINT_NTA);
  }
  // Into the second cache.
  static inline void prefetch_far(const void* p) {
    _mm_prefetch(static_cast<const char*>(p), _MM_HINT_T1);
  }
};

}  // namespace
}  // namespace onnxpack::kernels::ternary
