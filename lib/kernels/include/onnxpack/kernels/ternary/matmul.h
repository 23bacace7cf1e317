// y[m][n] = sum over k of x[m][k] * trit[n][k] * scale: float activations by a stored ternary
// matrix.
//
// Bits are equal on every instruction set, in every form and for every number of threads; the two
// numeric modes and the order of every rounding are those of docs/ternary-format.md, section 6. A
// row of x that has a NaN or an infinity gives NaN throughout in mode int8; in mode float32 it
// gives what the arithmetic gives.
//
// No allocation and no globals: the caller gives the scratch. Thread-safe: everything is const but
// y and the scratch.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "onnxpack/kernels/cpu_features.h"
#include "onnxpack/kernels/parallel.h"
#include "onnxpack/kernels/ternary/format.h"
#include "onnxpack/kernels/ternary/scales.h"

namespace onnxpack::kernels::ternary {

struct DotChoice;
struct GemmChoice;
struct FloatChoice;
struct RowChoice;

// The kernels for one set of features, chosen once.
struct KernelSet {
  const DotChoice* t5r = nullptr;
  const DotChoice* u2r = nullptr;
  const DotChoice* u2 = nullptr;
  const GemmChoice* gemm = nullptr;
  const FloatChoice* real = nullptr;
  const RowChoice* rows = nullptr;
  CpuFeatures features = {};
};
KernelSet choose_kernels(CpuFeatures features);

// Whether every kernel of `set` computes a small matrix as the plain kernels do. Executes their
// instructions: on a machine that advertises instructions that fault, call it where the fault can
// be caught.
bool self_test(const KernelSet& set);

// The form that a stored matrix should be multiplied in: itself, or u2r after a transcode when it
// is loaded.
//   t5k, u2 with K not a multiple of 4   u2r
//   u2 with scales of blocks from 64 to 256   u2r: it is four to eight times as fast
//   t5r   itself with AVX-512 VBMI, or with AVX-512 VNNI and at least two threads (1.6 bits then
//         cost less than they save); else u2r
//   u2    itself
Format form_to_run(const Layout& stored, ScaleLayout scales, CpuFeatures features,
                   std::size_t threads);

// At most this many columns, so that no sum overflows.
inline constexpr std::size_t most_columns = 1'000'000;

// Scales of blocks as the kernels want them, rows side by side: from [N][blocks], as they are
// stored.
std::vector<float> scales_by_block(std::span<const float> stored, std::size_t rows);

struct Weights {
  Layout layout;  // u2 (K % 4 == 0), u2r or t5r
  const std::uint8_t* bytes = nullptr;
  ScaleLayout scale_layout;
  const float* scales = nullptr;  // those of blocks as scales_by_block() orders them
};
enum class Mode : std::uint8_t { int8, float32 };
struct MatMul {
  Weights weights;
  Mode mode = Mode::int8;
  const float* x = nullptr;  // [m, K]
  std::size_t m = 0;
  float* y = nullptr;  // [m, N], not overlapping anything else
};

// Bytes of scratch for a matmul() of this size by these kernels with this Parallel's width.
std::size_t scratch_bytes(const KernelSet& kernels, const MatMul& job, std::size_t width);
// Requires: K between 1 and most_columns, scratch of that size aligned to 64.
void matmul(const KernelSet& kernels, const MatMul& job, Parallel& parallel, std::byte* scratch);

}  // namespace onnxpack::kernels::ternary
