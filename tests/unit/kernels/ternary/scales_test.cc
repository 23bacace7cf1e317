#include "onnxpack/kernels/ternary/scales.h"

#include <bit>
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <cmath>
#include <cstring>
#include <random>

#include "support.h"

using namespace onnxpack::kernels::ternary;
using onnxpack_test::random_trits;

namespace {

// trit * scale for the given granularity, scales distinct and positive.
TernaryMatrix made(ScaleType type, ScaleLayout layout, Shape shape, unsigned seed) {
  TernaryMatrix m{layout, random_trits(shape.rows * shape.columns, seed), {}, 0};
  std::mt19937 engine(seed);
  for (std::size_t i = 0; i < scale_count(layout, shape); ++i) {
    const auto low = static_cast<std::uint32_t>(i);
    m.scales.push_back(type == ScaleType::float32
                           ? 0x3d000000U + static_cast<std::uint32_t>(engine() & 0xfff000U) + low
                           : 0x2c00U + low);
  }
  return m;
}

std::vector<std::uint8_t> floats(const TernaryMatrix& m, ScaleType type, Shape shape,
                                 bool transposed) {
  std::vector<std::uint8_t> bytes(shape.rows * shape.columns * size_of(type), 0xEE);
  restore(m, type, shape, transposed ? 1 : shape.columns, transposed ? shape.rows : 1, bytes);
  return bytes;
}

std::vector<std::uint8_t> as_bytes(const std::vector<float>& values) {
  std::vector<std::uint8_t> bytes(values.size() * 4);
  std::memcpy(bytes.data(), values.data(), bytes.size());
  return bytes;
}

}  // namespace

TEST_CASE("ternary scales: found again as coarse as they are, bit for bit") {
  const auto type = GENERATE(ScaleType::float32, ScaleType::float16, ScaleType::bfloat16);
  const auto layout =
      GENERATE(ScaleLayout{Granularity::tensor, 0}, ScaleLayout{Granularity::row, 0},
               ScaleLayout{Granularity::block, 128}, ScaleLayout{Granularity::block, 64},
               ScaleLayout{Granularity::block, 16});
  const bool transposed = GENERATE(false, true);
  const Shape shape{19, 301};
  const auto original = made(type, layout, shape, 4);
  const auto bytes = floats(original, type, shape, transposed);
  const auto found = find_ternary(
      {bytes, type, shape, transposed ? 1 : shape.columns, transposed ? shape.rows : 1},
      NegativeZero::refuse);
  REQUIRE(found.has_value());
  CHECK(found->layout == layout);
  CHECK(found->trits == original.trits);
  CHECK(found->scales == original.scales);
  CHECK(floats(*found, type, shape, transposed) == bytes);
}

TEST_CASE("ternary scales: what is not exactly {-s, 0, s} is refused, with its place") {
  const Shape shape{2, 20};
  std::vector<float> values(40, 0.5F);
  const auto find = [&](NegativeZero zero) {
    const auto bytes = as_bytes(values);
    return find_ternary({bytes, ScaleType::float32, shape, 20, 1}, zero);
  };
  REQUIRE(find(NegativeZero::refuse).has_value());
  SECTION("a neighbour one bit away") {
    values[23] = std::nextafter(0.5F, 1.0F);
    CHECK(find(NegativeZero::refuse).error() ==
          NotTernary{NotTernaryReason::two_magnitudes, 1, 3,
                     std::bit_cast<std::uint32_t>(values[23])});
  }
  SECTION("infinite, not a number") {
    values[0] = INFINITY;
    CHECK(find(NegativeZero::refuse).error().reason == NotTernaryReason::not_finite);
    values[0] = NAN;
    CHECK(find(NegativeZero::refuse).error().reason == NotTernaryReason::not_finite);
  }
  SECTION("minus zero") {
    values[21] = -0.0F;
    CHECK(find(NegativeZero::refuse).error() ==
          NotTernary{NotTernaryReason::negative_zero, 1, 1, 0x80000000U});
    const auto taken = find(NegativeZero::as_zero);
    REQUIRE(taken.has_value());
    CHECK(taken->negative_zeros == 1);
    CHECK(taken->trits[21] == 0);
  }
}

TEST_CASE("ternary scales: the document's examples") {
  const Shape shape{2, 3};
  const auto find = [&](const std::vector<float>& values) {
    return find_ternary({as_bytes(values), ScaleType::float32, shape, 3, 1}, NegativeZero::refuse);
  };
  const std::vector<float> one = {0.5F, 0, -0.5F, -0.5F, 0.5F, 0};
  REQUIRE(find(one).has_value());
  CHECK(find(one)->layout == ScaleLayout{Granularity::tensor, 0});
  CHECK(find(one)->scales == std::vector<std::uint32_t>{std::bit_cast<std::uint32_t>(0.5F)});
  const auto rows = find({0.5F, 0, -0.5F, -2, 2, 0});
  REQUIRE(rows.has_value());
  CHECK(rows->layout == ScaleLayout{Granularity::row, 0});
  for (float other : {0.5000001F, -0.0F, INFINITY}) {
    auto values = one;
    values[other == 0 ? 1 : 0] = other;
    CHECK_FALSE(find(values).has_value());
  }
}

TEST_CASE("ternary scales: zeros only, and subnormal scales") {
  const Shape shape{1, 32};
  std::vector<float> values(32, 0.0F);
  auto bytes = as_bytes(values);
  auto found = find_ternary({bytes, ScaleType::float32, shape, 32, 1}, NegativeZero::refuse);
  REQUIRE(found.has_value());
  CHECK(found->scales == std::vector<std::uint32_t>{0x3f800000U});
  values[7] = -1e-45F;
  bytes = as_bytes(values);
  found = find_ternary({bytes, ScaleType::float32, shape, 32, 1}, NegativeZero::refuse);
  REQUIRE(found.has_value());
  CHECK(found->scales == std::vector<std::uint32_t>{1U});
  CHECK(floats(*found, ScaleType::float32, shape, false) == bytes);
}

TEST_CASE("ternary scales: widening is exact") {
  for (std::uint32_t bits = 0; bits < 0x7c00; ++bits) {
    const float value = widen(ScaleType::float16, bits);
    const int exponent = static_cast<int>(bits >> 10);
    const double expected = exponent == 0 ? std::ldexp(bits & 1023U, -24)
                                          : std::ldexp(1024.0 + (bits & 1023U), exponent - 25);
    if (static_cast<double>(value) != expected) FAIL("half " << bits);
  }
  CHECK(widen(ScaleType::float16, 0xc000) == -2.0F);
  CHECK(widen(ScaleType::bfloat16, 0x3fc0) == 1.5F);
}
