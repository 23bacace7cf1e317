// Every kernel of every instruction set that this machine has, against the plain one, bit for bit.
#include "ternary/dot.h"

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/generators/catch_generators_range.hpp>
#include <cstring>
#include <memory>
#include <string>

#include "onnxpack/kernels/ternary/format.h"
#include "support.h"
#include "unit/kernels/amx/stand_in.h"

using namespace onnxpack::kernels;
using namespace onnxpack::kernels::ternary;
using onnxpack_test::random_bytes;
using onnxpack_test::random_trits;

namespace {

// Memory that ends where it says: behind it and before it stand bytes that would show in the sums.
template <typename T>
struct Aligned {
  explicit Aligned(std::size_t count) : storage(count * sizeof(T) + 256, std::uint8_t{0xA5}) {
    void* p = storage.data();
    std::size_t space = storage.size();
    data = static_cast<T*>(std::align(64, count * sizeof(T), p, space));
  }
  std::vector<std::uint8_t> storage;
  T* data;
};

struct Case {
  Shape shape;
  std::size_t m;
  std::size_t block;  // 0: one
};
constexpr Case cases[] = {{{1, 1}, 1, 0},       {{5, 64}, 1, 0},    {{7, 63}, 2, 0},
                          {{9, 65}, 3, 0},      {{20, 320}, 4, 0},  {{11, 2561}, 5, 0},
                          {{23, 17001}, 1, 0},  {{6, 700}, 1, 256}, {{23, 1100}, 7, 64},
                          {{23, 2300}, 1, 128}, {{9, 700}, 1, 64},  {{5, 6912}, 8, 128},
                          {{64, 257}, 6, 192},  {{9, 65}, 3, 16},   {{7, 320}, 1, 16},
                          {{23, 1100}, 2, 32},  {{6, 700}, 5, 32}};

// What the sums must be, without any of the library's layouts.
std::vector<std::int32_t> expected(const Case& c, const std::vector<std::int8_t>& w,
                                   const std::vector<std::int8_t>& a, std::size_t blocks,
                                   std::size_t block) {
  const auto [rows, columns] = c.shape;
  std::vector<std::int32_t> out(c.m * blocks * rows);
  for (std::size_t m = 0; m < c.m; ++m)
    for (std::size_t n = 0; n < rows; ++n)
      for (std::size_t k = 0; k < columns; ++k)
        out[(m * blocks + k / block) * rows + n] += w[n * columns + k] * a[m * columns + k];
  return out;
}

std::vector<std::int32_t> sums_of(const Case& c, const std::vector<std::int8_t>& a,
                                  std::size_t blocks, std::size_t block) {
  std::vector<std::int32_t> sums(c.m * blocks);
  for (std::size_t m = 0; m < c.m; ++m)
    for (std::size_t k = 0; k < c.shape.columns; ++k)
      sums[m * blocks + k / block] += a[m * c.shape.columns + k];
  return sums;
}

std::vector<std::int8_t> extreme(std::size_t count, int kind) {
  if (kind == 0) return random_bytes(count, 77);
  return std::vector<std::int8_t>(count, kind == 1 ? std::int8_t{-128} : std::int8_t{127});
}

std::vector<std::int8_t> weights(std::size_t count, int kind) {
  if (kind == 0) return random_trits(count, 13);
  return std::vector<std::int8_t>(count, kind == 1 ? std::int8_t{1} : std::int8_t{-1});
}

void row_plane(Format format, const DotChoice& choice) {
  const Case c = GENERATE(from_range(cases));
  const int kind = GENERATE(0, 1, 2);
  const Ahead ahead = GENERATE(Ahead{}, Ahead{6144, 16384});  // without bands
  const auto w = weights(c.shape.rows * c.shape.columns, kind);
  const auto a = extreme(c.m * c.shape.columns, kind);
  const Layout layout = *layout_of(format, c.shape);
  Aligned<std::uint8_t> bytes(layout.bytes);
  REQUIRE(encode(layout, w, {bytes.data, layout.bytes}).has_value());
  Aligned<std::int8_t> activations(c.m * layout.stride);
  std::memset(activations.data, 0, c.m * layout.stride);
  for (std::size_t m = 0; m < c.m; ++m)
    std::copy_n(a.data() + m * c.shape.columns, c.shape.columns,
                activations.data + m * layout.stride);
  const std::size_t block = c.block != 0 ? c.block : layout.stride;
  const std::size_t blocks = (layout.stride + block - 1) / block;
  const auto sums = sums_of(c, a, blocks, block);
  const std::size_t padded = layout.groups * (format == Format::t5r ? 5 : 4);
  std::vector<std::int32_t> out(c.m * blocks * padded, 0x5A5A5A5A);
  choice.run({bytes.data, layout.stride, layout.groups, layout.stride, activations.data,
              sums.data(), c.m, block, blocks, out.data(), padded, ahead});
  const auto wanted = expected(c, w, a, blocks, block);
  bool equal = true;
  for (std::size_t i = 0; i < c.m * blocks; ++i)
    for (std::size_t n = 0; n < padded; ++n)
      equal &= out[i * padded + n] == (n < c.shape.rows ? wanted[i * c.shape.rows + n] : 0);
  INFO(choice.entry.operation << " " << to_string(choice.entry.isa) << " N " << c.shape.rows
                              << " K " << c.shape.columns << " M " << c.m << " block " << c.block);
  CHECK(equal);
}

}  // namespace

