// The whole multiplication against the document's formulas, bit for bit: every form, granularity,
// mode, instruction set and width.
#include "onnxpack/kernels/ternary/matmul.h"

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/generators/catch_generators_range.hpp>
#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <thread>
#include <vector>

#include "support.h"
#include "unit/kernels/amx/stand_in.h"

using namespace onnxpack::kernels;
using namespace onnxpack::kernels::ternary;
using onnxpack_test::random_trits;

namespace {

// Threads that all run at once, so that tasks which touch each other's memory would show.
class Threads final : public Parallel {
 public:
  explicit Threads(std::size_t width) : width_(width) {}
  std::size_t width() const override { return width_; }
  void run(std::size_t count, void (*task)(void*, std::size_t), void* state) override {
    std::vector<std::thread> threads;
    for (std::size_t i = 0; i < count; ++i) threads.emplace_back([=] { task(state, i); });
    for (auto& thread : threads) thread.join();
  }

 private:
  std::size_t width_;
};

std::vector<float> random_floats(std::size_t count, unsigned seed) {
  std::mt19937 engine(seed);
  std::vector<float> out(count);
  for (auto& value : out) value = (static_cast<float>(engine() & 0xFFFFU) - 32768.0F) / 7000.0F;
  return out;
}

struct Problem {
  Shape shape;
  std::size_t m;
  ScaleLayout scale_layout;
  std::vector<std::int8_t> trits;
  std::vector<float> scales;
  std::vector<float> x;
};

Problem make(Shape shape, std::size_t m, ScaleLayout layout) {
  Problem p{shape,  m,
            layout, random_trits(shape.rows * shape.columns, 21),
            {},     random_floats(m * shape.columns, 22)};
  p.scales = random_floats(scale_count(layout, shape), 23);
  return p;
}

float scale_at(const Problem& p, std::size_t n, std::size_t b, std::size_t blocks) {
  if (p.scale_layout.granularity == Granularity::tensor) return p.scales[0];
  return p.scales[p.scale_layout.granularity == Granularity::row ? n : n * blocks + b];
}

// Section 6, mode int8.
std::vector<float> by_the_book_int8(const Problem& p) {
  const auto [rows, columns] = p.shape;
  const std::size_t block =
      p.scale_layout.granularity == Granularity::block ? p.scale_layout.block : columns;
  const std::size_t blocks = (columns + block - 1) / block;
  std::vector<float> y;
  for (std::size_t m = 0; m < p.m; ++m) {
    const float* x = p.x.data() + m * columns;
    float most = 1e-5F;
    for (std::size_t k = 0; k < columns; ++k) most = std::max(most, std::fabs(x[k]));
    const float factor = 127.0F / most;
    const float a = most / 127.0F;
    std::vector<int> q;
    for (std::size_t k = 0; k < columns; ++k)
      q.push_back(static_cast<int>(std::clamp(std::nearbyint(x[k] * factor), -128.0F, 127.0F)));
    for (std::size_t n = 0; n < rows; ++n) {
      std::vector<int> sums(blocks);
      for (std::size_t k = 0; k < columns; ++k) sums[k / block] += q[k] * p.trits[n * columns + k];
      if (p.scale_layout.granularity != Granularity::block) {
        y.push_back(static_cast<float>(sums[0]) * (scale_at(p, n, 0, 1) * a));
        continue;
      }
      float sum = 0;
      for (std::size_t b = 0; b < blocks; ++b) {
        const float term = static_cast<float>(sums[b]) * scale_at(p, n, b, blocks);
        sum = b == 0 ? term : sum + term;
      }
      y.push_back(sum * a);
    }
  }
  return y;
}

// Section 6, mode float32.
std::vector<float> by_the_book_float(const Problem& p) {
  const auto [rows, columns] = p.shape;
  const std::size_t block =
      p.scale_layout.granularity == Granularity::block ? p.scale_layout.block : columns;
  const std::size_t blocks = (columns + block - 1) / block;
  std::vector<float> y;
  for (std::size_t m = 0; m < p.m; ++m)
    for (std::size_t n = 0; n < rows; ++n) {
      float sum = 0;
      for (std::size_t b = 0; b < blocks; ++b) {
        float lane[16] = {};
        for (std::size_t k = b * block; k < std::min(columns, (b + 1) * block); ++k)
          lane[(k - b * block) % 16] +=
              p.x[m * columns + k] * static_cast<float>(p.trits[n * columns + k]);
        for (std::size_t half = 8; half > 0; half /= 2)
          for (std::size_t i = 0; i < half; ++i) lane[i] += lane[i + half];
        const float term = lane[0] * scale_at(p, n, b, blocks);
        sum = b == 0 ? term : sum + term;
      }
      y.push_back(sum);
    }
  return y;
}

std::vector<float> computed(const Problem& p, Format format, Mode mode, CpuFeatures features,
                            Parallel& parallel) {
  const Layout layout = *layout_of(format, p.shape);
  std::vector<std::uint8_t> bytes(layout.bytes);
  REQUIRE(encode(layout, p.trits, bytes).has_value());
  std::vector<float> y(p.m * p.shape.rows, std::numeric_limits<float>::quiet_NaN());
  const bool by_block = p.scale_layout.granularity == Granularity::block;
  const auto scales = by_block ? scales_by_block(p.scales, p.shape.rows) : p.scales;
  const MatMul job{
      {layout, bytes.data(), p.scale_layout, scales.data()}, mode, p.x.data(), p.m, y.data()};
  const std::size_t size = scratch_bytes(choose_kernels(features), job, parallel.width());
  // Poisoned, and ended by a mark that must stay.
  std::vector<std::byte> scratch(size + 192, std::byte{0xA5});
  std::byte* begin = scratch.data() + (64 - reinterpret_cast<std::uintptr_t>(scratch.data()) % 64);
  matmul(choose_kernels(features), job, parallel, begin);
  CHECK(std::all_of(begin + size, scratch.data() + scratch.size(),
                    [](std::byte b) { return b == std::byte{0xA5}; }));
  return y;
}

bool same_bits(const std::vector<float>& a, const std::vector<float>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * 4) == 0;
}

}  // namespace

