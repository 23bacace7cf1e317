// Which kernels a machine gets, in which form a matrix is multiplied, and the test at first use.
#include <algorithm>
#include <memory>
#include <vector>

#include "onnxpack/kernels/ternary/matmul.h"
#include "ternary/dot.h"
#include "ternary/float_dot.h"
#include "ternary/rows.h"

namespace onnxpack::kernels::ternary {
namespace {

template <typename Choice>
const Choice* best(std::span<const Choice> choices, CpuFeatures features) {
  const auto found = std::find_if(choices.begin(), choices.end() - 1, [&](const Choice& choice) {
    return features.has(choice.entry.isa);
  });
  return &*found;
}

// A matrix that reaches every path of the kernels: rows that fill no group, columns that fill no
// vector.
constexpr Shape tested{87, 332};

std::vector<float> multiply(const KernelSet& set, Format format, Mode mode, std::size_t m) {
  const Layout layout = *layout_of(format, tested);
  std::vector<std::int8_t> trits(tested.rows * tested.columns);
  for (std::size_t i = 0; i < trits.size(); ++i)
    trits[i] = static_cast<std::int8_t>(static_cast<int>((i * 2654435761U >> 13) % 3) - 1);
  std::vector<std::uint8_t> bytes(layout.bytes);
  if (!encode(layout, trits, bytes)) return {};
  std::vector<float> x(m * tested.columns);
  for (std::size_t i = 0; i < x.size(); ++i)
    x[i] = static_cast<float>((i * 40503U >> 4) % 255) - 127.0F;
  // One scale, or, so that sums of blocks are tried too, blocks of 64 or of 16 columns.
  const bool blocks = m % 2 == 0;
  const ScaleLayout scale_layout =
      blocks ? ScaleLayout{Granularity::block, m == 2 ? 16U : 64U} : ScaleLayout{};
  std::vector<float> scales(scale_count(scale_layout, tested), 0.75F);
  if (blocks) scales = scales_by_block(scales, tested.rows);
  std::vector<float> y(m * tested.rows);
  const MatMul job{
      {layout, bytes.data(), scale_layout, scales.data()}, mode, x.data(), m, y.data()};
  Serial serial;
  std::vector<std::byte> scratch(scratch_bytes(set, job, 1) + 64);
  void* aligned = scratch.data();
  std::size_t space = scratch.size();
  std::align(64, space - 64, aligned, space);
  matmul(set, job, serial, static_cast<std::byte*>(aligned));
  return y;
}

}  // namespace

KernelSet choose_kernels(CpuFeatures features) {
  return {best(t5r_dots(), features),
          best(u2r_dots(), features),
          best(u2_dots(), features),
          best(gemms(), features),
          best(float_dots(), features),
          best(row_kernels(), features),
          features};
}

Ahead ahead_of_stream(CpuFeatures features) {
  return features.lookahead() == Lookahead::one_stage ? Ahead{} : Ahead{6144, 16384};
}

bool self_test(const KernelSet& set) {
  const KernelSet plain = choose_kernels(CpuFeatures());
  for (Format format : {Format::t5r, Format::u2r, Format::u2})
    for (std::size_t m :
         {std::size_t{1}, std::size_t{2}, std::size_t{6}, std::size_t{15}, std::size_t{33}})
      if (multiply(set, format, Mode::int8, m) != multiply(plain, format, Mode::int8, m))
        return false;
  return multiply(set, Format::u2, Mode::float32, 1) ==
         multiply(plain, Format::u2, Mode::float32, 1);
}

Format form_to_run(const Layout& stored, ScaleLayout scales, CpuFeatures features,
                   std::size_t threads) {
  switch (stored.format) {
    case Format::t5r: {
      // Measured on Zen 5, one thread, GMAC/s from memory: t5r 209 with VBMI, 137 with VNNI alone,
      // 70 with AVX-VNNI, 45 with AVX2; u2r 168, 168, 143, 128 (tests/bench/ternary_bench.cc). Two
      // threads of VNNI share what one can read, so the fewer bytes win.
      // The ends of narrow blocks cost more for five rows than for four: one token's matrices take
      // 15.9 and 15.7 ms with blocks of 256, 21.4 and 17.5 with 128, 46 and 36 with 32.
      const bool narrow = scales.granularity == Granularity::block && scales.block < 256;
      const bool itself = !narrow && (features.has(Isa::avx512_vbmi) ||
                                      (features.has(Isa::avx512_vnni) && threads >= 2));
      return itself ? Format::t5r : Format::u2r;
    }
    case Format::u2: {
      // Four sums of planes end with every block of every row. Zen 5, AVX-512, in the cache, GMAC/s
      // with blocks of 512, 256, 128 and 64: u2 126, 84, 40, 20, u2r 341, 301, 236, 167.
      const bool narrow = scales.granularity == Granularity::block && scales.block < 512;
      return stored.shape.columns % 4 == 0 && !narrow ? Format::u2 : Format::u2r;
    }
    case Format::t5k:
    case Format::u2r:
      break;
  }
  return Format::u2r;
}

}  // namespace onnxpack::kernels::ternary