TEST_CASE("ternary dot: row planes, every instruction set") {
  const CpuFeatures machine = CpuFeatures::detect();
  SECTION("t5r") {
    const auto& choice = GENERATE(from_range(t5r_dots().begin(), t5r_dots().end()));
    if (machine.has(choice.entry.isa)) row_plane(Format::t5r, choice);
  }
  SECTION("u2r") {
    const auto& choice = GENERATE(from_range(u2r_dots().begin(), u2r_dots().end()));
    if (machine.has(choice.entry.isa)) row_plane(Format::u2r, choice);
  }
}

TEST_CASE("ternary dot: ONNX's order, every instruction set") {
  const CpuFeatures machine = CpuFeatures::detect();
  const auto& choice = GENERATE(from_range(u2_dots().begin(), u2_dots().end()));
  if (!machine.has(choice.entry.isa)) return;
  const Shape shape = GENERATE(Shape{1, 4}, Shape{5, 124}, Shape{4, 256}, Shape{9, 2560},
                               Shape{3, 260}, Shape{7, 6912}, Shape{2, 1028}, Shape{33, 17000});
  const std::size_t given = GENERATE(0U, 256U, 512U);
  const int kind = GENERATE(0, 1, 2);
  const Ahead ahead = GENERATE(Ahead{}, Ahead{6144, 16384});
  const Case c{shape, static_cast<std::size_t>(GENERATE(1, 4, 7)), given};
  const auto w = weights(shape.rows * shape.columns, kind);
  const auto a = extreme(c.m * shape.columns, kind);
  const Layout layout = *layout_of(Format::u2, shape);
  // Exactly as many bytes as there are: the last row's tail is the end of the memory.
  auto bytes = std::make_unique<std::uint8_t[]>(layout.bytes);
  REQUIRE(encode(layout, w, {bytes.get(), layout.bytes}).has_value());
  const std::size_t plane = (shape.columns / 4 + 63) / 64 * 64;
  Aligned<std::int8_t> activations(4 * c.m * plane);
  std::memset(activations.data, 0, 4 * c.m * plane);
  for (std::size_t m = 0; m < c.m; ++m)
    for (std::size_t k = 0; k < shape.columns; ++k)
      activations.data[(4 * m + k % 4) * plane + k / 4] = a[m * shape.columns + k];
  const std::size_t block = given != 0 ? given : shape.columns;
  const std::size_t blocks = (shape.columns + block - 1) / block;
  const auto sums = sums_of(c, a, blocks, block);
  std::vector<std::int32_t> out(c.m * blocks * shape.rows, 0x5A5A5A5A);
  choice.run({bytes.get(), layout.stride, shape.rows, plane, activations.data, sums.data(), c.m,
              block, blocks, out.data(), shape.rows, ahead});
  INFO(to_string(choice.entry.isa)
       << " N " << shape.rows << " K " << shape.columns << " M " << c.m);
  CHECK(out == expected(c, w, a, blocks, block));
}

