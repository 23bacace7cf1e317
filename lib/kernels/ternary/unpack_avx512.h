// What the files that unpack panels share. In an unnamed namespace, see dot_tiles.h.
#pragma once

#include "ternary/dot.h"
#include "ternary/vector_avx512.h"

namespace onnxpack::kernels::ternary {
namespace {

// Sixteen rows of 64 bytes become sixteen vectors [16 rows][4 columns].
inline void transpose(__m512i (&row)[16]) {
  __m512i a[16];
  for (std::size_t i = 0; i < 16; i += 2) {
    a[i] = _mm512_unpacklo_epi32(row[i], row[i + 1]);
    a[i + 1] = _mm512_unpackhi_epi32(row[i], row[i + 1]);
  }
  __m512i b[16];
  for (std::size_t i = 0; i < 16; i += 4) {
    b[i] = _mm512_unpacklo_epi64(a[i], a[i + 2]);
    b[i + 1] = _mm512_unpackhi_epi64(a[i], a[i + 2]);
    b[i + 2] = _mm512_unpacklo_epi64(a[i + 1], a[i + 3]);
    b[i + 3] = _mm512_unpackhi_epi64(a[i + 1], a[i + 3]);
  }
  // b[4 q + c] holds in its 128-bit lane l columns 4 (4 l + c) .. + 3 of rows 4 q .. 4 q + 3.
  for (std::size_t c = 0; c < 4; ++c) {
    const __m512i low02 = _mm512_shuffle_i32x4(b[c], b[4 + c], 0x88);
    const __m512i low13 = _mm512_shuffle_i32x4(b[c], b[4 + c], 0xDD);
    const __m512i high02 = _mm512_shuffle_i32x4(b[8 + c], b[12 + c], 0x88);
    const __m512i high13 = _mm512_shuffle_i32x4(b[8 + c], b[12 + c], 0xDD);
    row[c] = _mm512_shuffle_i32x4(low02, high02, 0x88);
    row[4 + c] = _mm512_shuffle_i32x4(low13, high13, 0x88);
    row[8 + c] = _mm512_shuffle_i32x4(low02, high02, 0xDD);
    row[12 + c] = _mm512_shuffle_i32x4(low13, high13, 0xDD);
  }
}

}  // namespace
}  // namespace onnxpack::kernels::ternary
