// The errors that lib/kernels/flex_attention/vector.h and docs/kernels.md state, against the C
// library in double. This program is built for the baseline, so it is the plain path that is
// tested; with fused multiply-add the last rounding of a step falls away.
#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

#include "flex_attention/vector.h"

namespace {

float of(Vf value) {
  float out[width];
  store(out, value);
  return out[0];
}

// Distance in units in the last place of the right result.
double ulps(float found, double right) {
  const auto rounded = static_cast<float>(right);
  const float next = std::nextafter(std::abs(rounded), std::numeric_limits<float>::infinity());
  const double unit = static_cast<double>(next) - static_cast<double>(std::abs(rounded));
  return std::abs(static_cast<double>(found) - right) / unit;
}

// The largest error over floats of [low, high], every 997th of them (a prime, so that no digit of
// the mantissa stands still).
template <typename Function, typename Right>
double worst(float low, float high, Function function, Right right) {
  double out = 0;
  auto look = [&](float x) {
    out = std::max(out, ulps(of(function(splat(x))), right(static_cast<double>(x))));
  };
  for (std::uint32_t sign : {0U, 0x80000000U}) {
    for (std::uint32_t bits = 0; bits < 0x7F800000U; bits += 997) {
      const auto x = std::bit_cast<float>(bits | sign);
      if (x >= low && x <= high) look(x);
    }
  }
  look(low);
  look(high);
  return out;
}

bool runs_here() {
#if defined(__x86_64__)
  return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
#else
  return true;
#endif
}

}  // namespace

TEST_CASE("functions of the tile programs are as exact as they say", "[flex_attention]") {
  if (!runs_here()) SKIP("this CPU has no AVX2");
  CHECK(worst(-87.3F, 88.7F, exponential, [](double x) { return std::exp(x); }) <= 3);
  CHECK(worst(-29, 0, power_of_two, [](double x) { return std::exp2(x); }) <= 3);
  CHECK(worst(-50, 50, hyperbolic_tangent, [](double x) { return std::tanh(x); }) <= 6);
  CHECK(worst(-80, 80, sigmoid, [](double x) { return 1 / (1 + std::exp(-x)); }) <= 4);
}

TEST_CASE("tanh is never more than 1, and 1 from its last bound on", "[flex_attention]") {
  if (!runs_here()) SKIP("this CPU has no AVX2");
  const float end = 0x1.051e4cp+3F;
  float most = 0;
  // Of 7.5 it is 7 units of the last place below 1.
  for (float x = 7.5F; x < end;) {
    float xs[width];
    for (float& each : xs) each = x = std::nextafter(x, end);
    float out[width];
    store(out, hyperbolic_tangent(load(xs)));
    most = std::max(most, *std::max_element(out, out + width));
  }
  CHECK(most == 1);
  for (float x : {end, 8.3F, 20.0F, std::numeric_limits<float>::infinity()}) {
    CHECK(of(hyperbolic_tangent(splat(x))) == 1);
    CHECK(of(hyperbolic_tangent(splat(-x))) == -1);
  }
  CHECK(std::isnan(of(hyperbolic_tangent(splat(std::numeric_limits<float>::quiet_NaN())))));
}

TEST_CASE("functions at the ends of the floats", "[flex_attention]") {
  if (!runs_here()) SKIP("this CPU has no AVX2");
  const float infinity = std::numeric_limits<float>::infinity();
  const float nan = std::numeric_limits<float>::quiet_NaN();
  CHECK(of(exponential(splat(infinity))) == infinity);
  CHECK(of(exponential(splat(89.0F))) == infinity);
  CHECK(of(exponential(splat(-infinity))) == 0);
  CHECK(of(exponential(splat(0.0F))) == 1);
  CHECK(std::isnan(of(exponential(splat(nan)))));
  CHECK(of(power_of_two(splat(-infinity))) == 0);
  CHECK(of(power_of_two(splat(0.0F))) == 1);
  CHECK(of(hyperbolic_tangent(splat(0.0F))) == 0);
}
