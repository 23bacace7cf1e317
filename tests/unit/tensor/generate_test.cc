#include "onnxpack/tensor/generate.h"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_floating_point.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <cmath>
#include <cstring>
#include <numeric>
#include <set>

#include "onnxpack/base/text.h"
#include "onnxpack/tensor/npy.h"

namespace onnxpack::tensor {
namespace {

using Catch::Matchers::ContainsSubstring;
using Catch::Matchers::WithinAbs;

InputSpec spec(ElementType type, Shape shape) {
  InputSpec out;
  out.name = "x";
  out.type = type;
  out.shape = std::move(shape);
  return out;
}

std::vector<double> doubles(const Tensor& tensor) {
  return to_doubles(tensor).value();
}

// Computed independently (Python integers) from the formula in the header; a change of these breaks
// every recorded seed.
TEST_CASE("generate: known answers") {
  CHECK(random_word(0, "", 0) == 0xe587d3dff9e92ed0ULL);
  CHECK(random_word(42, "input_ids", 7) == 0xf3798d2a70003e86ULL);
  CHECK(to_hex(generate(spec(ElementType::float32, {4}), 1).value().data) ==
        "47a706bf1682b13ec5af833fb52f1abf");
  CHECK(to_hex(generate(spec(ElementType::float16, {4}), 1).value().data) == "35b88c351d3cd1b8");
  InputSpec ids = spec(ElementType::int64, {2});
  ids.int_low = -5;
  ids.int_high = 30521;
  CHECK(to_hex(generate(ids, 3).value().data) == "7e0c0000000000006f05000000000000");
}

TEST_CASE("generate: an input's bytes depend on its name and seed, not on the shape around them") {
  const auto small = generate(spec(ElementType::float32, {3, 5}), 9).value();
  const auto large = generate(spec(ElementType::float32, {7, 5}), 9).value();
  CHECK(std::equal(small.data.begin(), small.data.end(), large.data.begin()));
  CHECK(generate(spec(ElementType::float32, {3, 5}), 10).value().data != small.data);
  InputSpec other = spec(ElementType::float32, {3, 5});
  other.name = "y";
  CHECK(generate(other, 9).value().data != small.data);
}

TEST_CASE("generate: every type gives a whole tensor") {
  for (std::int64_t number = 1; number <= 26; ++number) {
    const auto type = element_type_from_onnx(number).value();
    CAPTURE(name_of(type));
    for (const Shape& shape : {Shape{}, Shape{0}, Shape{3}, Shape{2, 5, 3}}) {
      auto made = generate(spec(type, shape), 5);
      CHECK(made.has_value() == (type != ElementType::string));
      if (!made) continue;
      REQUIRE(check(*made));
      for (const double value : doubles(*made)) CHECK(std::isfinite(value));
    }
  }
  CHECK_THAT(generate(spec(ElementType::string, {1}), 0).error().message(),
             ContainsSubstring("input 'x'"));
}

TEST_CASE("generate: bell has the stated mean, spread and bounds") {
  const auto values = to_doubles(generate(spec(ElementType::float64, {100000}), 1).value()).value();
  const double n = static_cast<double>(values.size());
  const double mean = std::accumulate(values.begin(), values.end(), 0.0) / n;
  const double variance =
      std::inner_product(values.begin(), values.end(), values.begin(), 0.0) / n - mean * mean;
  CHECK_THAT(mean, WithinAbs(0, 0.01));
  CHECK_THAT(variance, WithinAbs(1, 0.01));
  for (const double value : values) CHECK(std::abs(value) <= 3.4642);
  InputSpec moved = spec(ElementType::float64, {100000});
  moved.low = 10;
  moved.high = 20;
  const auto shifted = to_doubles(generate(moved, 1).value()).value();
  CHECK_THAT(std::accumulate(shifted.begin(), shifted.end(), 0.0) / n, WithinAbs(15, 0.1));
}

TEST_CASE("generate: uniform stays within its bounds") {
  InputSpec s = spec(ElementType::float64, {10000});
  s.distribution = Distribution::uniform;
  s.low = -3;
  s.high = -2.5;
  for (const double value : doubles(generate(s, 1).value())) {
    CHECK(value >= -3);
    CHECK(value < -2.5);
  }
}

TEST_CASE("generate: whole numbers reach both bounds and nothing beyond") {
  for (const auto type : {ElementType::int8, ElementType::uint8, ElementType::int64,
                          ElementType::uint32, ElementType::int4, ElementType::uint2}) {
    CAPTURE(name_of(type));
    InputSpec s = spec(type, {1000});
    s.int_low = 1;
    s.int_high = 3;
    std::set<double> seen;
    for (const double value : doubles(generate(s, 2).value())) seen.insert(value);
    CHECK(seen == std::set<double>{1, 2, 3});
  }
  InputSpec cut = spec(ElementType::uint8, {2000});
  cut.int_low = -1000;
  cut.int_high = 1000;
  const auto values = to_doubles(generate(cut, 2).value()).value();
  CHECK(*std::min_element(values.begin(), values.end()) == 0);
  CHECK(*std::max_element(values.begin(), values.end()) == 255);
  InputSpec whole = spec(ElementType::int64, {100});
  whole.int_low = std::numeric_limits<std::int64_t>::min();
  whole.int_high = std::numeric_limits<std::int64_t>::max();
  CHECK(generate(whole, 2));
}

// A constant spec rounds one number: every finite float16, exactly and at the ties between
// neighbours.
TEST_CASE("generate: float16 rounds to nearest even") {
  const auto rounded = [](double value) {
    InputSpec s = spec(ElementType::float16, {});
    s.distribution = Distribution::uniform;
    s.low = s.high = value;
    std::uint16_t bits = 0;
    std::memcpy(&bits, generate(s, 0).value().data.data(), 2);
    return bits;
  };
  const auto widened = [](std::uint16_t bits) {
    Bytes data;
    append_le(data, bits);
    return to_doubles({ElementType::float16, {}, data}).value().front();
  };
  for (std::uint16_t bits = 0; bits < 0x7bff; ++bits) {
    const double here = widened(bits);
    const double next = widened(static_cast<std::uint16_t>(bits + 1));
    const double middle = (here + next) / 2;
    const auto even = static_cast<std::uint16_t>(bits + (bits & 1));
    if (rounded(here) != bits || rounded(-next) != (0x8000 | (bits + 1)) ||
        rounded(middle) != even || rounded(std::nextafter(middle, 0)) != bits ||
        rounded(std::nextafter(middle, 1e9)) != bits + 1) {
      FAIL("pattern " << bits);
    }
  }
  CHECK(rounded(65519.99) == 0x7bff);
  CHECK(rounded(65520) == 0x7c00);
}

TEST_CASE("generate: bad ranges are refused") {
  InputSpec empty = spec(ElementType::int32, {1});
  empty.int_low = 5;
  empty.int_high = 4;
  CHECK_THAT(generate(empty, 0).error().message(),
             ContainsSubstring("input 'x': range 5 to 4 is empty"));
  InputSpec odd = spec(ElementType::float32, {1});
  odd.high = std::numeric_limits<double>::infinity();
  CHECK_THAT(generate(odd, 0).error().message(), ContainsSubstring("not finite"));
  CHECK_THAT(generate(spec(ElementType::float32, {-1}), 0).error().message(),
             ContainsSubstring("negative dimension"));
}

}  // namespace
}  // namespace onnxpack::tensor