TEST_CASE("ternary matmul: the document's arithmetic, on every instruction set") {
  const onnxpack_test::amx::StandIn machine;
  const Isa isa = GENERATE(from_range(all_isas().begin(), all_isas().end()));
  if (!machine.has(isa)) return;
  const Format format = GENERATE(Format::t5r, Format::u2r, Format::u2);
  const ScaleLayout layout =
      GENERATE(ScaleLayout{Granularity::tensor, 0}, ScaleLayout{Granularity::row, 0},
               ScaleLayout{Granularity::block, 128}, ScaleLayout{Granularity::block, 16},
               ScaleLayout{Granularity::block, 32});
  const std::size_t m = GENERATE(1U, 3U, 38U);
  const auto problem = make({83, 420}, m, layout);
  Serial serial;
  INFO(to_string(isa) << " " << encoding_name(format) << " m " << m << " block " << layout.block);
  CHECK(same_bits(computed(problem, format, Mode::int8, CpuFeatures::only(isa), serial),
                  by_the_book_int8(problem)));
  CHECK(same_bits(computed(problem, format, Mode::float32, CpuFeatures::only(isa), serial),
                  by_the_book_float(problem)));
  CHECK(machine.faults().empty());
}

// Random sizes, as prefill has them: more than one panel and piece of the columns, tails of each.
TEST_CASE("ternary matmul: random shapes by tiles") {
  const onnxpack_test::amx::StandIn machine;
  if (!machine.has(Isa::amx_int8)) SKIP("no AMX, or a CPU without AVX-512 VBMI");
  std::mt19937 random(9);
  for (int i = 0; i < 12; ++i) {
    const Shape shape{1 + random() % 170, 1 + random() % 700};
    const std::size_t m = 32 + random() % 90;
    const bool blocks = i % 3 == 0;
    const auto layout = blocks ? ScaleLayout{Granularity::block, 64U << random() % 3}
                               : ScaleLayout{Granularity::row, 0};
    const auto problem = make(shape, m, layout);
    const std::uint64_t before = machine.executed();
    Threads threads(3);
    INFO("N " << shape.rows << " K " << shape.columns << " m " << m << " block " << layout.block);
    CHECK(same_bits(computed(problem, i % 2 == 0 ? Format::t5r : Format::u2r, Mode::int8,
                             CpuFeatures::only(Isa::amx_int8), threads),
                    by_the_book_int8(problem)));
    CHECK((machine.executed() > before) == machine.emulates());
  }
  CHECK(machine.faults().empty());
}

