// By the x86 SHA extensions (Intel SDM, volume 2: SHA256RNDS2 does two rounds on the state as the
// words ABEF and CDGH; SHA256MSG1 and SHA256MSG2 make four words of the message schedule). Arm's
// sha256h and sha256su0 would do the same; until they are written, Arm hashes by OpenSSL.
#include "sha256_blocks.h"

#if defined(__x86_64__)
#include <immintrin.h>
#else
#include <cstdlib>
#endif

namespace onnxpack::crypto {

#if defined(__x86_64__)
namespace {

#define ONNXPACK_SHA __attribute__((target("sha,sse4.1,ssse3")))

// FIPS 180-4, 4.2.2: of the cube roots of the first 64 primes.
alignas(16) constexpr std::uint32_t round_constants[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

struct Words {
  __m128i abef;
  __m128i cdgh;
};

ONNXPACK_SHA Words load(const RunningSha256::State& state) {
  const __m128i dcba = _mm_loadu_si128(reinterpret_cast<const __m128i*>(state.data()));
  const __m128i hgfe = _mm_loadu_si128(reinterpret_cast<const __m128i*>(state.data() + 4));
  const __m128i cdab = _mm_shuffle_epi32(dcba, 0xB1);
  const __m128i efgh = _mm_shuffle_epi32(hgfe, 0x1B);
  return {_mm_alignr_epi8(cdab, efgh, 8), _mm_blend_epi16(efgh, cdab, 0xF0)};
}

ONNXPACK_SHA void store(RunningSha256::State& state, const Words& words) {
  const __m128i feba = _mm_shuffle_epi32(words.abef, 0x1B);
  const __m128i dchg = _mm_shuffle_epi32(words.cdgh, 0xB1);
  _mm_storeu_si128(reinterpret_cast<__m128i*>(state.data()), _mm_blend_epi16(feba, dchg, 0xF0));
  _mm_storeu_si128(reinterpret_cast<__m128i*>(state.data() + 4), _mm_alignr_epi8(dchg, feba, 8));
}

// Four words of the schedule from the sixteen before them, oldest first.
ONNXPACK_SHA inline __m128i schedule(__m128i w0, __m128i w1, __m128i w2, __m128i w3) {
  const __m128i part =
      _mm_add_epi32(_mm_sha256msg1_epu32(w0, w1), _mm_alignr_epi8(w3, w2, 4));
  return _mm_sha256msg2_epu32(part, w3);
}

// `count` hashes of the same blocks. The loops over `i` and `n` are unrolled: every index is a
// constant and all words stay in registers.
template <std::size_t count>
ONNXPACK_SHA void compress(Words (&words)[count], ByteView blocks) {
  const __m128i big_endian =
      _mm_set_epi64x(0x0c0d0e0f08090a0bLL, 0x0405060700010203LL);
  for (; !blocks.empty(); blocks = blocks.subspan(RunningSha256::block_size)) {
    const auto* block = reinterpret_cast<const __m128i*>(blocks.data());
    Words before[count];
    for (std::size_t n = 0; n < count; ++n) before[n] = words[n];
    __m128i w[4];
#pragma GCC unroll 16
    for (int i = 0; i < 16; ++i) {
      __m128i& now = w[i % 4];
      now = i < 4 ? _mm_shuffle_epi8(_mm_loadu_si128(block + i), big_endian)
                  : schedule(now, w[(i + 1) % 4], w[(i + 2) % 4], w[(i + 3) % 4]);
      const __m128i keyed = _mm_add_epi32(
          now, _mm_load_si128(reinterpret_cast<const __m128i*>(round_constants + 4 * i)));
      const __m128i keyed_high = _mm_shuffle_epi32(keyed, 0x0E);
#pragma GCC unroll 2
      for (std::size_t n = 0; n < count; ++n)
        words[n].cdgh = _mm_sha256rnds2_epu32(words[n].cdgh, words[n].abef, keyed);
#pragma GCC unroll 2
      for (std::size_t n = 0; n < count; ++n)
        words[n].abef = _mm_sha256rnds2_epu32(words[n].abef, words[n].cdgh, keyed_high);
    }
    for (std::size_t n = 0; n < count; ++n) {
      words[n].abef = _mm_add_epi32(words[n].abef, before[n].abef);
      words[n].cdgh = _mm_add_epi32(words[n].cdgh, before[n].cdgh);
    }
  }
}

}  // namespace

ONNXPACK_SHA void sha256_blocks(RunningSha256::State& state, ByteView blocks) {
  Words words[1] = {load(state)};
  compress(words, blocks);
  store(state, words[0]);
}

ONNXPACK_SHA void sha256_blocks(RunningSha256::State& first, RunningSha256::State& second,
                                ByteView blocks) {
  Words words[2] = {load(first), load(second)};
  compress(words, blocks);
  store(first, words[0]);
  store(second, words[1]);
}

#undef ONNXPACK_SHA

#else

// RunningSha256::supported() has said no.
void sha256_blocks(RunningSha256::State&, ByteView) {
  std::abort();
}
void sha256_blocks(RunningSha256::State&, RunningSha256::State&, ByteView) {
  std::abort();
}

#endif

}  // namespace onnxpack::crypto
