// 256 bits as dot_tiles.h wants them, but for the dot product. In an unnamed namespace, see there.
#pragma once

#include <immintrin.h>

#include <cstddef>
#include <cstdint>

namespace onnxpack::kernels::ternary {
namespace {

struct V256Base {
  using reg = __m256i;
  static constexpr std::size_t bytes = 32;
  static constexpr bool codes_are_signed = false;
  static inline reg zero() { return _mm256_setzero_si256(); }
  static inline reg load(const void* p) {
    return _mm256_loadu_si256(static_cast<const __m256i*>(p));
  }
  static inline reg load_part(const std::uint8_t* p, std::size_t n) {
    alignas(32) std::uint8_t part[32] = {};
    for (std::size_t i = 0; i < n; ++i) part[i] = p[i];
    return load(part);
  }
  static inline reg set8(unsigned byte) { return _mm256_set1_epi8(static_cast<char>(byte)); }
  static inline reg band(reg a, reg b) { return _mm256_and_si256(a, b); }
  static inline reg down4(reg a) { return _mm256_srli_epi16(a, 4); }
  static inline reg min8(reg a, reg b) { return _mm256_min_epu8(a, b); }
  static inline reg sub8(reg a, reg b) { return _mm256_sub_epi8(a, b); }
  static inline reg add32(reg a, reg b) { return _mm256_add_epi32(a, b); }
  template <int N>
  static inline reg shift(reg a) {
    return _mm256_srai_epi32(a, N);
  }
  static inline std::int32_t total(reg a) {
    __m128i sum = _mm_add_epi32(_mm256_castsi256_si128(a), _mm256_extracti128_si256(a, 1));
    sum = _mm_add_epi32(sum, _mm_shuffle_epi32(sum, 0x4E));
    sum = _mm_add_epi32(sum, _mm_shuffle_epi32(sum, 0xB1));
    return _mm_cvtsi128_si32(sum);
  }
  static inline void total4(reg a, reg b, reg c, reg d, std::int32_t* out) {
    const reg all = quarters(a, b, c, d);
    const __m128i sums =
        _mm_add_epi32(_mm256_castsi256_si128(all), _mm256_extracti128_si256(all, 1));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(out), sums);
  }
  static inline reg quarters(reg a, reg b, reg c, reg d) {
    return _mm256_hadd_epi32(_mm256_hadd_epi32(a, b), _mm256_hadd_epi32(c, d));
  }
  static inline reg swap_quarters(reg a) { return _mm256_permute2x128_si256(a, a, 1); }
  static inline reg mul32(reg a, reg b) { return _mm256_mullo_epi32(a, b); }
  static inline reg set32(std::uint32_t value) {
    return _mm256_set1_epi32(static_cast<int>(value));
  }
  static inline reg set_powers() {
    return _mm256_broadcastsi128_si256(
        _mm_setr_epi32(1, static_cast<int>(0xAAAAAAAB), 0x38E38E39, 0x684BDA13));
  }
  static inline void store(void* p, reg a) { _mm256_store_si256(static_cast<__m256i*>(p), a); }
  static inline void keep(reg& a) { asm("" : "+x"(a)); }
  static inline void prefetch(const void* p) {
    _mm_prefetch(static_cast<const char*>(p), _MM_HINT_T0);
  }
};

}  // namespace
}  // namespace onnxpack::kernels::ternary