TEST_CASE("ternary matmul: the same bits from any number of threads") {
  const Format format = GENERATE(Format::t5r, Format::u2);
  const std::size_t m = GENERATE(1U, 40U);
  const auto problem = make({331, 512}, m, {Granularity::row, 0});
  const auto wanted = by_the_book_int8(problem);
  for (std::size_t width : {std::size_t{1}, std::size_t{3}, std::size_t{16}}) {
    Threads threads(width);
    CHECK(same_bits(computed(problem, format, Mode::int8, CpuFeatures::detect(), threads), wanted));
  }
}

TEST_CASE("ternary matmul: long rows go piece by piece") {
  const auto problem = make({81, 9004}, 33, {Granularity::tensor, 0});
  const Format format = GENERATE(Format::t5r, Format::u2r, Format::u2);
  Serial serial;
  CHECK(same_bits(computed(problem, format, Mode::int8, CpuFeatures::detect(), serial),
                  by_the_book_int8(problem)));
}

TEST_CASE("ternary matmul: rounding half to even, limits, and what is not finite") {
  Problem problem = make({5, 64}, 1, {Granularity::tensor, 0});
  Serial serial;
  const auto run = [&] {
    return computed(problem, Format::t5r, Mode::int8, CpuFeatures::detect(), serial);
  };
  // max 127: the factor is 1, and halves stay halves.
  for (std::size_t k = 0; k < 64; ++k) problem.x[k] = static_cast<float>(k) - 31.5F;
  problem.x[0] = 127.0F;
  CHECK(same_bits(run(), by_the_book_int8(problem)));
  problem.x.assign(64, 0.0F);
  CHECK(run() == std::vector<float>(5, 0.0F));
  problem.x.assign(64, 1e-30F);
  CHECK(same_bits(run(), by_the_book_int8(problem)));
  problem.x[3] = std::numeric_limits<float>::infinity();
  for (float value : run()) CHECK(std::isnan(value));
  problem.x[3] = std::numeric_limits<float>::quiet_NaN();
  for (float value : run()) CHECK(std::isnan(value));
}

TEST_CASE("ternary matmul: the self test passes here, and the form to run follows the document") {
  const onnxpack_test::amx::StandIn machine;
  for (Isa isa : all_isas())
    if (machine.has(isa)) CHECK(self_test(choose_kernels(CpuFeatures::only(isa))));
  const auto form = [](Format format, std::size_t columns, Isa isa, std::size_t threads,
                       std::size_t block = 0) {
    const auto granularity = block == 0 ? Granularity::tensor : Granularity::block;
    return form_to_run(*layout_of(format, {5, columns}), {granularity, block},
                       CpuFeatures::only(isa), threads);
  };
  CHECK(form(Format::t5r, 64, Isa::avx512_vbmi, 1) == Format::t5r);
  CHECK(form(Format::t5r, 64, Isa::avx512_vnni, 1) == Format::u2r);
  CHECK(form(Format::t5r, 64, Isa::avx512_vnni, 2) == Format::t5r);
  CHECK(form(Format::t5r, 64, Isa::avx2, 16) == Format::u2r);
  CHECK(form(Format::u2, 64, Isa::avx2, 1) == Format::u2);
  CHECK(form(Format::u2, 63, Isa::avx2, 1) == Format::u2r);
  CHECK(form(Format::u2, 1024, Isa::avx512_vnni, 1, 512) == Format::u2);
  CHECK(form(Format::u2, 1024, Isa::avx512_vnni, 1, 256) == Format::u2r);
  CHECK(form(Format::u2, 1024, Isa::avx512_vnni, 1, 32) == Format::u2r);
  CHECK(form(Format::t5r, 1024, Isa::avx512_vbmi, 1, 256) == Format::t5r);
  CHECK(form(Format::t5r, 1024, Isa::avx512_vbmi, 1, 128) == Format::u2r);
  CHECK(form(Format::t5k, 64, Isa::avx512_vbmi, 1) == Format::u2r);
}
