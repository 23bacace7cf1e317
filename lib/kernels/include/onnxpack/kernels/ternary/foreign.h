// Other people's ternary layouts, to trits and back. All lossless: what cannot be said exactly in
// the other form is refused, and bytes that come back are the bytes that were read (padding and
// reserved bytes included, or they are refused).
//
// Sources, each checked against its owner's code where that can be installed (tests/data/ternary):
// onnx 1.23 int2; ONNX Runtime MatMulNBits; transformers integrations/bitnet.py; ggml
// quantize_row_tq1_0_ref, _tq2_0_ref, _q2_0; bitnet.cpp I2_S for x86.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "onnxpack/kernels/ternary/format.h"

namespace onnxpack::kernels::ternary {

// ---- ONNX's INT2 and UINT2 ----

// w in two's complement (INT2), or w + zero_point (UINT2, zero point 1 or 2), four consecutive
// elements in a byte, lowest bits first.
enum class TwoBit : std::uint8_t { int2, uint2_zero1, uint2_zero2 };
// Requires: bytes.size() == ceil(trits.size() / 4). Errors: invalid_code (offset = element),
// padding (unused bits not 0).
Status unpack_two_bit(TwoBit form, std::span<const std::uint8_t> bytes,
                      std::span<std::int8_t> trits);
// Errors: not_ternary.
Status pack_two_bit(TwoBit form, std::span<const std::int8_t> trits, std::span<std::uint8_t> bytes);

// ---- com.microsoft.MatMulNBits, input B ----

struct NBits {
  Shape shape;            // [N, K]
  std::size_t block = 0;  // columns per block, a multiple of 16
  unsigned bits = 2;      // 2, 4 or 8
};
// Bytes of B: N * ceil(K / block) * block * bits / 8.
std::size_t matmul_nbits_bytes(const NBits& form);
// zero_points: as the operator's optional input of uint8, packed at `bits` per block, rows aligned
// to bytes; empty for the default 2^(bits-1). Errors: size; invalid_code (offset = n * K + k): the
// code is not zero point -1, 0 or 1; padding: a column beyond K that is not its block's zero point.
Status unpack_matmul_nbits(const NBits& form, std::span<const std::uint8_t> b,
                           std::span<const std::uint8_t> zero_points, std::span<std::int8_t> trits);
// With the zero point 2^(bits - 1) everywhere (no zero_points input), padded by it. Errors: size,
// not_ternary.
Status pack_matmul_nbits(const NBits& form, std::span<const std::int8_t> trits,
                         std::span<std::uint8_t> b);

// ---- Hugging Face "bitnet" ----

// uint8 [N / 4, K]: byte[r][k] holds in bits 2i the code of row i * N / 4 + r. Requires: N % 4 ==
// 0. Errors: size, invalid_code (offset = byte), not_ternary.
Status unpack_bitnet(Shape shape, std::span<const std::uint8_t> bytes,
                     std::span<std::int8_t> trits);
Status pack_bitnet(Shape shape, std::span<const std::int8_t> trits, std::span<std::uint8_t> bytes);
// AutoBitLinear multiplies by weight_scale, plain BitLinear divides by it. The scale to multiply
// by; nothing when 1 / (1 / scale) in float32 is not the scale again, so that it could not be
// written back (keep then the reciprocal in float64, or the trits without it).
enum class BitnetScale : std::uint8_t { multiply, divide };
std::optional<float> bitnet_scale(float weight_scale, BitnetScale convention);

// ---- ggml and bitnet.cpp: blocks ----

enum class Blocks : std::uint8_t {
  tq1_0,  // 256 in 54 bytes: 48 of five trits, 4 of four, fp16 scale
  tq2_0,  // 256 in 66 bytes: 64 of four, fp16 scale
  q2_0,   // 64 in 18 bytes: fp16 scale, 16 of four
  i2_s,   // 128 in 32 bytes, x86 order; one fp32 scale behind the last block, which is not part of
          // the blocks
};
struct BlockFacts {
  std::size_t elements;
  std::size_t bytes;
  std::size_t scale_bytes;  // 2 or 0
};
BlockFacts facts_of(Blocks form);
// scales: bits of the fp16 scale of each block; empty for i2_s. Requires: trits.size() a multiple
// of elements, the other spans to match. Errors: size, invalid_code (offset = byte): a code 3
// (Q2_0's 2), or a TQ1_0 byte that its quantiser does not write.
Status unpack_blocks(Blocks form, std::span<const std::uint8_t> bytes, std::span<std::int8_t> trits,
                     std::span<std::uint16_t> scales);
// Errors: size, not_ternary.
Status pack_blocks(Blocks form, std::span<const std::int8_t> trits,
                   std::span<const std::uint16_t> scales, std::span<std::uint8_t> bytes);

}  // namespace onnxpack::kernels::ternary
