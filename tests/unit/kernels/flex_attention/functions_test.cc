// tanh as the tile programs of every instruction set compute it. flex_math_test.cc is built without
// fused multiply-add, which they have, and on which the last bits depend.
#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include <catch2/catch_test_macros.hpp>

#include "flex_attention/tile_ops.h"
#include "unit/kernels/flex_attention/tensors.h"

namespace onnxpack::kernels::flex {
namespace {

// What is computed in place of `values`, a multiple of 16 of them.
void in_place(VmFunction function, std::vector<float>& values) {
  VmCall call;
  call.lanes = values.size();
  call.result = values.data();
  call.row_step = static_cast<std::ptrdiff_t>(values.size());
  call.a = {values.data(), call.row_step, 1};
  function(call);
}

// The errors and bounds of vector.h, over floats a step apart and all of those in which the
// quotient might be more than 1.
void check_tanh(VmFunction function) {
  constexpr std::size_t lanes = 96;
  double worst = 0;
  float most = 0;
  std::vector<float> given, found;
  const auto look = [&](float from, float to, std::uint32_t step) {
    auto bits = std::bit_cast<std::uint32_t>(from);
    while (bits < std::bit_cast<std::uint32_t>(to)) {
      given.clear();
      for (; given.size() < lanes; bits += step) given.push_back(std::bit_cast<float>(bits));
      found = given;
      in_place(function, found);
      for (std::size_t i = 0; i < lanes; ++i) {
        const double right = std::tanh(static_cast<double>(given[i]));
        const auto near = static_cast<float>(right);
        const double unit = std::nextafter(near, 2.0F) - near;
        worst = std::max(worst, std::abs(static_cast<double>(found[i]) - right) / unit);
        most = std::max(most, found[i]);
      }
    }
  };
  look(0x1p-20F, 7.9F, 997);
  look(7.9F, 8.2F, 1);
  CHECK(worst <= 6);
  CHECK(most == 1);
}

TEST_CASE("tanh is as exact by every instruction set, and never more than 1") {
  const StandIn machine;
  for (Isa isa : fast_isas_of(machine)) {
    INFO(to_string(isa));
    const VmFunction function = tile_ops(isa)->function({.op = Op::hyperbolic_tangent});
    REQUIRE(function != nullptr);
    check_tanh(function);
    const float infinite = std::numeric_limits<float>::infinity();
    for (std::size_t lanes = 16; lanes <= most_lanes; lanes += 16) {
      std::vector<float> values(lanes);
      for (std::size_t i = 0; i < lanes; ++i)
        values[i] = (i % 2 == 0 ? 1.0F : -1.0F) * (i % 3 == 0 ? infinite : 8.5F);
      values[lanes - 1] = std::numeric_limits<float>::quiet_NaN();
      in_place(function, values);
      CHECK(std::isnan(values[lanes - 1]));
      for (std::size_t i = 0; i + 1 < lanes; ++i) CHECK(values[i] == (i % 2 == 0 ? 1 : -1));
    }
  }
}

}  // namespace
}  // namespace onnxpack::kernels::flex
