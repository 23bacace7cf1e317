// Scaling of bf16 by integers against the product itself, for every bf16 there is.
#include "flex_attention/key_scale.h"

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>

#include <catch2/catch_test_macros.hpp>

#include "flex_attention/half.h"

namespace onnxpack::kernels::flex {
namespace {

float rounded(float value) {
  return bfloat_to_float(float_to_bfloat(value));
}

// How many x there are whose step gives something else than round(x * factor).
int wrong_steps(const KeyScale& scale) {
  int wrong = 0;
  for (std::uint32_t bits = 0; bits < 0x10000; ++bits) {
    const auto x = static_cast<std::uint16_t>(bits);
    const auto magnitude = static_cast<std::uint16_t>(x & 0x7FFFU);
    const float value = bfloat_to_float(x);
    const float wanted = rounded(value * scale.factor);
    if (magnitude >= KeyScale::first_uncertain || std::fabs(value) < 0x1p-126F ||
        std::fabs(wanted) <= 0x1p-126F)
      continue;
    const auto stepped = static_cast<std::uint16_t>(x + scale.steps[x & 0x7FU]);
    // The power is the query's to bring, so that nothing overflows on the way.
    const auto got = static_cast<double>(bfloat_to_float(stepped)) * scale.power;
    wrong += got == static_cast<double>(wanted) ? 0 : 1;
  }
  return wrong;
}

TEST_CASE("steps give the rounded product of every number and of roots of all sizes") {
  for (int size : {1, 2, 8, 16, 24, 32, 48, 64, 80, 96, 128, 192, 256, 512}) {
    const float root = rounded(static_cast<float>(std::pow(size, -0.25)));
    const KeyScale scale(root);
    INFO("head size " << size << ", root " << root);
    REQUIRE(scale.by_steps);
    CHECK(wrong_steps(scale) == 0);
  }
}

TEST_CASE("every mantissa has steps that fit a byte, and 0 stays below the least normal number") {
  for (std::uint32_t low = 0; low < 128; ++low) {
    const KeyScale scale(bfloat_to_float(static_cast<std::uint16_t>(0x3F00U + low)));
    REQUIRE(scale.by_steps);
    CHECK(scale.power == 0.5F);
    CHECK(scale.steps[0] < 0x80);
    CHECK(wrong_steps(scale) == 0);
  }
}

TEST_CASE("factors that are no positive, normal bf16 have no steps") {
  for (float factor : {0.0F, -0.5F, std::numeric_limits<float>::infinity(),
                       std::numeric_limits<float>::quiet_NaN(), 0x1p-130F, 0.1F}) {
    const KeyScale scale(factor);
    CHECK_FALSE(scale.by_steps);
    CHECK(scale.power == 1.0F);
  }
}

}  // namespace
}  // namespace onnxpack::kernels::flex
