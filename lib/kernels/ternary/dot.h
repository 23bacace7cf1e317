// The inner kernels: sums of int8 activations times ternary weights, exact in int32, so equal on
// every instruction set.
//
//   out[(m * blocks + b) * out_rows + row] = sum over columns k of block b of a[m][k] * w[row][k]
//
// Row-plane forms (t5r, u2r): rows of all given groups, those beyond N included (their weights are
// 0). Columns go from 0 to `width` (a multiple of 64, the layout's stride); activations beyond K
// are 0. u2: `groups` rows of `stride` = K / 4 bytes; activations stand as four planes, plane p of
// row m at activations + (4 m + p) * plane, holding a[m][4j + p] for j < K / 4 and zeros up to
// `plane` (K / 4 rounded up to 64); block is a multiple of 4.
// `width` bytes stand behind the last plane's start and 64 more behind its end.
//
// Nothing is allocated, no byte outside of the given ones is read (prefetches excepted), any weight
// byte is safe. int32 is enough up to max_columns: eight lanes of fields up to 128 times
// activations down to -128.
#pragma once

#include <cstddef>
#include <cstdint>

#include "onnxpack/kernels/kernel_list.h"

namespace onnxpack::kernels::ternary {

inline constexpr std::size_t max_columns = 1'000'000;

// Bytes ahead of the stream of weights at which a line is asked for into the first cache and, by
// kernels of 512 bits, before that into the second: 0, what is being read anyway, for not at all.
//
// Zen 5: 8 KiB was best of 4, 8, 16 and none (none: 74 to 84 % of the read bandwidth). Emerald
// Rapids, share of the read ceiling, t5r, u2r and u2 with K = 2560: so 0.57, 0.60, 0.59; into the
// second cache alone 0.80, 0.88, 0.85; into both 0.93, 0.98, 0.94. There it hardly matters how far:
// 2 to 9 KiB and 8 to 24 are within 3 in 100, and what is a multiple of 4 KiB, where a line takes
// the place of the one that is read, is last by one. Zen 4, one question and both: t5r 0.62 to 0.78
// and 0.71 to 0.88, u2 0.61 to 0.72 and 0.70 to 0.99; u2r 0.95 and 0.77 in a quiet minute, else
// 0.71 and 0.78.
struct Ahead {
  std::size_t first = 8192;
  std::size_t second = 0;
};
Ahead ahead_of_stream(CpuFeatures features);

struct DotJob {
  const std::uint8_t* bytes = nullptr;  // first group or row
  std::size_t stride = 0;               // bytes between groups or rows
  std::size_t groups = 0;
  std::size_t width = 0;                     // row-plane forms: columns; u2: plane
  const std::int8_t* activations = nullptr;  // row-plane forms: [m][width], aligned to 64
  const std::int32_t* sums = nullptr;        // [m][blocks], of the activations
  std::size_t m = 0;
  std::size_t block = 0;  // columns of one sum; row-plane forms: 16, 32 or a multiple of 64
  std::size_t blocks = 1;
  std::int32_t* out = nullptr;
  std::size_t out_rows = 0;
  Ahead ahead = {};
};
using DotKernel = void (*)(const DotJob&);

struct DotChoice {
  KernelEntry entry;
  DotKernel run;
};
// Best first, the reference last.
std::span<const DotChoice> t5r_dots();
std::span<const DotChoice> u2r_dots();
std::span<const DotChoice> u2_dots();

void dot_t5r_reference(const DotJob& job);
void dot_u2r_reference(const DotJob& job);
void dot_u2_reference(const DotJob& job);
#if defined(__x86_64__)
void dot_t5r_avx2(const DotJob& job);
void dot_u2r_avx2(const DotJob& job);
void dot_u2_avx2(const DotJob& job);
void dot_t5r_avxvnni(const DotJob& job);
void dot_u2r_avxvnni(const DotJob& job);
void dot_u2_avxvnni(const DotJob& job);
void dot_t5r_avx512vnni(const DotJob& job);
void dot_u2r_avx512vnni(const DotJob& job);
void dot_u2_avx512vnni(const DotJob& job);
void dot_t5r_avx512vbmi(const DotJob& job);
#elif defined(__aarch64__)
void dot_t5r_neondot(const DotJob& job);
void dot_u2r_neondot(const DotJob& job);
void dot_u2_neondot(const DotJob& job);
void dot_t5r_neoni8mm(const DotJob& job);
void dot_u2r_neoni8mm(const DotJob& job);
#endif

// Prefill: the same sums for many rows of activations, from codes laid out for the dot product
// instruction.
//
// A panel is panel_rows rows of codes, in an order that a choice's own functions agree on; columns
// from k on stand at panel + k * panel_rows for every k that is a multiple of 64. A product adds to
// what is there: out[m * out_pitch + row] += sum over columns [0, width) of a[m][k] * c[row][k].
// Codes and not weights: the caller begins with minus the activations' sum.
inline constexpr std::size_t panel_rows = 80;
struct PanelJob {
  const std::uint8_t* panel = nullptr;
  const std::int8_t* activations = nullptr;  // [m][activation_stride]
  std::size_t activation_stride = 0;
  std::size_t width = 0;  // a multiple of 64
  std::size_t m = 0;
  std::int32_t* out = nullptr;
  std::size_t out_pitch = 0;
};
// Rows [80 p, 80 p + 80) of a t5r or u2r matrix; groups that are not there become zeros' code.
// `groups` may be fewer than fill a panel.
struct UnpackJob {
  const std::uint8_t* bytes = nullptr;  // first group of the panel, at its first column
  std::size_t stride = 0;
  std::size_t groups = 0;
  std::size_t width = 0;
  std::uint8_t* panel = nullptr;
};
// Which cache multiply() counts on: the first, where a piece of a panel stays, gemm_piece columns,
// for as many rows of activations as the sums allow; or the second, where several panels stay whole
// for gemm_rows rows at a time, and the kernel makes its own pieces.
enum class Blocking : std::uint8_t { first_cache, second_cache };
struct GemmChoice {
  KernelEntry entry;
  void (*unpack_t5r)(const UnpackJob&);
  void (*unpack_u2r)(const UnpackJob&);
  void (*unpack_u2)(
      const UnpackJob&);  // groups are rows of `stride` = K / 4 bytes, width K rounded up to 64
  void (*multiply)(const PanelJob&);
  Blocking blocking = Blocking::first_cache;
};
std::span<const GemmChoice> gemms();

void unpack_t5r_reference(const UnpackJob& job);
void unpack_u2r_reference(const UnpackJob& job);
void unpack_u2_reference(const UnpackJob& job);
void gemm_reference(const PanelJob& job);
#if defined(__x86_64__)
void unpack_t5r_avx512vnni(const UnpackJob& job);
void unpack_u2r_avx512vnni(const UnpackJob& job);
void unpack_u2_avx512vnni(const UnpackJob& job);
void gemm_avx512vnni(const PanelJob& job);
void unpack_t5r_avx512vbmi(const UnpackJob& job);
void unpack_u2r_avx512vbmi(const UnpackJob& job);
void unpack_u2_avx512vbmi(const UnpackJob& job);
void gemm_amxint8(const PanelJob& job);
#elif defined(__aarch64__)
void unpack_t5r_neondot(const UnpackJob& job);
void unpack_u2r_neondot(const UnpackJob& job);
void unpack_u2_neondot(const UnpackJob& job);
void gemm_neondot(const PanelJob& job);
void unpack_t5r_neoni8mm(const UnpackJob& job);
void unpack_u2r_neoni8mm(const UnpackJob& job);
void unpack_u2_neoni8mm(const UnpackJob& job);
void gemm_neoni8mm(const PanelJob& job);
#endif

}  // namespace onnxpack::kernels::ternary