TEST_CASE("ternary gemm: every instruction set") {
  const onnxpack_test::amx::StandIn machine;
  const auto& choice = GENERATE(from_range(gemms().begin(), gemms().end()));
  if (!machine.has(choice.entry.isa)) return;
  const Format format = GENERATE(Format::t5r, Format::u2r);
  const int kind = GENERATE(0, 1, 2);
  const Case c = GENERATE(Case{{80, 64}, 5, 0}, Case{{80, 192}, 8, 0}, Case{{77, 130}, 13, 0},
                          Case{{3, 65}, 1, 0}, Case{{80, 256}, 100, 0}, Case{{61, 320}, 48, 0},
                          Case{{79, 1000}, 37, 0});
  const auto w = weights(c.shape.rows * c.shape.columns, kind);
  const auto a = extreme(c.m * c.shape.columns, kind);
  const Layout layout = *layout_of(format, c.shape);
  std::vector<std::uint8_t> bytes(layout.bytes);
  REQUIRE(encode(layout, w, bytes).has_value());
  Aligned<std::uint8_t> panel(panel_rows * layout.stride);
  const UnpackJob unpack{bytes.data(), layout.stride, layout.groups, layout.stride, panel.data};
  format == Format::t5r ? choice.unpack_t5r(unpack) : choice.unpack_u2r(unpack);
  std::vector<std::int8_t> activations(c.m * layout.stride, 0);
  for (std::size_t m = 0; m < c.m; ++m)
    std::copy_n(a.data() + m * c.shape.columns, c.shape.columns,
                activations.data() + m * layout.stride);
  std::vector<std::int32_t> out(c.m * panel_rows, 0);
  choice.multiply(
      {panel.data, activations.data(), layout.stride, layout.stride, c.m, out.data(), panel_rows});
  const auto wanted = expected(c, w, a, 1, layout.stride);
  const auto sums = sums_of(c, a, 1, layout.stride);
  bool equal = true;
  for (std::size_t m = 0; m < c.m; ++m)
    for (std::size_t n = 0; n < panel_rows; ++n)
      equal &= out[m * panel_rows + n] - sums[m] ==
               (n < c.shape.rows ? wanted[m * c.shape.rows + n] : 0);
  CHECK(equal);
  CHECK(machine.faults().empty());
}

// Panels are the kernels' own affair, so here any bytes: every number of rows of activations, sums
// that stand apart, and nothing written between them or behind.
TEST_CASE("ternary gemm by tiles: the bits of the dot products' registers, for 1 to 70 rows") {
  const onnxpack_test::amx::StandIn machine;
  if (!machine.has(Isa::amx_int8)) SKIP("no AMX, or a CPU without AVX-512 VBMI");
#if defined(__x86_64__)
  const std::uint64_t before = machine.executed();
  for (std::size_t m = 1; m <= 70; ++m) {
    const std::size_t width = 64 * (1 + m % 13);  // up to three pieces
    const std::size_t stride = width + 64 * (m % 3);
    const std::size_t pitch = panel_rows * (1 + m % 2);
    const auto codes = random_bytes(panel_rows * width, static_cast<unsigned>(m));
    Aligned<std::uint8_t> panel(codes.size());
    std::memcpy(panel.data, codes.data(), codes.size());
    // Exactly as many as are read.
    const auto a = random_bytes((m - 1) * stride + width, static_cast<unsigned>(m) + 1);
    Aligned<std::int32_t> tiles(m * pitch);
    Aligned<std::int32_t> registers(m * pitch);
    for (std::size_t i = 0; i < m * pitch; ++i)
      tiles.data[i] = registers.data[i] = static_cast<std::int32_t>(i * 2654435761U);
    gemm_amxint8({panel.data, a.data(), stride, width, m, tiles.data, pitch});
    gemm_avx512vnni({panel.data, a.data(), stride, width, m, registers.data, pitch});
    INFO(m << " rows, " << width << " columns");
    CHECK(tiles.storage.size() == registers.storage.size());
    CHECK(std::memcmp(tiles.data, registers.data, m * pitch * 4) == 0);
    const auto whole = [](const Aligned<std::int32_t>& of, std::size_t count) {
      const auto* begin = reinterpret_cast<const std::uint8_t*>(of.data);
      const auto is_mark = [](std::uint8_t byte) { return byte == 0xA5; };
      return std::all_of(of.storage.data(), begin, is_mark) &&
             std::all_of(begin + count * 4, of.storage.data() + of.storage.size(), is_mark);
    };
    CHECK(whole(tiles, m * pitch));
  }
  CHECK((machine.executed() > before) == machine.emulates());
  CHECK(machine.faults().empty());
#endif
}

TEST_CASE("ternary dot: any byte is safe") {
  const CpuFeatures machine = CpuFeatures::detect();
  for (const auto& list : {t5r_dots(), u2r_dots()})
    for (const auto& choice : list) {
      if (!machine.has(choice.entry.isa)) continue;
      Aligned<std::uint8_t> bytes(256);
      for (std::size_t i = 0; i < 256; ++i) bytes.data[i] = static_cast<std::uint8_t>(i);
      Aligned<std::int8_t> activations(256);
      const std::int32_t sum = 0;
      std::int32_t out[5];
      choice.run({bytes.data, 256, 1, 256, activations.data, &sum, 1, 256, 1, out, 5});
    }
}
