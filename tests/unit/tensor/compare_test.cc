#include "onnxpack/tensor/compare.h"

#include <bit>
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_floating_point.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <cmath>
#include <cstring>
#include <limits>

#include "onnxpack/tensor/generate.h"

namespace onnxpack::tensor {
namespace {

using Catch::Matchers::ContainsSubstring;
using Catch::Matchers::WithinRel;

Tensor floats(const std::vector<float>& values, Shape shape = {}) {
  Tensor out{ElementType::float32, std::move(shape), Bytes(values.size() * 4)};
  if (out.shape.empty() && values.size() != 1)
    out.shape = {static_cast<std::int64_t>(values.size())};
  if (!values.empty()) std::memcpy(out.data.data(), values.data(), out.data.size());
  return out;
}

std::vector<float> noise(std::size_t count, std::uint64_t seed = 1) {
  InputSpec s;
  s.name = "noise";
  s.type = ElementType::float32;
  s.shape = {static_cast<std::int64_t>(count)};
  const auto tensor = generate(s, seed).value();
  std::vector<float> out(count);
  std::memcpy(out.data(), tensor.data.data(), tensor.data.size());
  return out;
}

float to_bf16(float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  return std::bit_cast<float>((bits + 0x7fff + ((bits >> 16) & 1)) & 0xffff0000U);
}

// reference with noise of `share` of its rms added.
Tensor disturbed(const std::vector<float>& reference, float share) {
  auto values = reference;
  const auto error = noise(values.size(), 77);
  for (std::size_t i = 0; i < values.size(); ++i) values[i] += share * error[i];
  return floats(values);
}

TEST_CASE("compare: equal tensors pass with perfect figures") {
  const Tensor reference = floats(noise(1000));
  const auto result = compare("y", reference, reference, Precision::fp32);
  CHECK(result.verdict == Verdict::passed);
  CHECK(result.reason.empty());
  CHECK(result.max_abs_error == 0);
  CHECK(result.snr_db == 400);
  CHECK_THAT(result.cosine, WithinRel(1.0, 1e-12));
}

TEST_CASE("compare: figures are what they are called") {
  const auto result = compare("y", floats({3, -4, 0, 0}), floats({3, -4, 0.5, 0}), Precision::fp32);
  CHECK(result.elements == 4);
  CHECK(result.max_abs_error == 0.5);
  CHECK(result.reference_rms == 2.5);
  CHECK(result.reference_peak == 4);
  CHECK(result.error_rms == 0.25);
  CHECK(result.relative_rms == 0.1);
  CHECK(result.relative_peak == 0.125);
  CHECK_THAT(result.snr_db, WithinRel(20.0, 1e-12));
  CHECK_THAT(result.cosine, WithinRel(25 / (5 * std::sqrt(25.25)), 1e-12));
  CHECK(result.max_rel_error == 0);  // the one that differs is no signal
  CHECK(compare("y", floats({3, -4}), floats({3, -5}), Precision::fp32).max_rel_error == 0.25);
}

TEST_CASE("compare: each precision passes its own rounding and fails the next coarser one") {
  const auto reference = noise(10000);
  const auto verdict = [&](float share, Precision precision) {
    return compare("y", floats(reference), disturbed(reference, share), precision).verdict;
  };
  CHECK(verdict(1e-6F, Precision::fp32) == Verdict::passed);
  CHECK(verdict(1e-5F, Precision::fp32) == Verdict::passed);
  CHECK(verdict(1e-4F, Precision::fp32) == Verdict::failed);
  CHECK(verdict(1e-2F, Precision::fp16) == Verdict::passed);
  CHECK(verdict(1e-1F, Precision::fp16) == Verdict::failed);
  CHECK(verdict(1e-1F, Precision::bf16) == Verdict::passed);
  CHECK(verdict(0.4F, Precision::bf16) == Verdict::failed);
  CHECK(verdict(0.25F, Precision::int8) == Verdict::passed);
  CHECK(verdict(0.6F, Precision::int8) == Verdict::failed);
}

TEST_CASE("compare: the verdict does not depend on the output's scale") {
  for (const double scale : {1e-2, 1.0, 1e6, 1e30}) {
    CAPTURE(scale);
    auto reference = noise(1000);
    for (float& value : reference) value = static_cast<float>(value * scale);
    auto good = reference;
    auto bad = reference;
    for (std::size_t i = 0; i < good.size(); ++i) {
      good[i] *= 1.00001F;
      bad[i] *= 1.0002F;
    }
    CHECK(compare("y", floats(reference), floats(good), Precision::fp32).verdict ==
          Verdict::passed);
    CHECK(compare("y", floats(reference), floats(bad), Precision::fp32).verdict == Verdict::failed);
  }
}

TEST_CASE("compare: zeros, shuffles and one-sided damage fail in every precision") {
  const auto reference = noise(4096);
  auto shuffled = reference;
  std::rotate(shuffled.begin(), shuffled.begin() + 64, shuffled.end());
  auto negated = reference;
  for (float& value : negated) value = -value;
  for (const auto precision : {Precision::fp64, Precision::fp32, Precision::tf32, Precision::fp16,
                               Precision::bf16, Precision::int8, Precision::int4}) {
    CAPTURE(to_string(precision));
    CHECK(compare("y", floats(reference), floats(std::vector<float>(4096)), precision).verdict ==
          Verdict::failed);
    CHECK(compare("y", floats(reference), floats(shuffled), precision).verdict == Verdict::failed);
    CHECK(compare("y", floats(reference), floats(negated), precision).verdict == Verdict::failed);
    CHECK(parse_precision(to_string(precision)).value() == precision);
  }
  CHECK_THAT(parse_precision("fp8").error().hint(), ContainsSubstring("fp32"));
}

TEST_CASE("compare: one wrong element of many is seen by its peak") {
  const auto reference = noise(1000000);
  auto candidate = reference;
  candidate[123456] += 0.01F;
  const auto result = compare("y", floats(reference), floats(candidate), Precision::fp32);
  CHECK(result.relative_rms < tolerance_of(Precision::fp32).relative_rms);
  CHECK(result.verdict == Verdict::failed);
  CHECK_THAT(result.reason, ContainsSubstring("largest error"));
}

TEST_CASE("compare: faint outputs never pass, and gross errors in them fail") {
  auto reference = noise(1000);
  for (float& value : reference) value *= 2.6e-5F;  // PP-OCR's detector on noise
  auto honest = reference;
  for (std::size_t i = 0; i < honest.size(); ++i) honest[i] += 1.5e-8F * noise(1000, 5)[i];
  const auto result = compare("y", floats(reference), floats(honest), Precision::fp32);
  CHECK(result.verdict == Verdict::weak_input);
  CHECK_THAT(result.reason, ContainsSubstring("almost no energy"));
  CHECK(
      compare("y", floats(reference), floats(std::vector<float>(1000)), Precision::fp32).verdict ==
      Verdict::failed);
  const Tensor silence = floats(std::vector<float>(10));
  CHECK(compare("y", silence, silence, Precision::fp32).verdict == Verdict::weak_input);
  CHECK(
      compare("y", silence, floats({0, 0, 0, 1e-12F, 0, 0, 0, 0, 0, 0}), Precision::fp32).verdict ==
      Verdict::failed);
  // Rounding of values near 1 on the way: it says nothing about such an output.
  const Tensor vanishing = floats({1e-8F, 2e-8F, 0, 3e-8F});
  CHECK(compare("y", vanishing, floats({2e-8F, 1e-8F, 0, 0}), Precision::fp32).verdict ==
        Verdict::weak_input);
  CHECK(compare("y", vanishing, floats({1e-5F, 1e-8F, 0, 0}), Precision::fp32).verdict ==
        Verdict::failed);
  const Tensor nothing = floats({}, {0, 3});
  CHECK(compare("y", nothing, nothing, Precision::fp32).verdict == Verdict::weak_input);
}

TEST_CASE("compare: a constant output proves little") {
  const Tensor ones = floats(std::vector<float>(100, 1.0F));
  const auto result = compare("y", ones, ones, Precision::fp32);
  CHECK(result.verdict == Verdict::weak_input);
  CHECK_THAT(result.reason, ContainsSubstring("nearly constant"));
  CHECK(compare("y", floats({0.7F}), floats({0.7F}), Precision::fp32).verdict ==
        Verdict::passed);  // one element is all there is
  CHECK(compare("y", floats({0.9F, 0.1F}), floats({0.9F, 0.1F}), Precision::fp32).verdict ==
        Verdict::passed);
}

TEST_CASE("compare: NaN and infinity must stand at the same places") {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const float inf = std::numeric_limits<float>::infinity();
  const auto verdict = [](const std::vector<float>& a, const std::vector<float>& b) {
    return compare("y", floats(a), floats(b), Precision::fp32);
  };
  CHECK(verdict({1, nan, inf, -inf, 2}, {1, nan, inf, -inf, 2}).verdict == Verdict::passed);
  CHECK(verdict({1, nan, 2}, {1, 5, 2}).nonfinite_mismatches == 1);
  CHECK(verdict({1, 5, 2}, {1, nan, 2}).verdict == Verdict::failed);
  CHECK(verdict({1, inf, 2}, {1, -inf, 2}).verdict == Verdict::failed);
  CHECK(verdict({1, inf, 2}, {1, nan, 2}).verdict == Verdict::failed);
  CHECK(verdict({1, inf, 2}, {1, 3e38F, 2}).verdict == Verdict::failed);
  CHECK(verdict({nan, nan}, {nan, nan}).verdict == Verdict::weak_input);
}

Tensor integers(const std::vector<std::int64_t>& values) {
  Tensor out{
      ElementType::int64, {static_cast<std::int64_t>(values.size())}, Bytes(values.size() * 8)};
  std::memcpy(out.data.data(), values.data(), out.data.size());
  return out;
}

TEST_CASE("compare: whole numbers must be equal, up to a share") {
  CHECK(compare("y", integers({1, 2, 3}), integers({1, 2, 3}), Precision::fp32).verdict ==
        Verdict::passed);
  const auto one_off = compare("y", integers({1, 2, 3}), integers({1, 2, 4}), Precision::int4);
  CHECK(one_off.verdict == Verdict::failed);
  CHECK(one_off.mismatches == 1);
  // Beyond 2^53, where doubles would tie.
  CHECK(compare("y", integers({(1LL << 60) + 1}), integers({1LL << 60}), Precision::fp32).verdict ==
        Verdict::failed);
  std::vector<std::int64_t> classes(20000, 3);
  auto flipped = classes;
  flipped[10] = flipped[20] = 4;
  CHECK(compare("y", integers(classes), integers(flipped), Precision::fp32).verdict ==
        Verdict::passed);
  flipped[30] = 5;
  CHECK(compare("y", integers(classes), integers(flipped), Precision::fp32).verdict ==
        Verdict::failed);
  CHECK(compare("y", integers({0, 0}), integers({0, 0}), Precision::fp32).verdict ==
        Verdict::weak_input);
  const Tensor truth{ElementType::boolean, {2}, {std::byte{1}, std::byte{0}}};
  const Tensor lie{ElementType::boolean, {2}, {std::byte{1}, std::byte{1}}};
  CHECK(compare("y", truth, truth, Precision::fp32).verdict == Verdict::passed);
  CHECK(compare("y", truth, lie, Precision::bf16).verdict == Verdict::failed);
}

TEST_CASE("compare: type and shape come first") {
  CHECK_THAT(compare("y", floats({1, 2}), integers({1, 2}), Precision::fp32).reason,
             ContainsSubstring("expected tensor(float), found tensor(int64)"));
  CHECK_THAT(compare("y", floats({1, 2}), floats({1, 2}, {1, 2}), Precision::fp32).reason,
             ContainsSubstring("expected shape [2], found [1,2]"));
  Tensor damaged = floats({1, 2});
  damaged.data.pop_back();
  CHECK_THAT(compare("y", floats({1, 2}), damaged, Precision::fp32).reason,
             ContainsSubstring("candidate: a tensor(float)"));
}

TEST_CASE("compare_all: outputs pair by name, the worst decides") {
  const NamedTensor a{"a", floats(noise(10))};
  const NamedTensor b{"b", floats(std::vector<float>(10, 1.0F))};
  const auto both = compare_all(std::vector{a, b}, std::vector{b, a}, Precision::fp32);
  REQUIRE(both.size() == 2);
  CHECK(both[0].verdict == Verdict::passed);
  CHECK(overall(both) == Verdict::weak_input);
  const auto missing = compare_all(std::vector{a, b}, std::vector{a}, Precision::fp32);
  CHECK(overall(missing) == Verdict::failed);
  CHECK_THAT(missing[1].reason, ContainsSubstring("no such output"));
  CHECK(overall(compare_all(std::vector{a}, std::vector{a, b}, Precision::fp32)) ==
        Verdict::failed);
  CHECK(overall({}) == Verdict::weak_input);
}

// A small convolution network, with the sabotages that a blob may carry.
struct Network {
  static constexpr std::size_t channels = 8, size = 24, layers = 3;
  std::vector<std::vector<float>> weights;  // [layer][out][in][3][3]

  Network() {
    for (std::size_t i = 0; i < layers; ++i) {
      auto w = noise(channels * channels * 9, 100 + i);
      for (float& value : w) value *= 0.15F;
      weights.push_back(std::move(w));
    }
  }

  enum class Order { forward, backward };  // of the sums: what another backend's kernels change
  std::vector<float> run(std::vector<float> x, Order order, bool bf16 = false) const {
    for (const auto& w : weights) {
      std::vector<float> y(x.size());
      for (std::size_t o = 0; o < channels; ++o) {
        for (std::size_t r = 0; r < size * size; ++r) {
          float sum = 0;
          for (std::size_t k = 0; k < channels * 9; ++k) {
            const std::size_t at = order == Order::forward ? k : channels * 9 - 1 - k;
            const std::size_t row = r / size + at % 9 / 3, column = r % size + at % 3;
            if (row < 1 || column < 1 || row > size || column > size) continue;
            const float product =
                w[o * channels * 9 + at] * x[at / 9 * size * size + (row - 1) * size + column - 1];
            sum += product;
          }
          y[o * size * size + r] = sum > 0 ? sum : 0.1F * sum;
        }
      }
      if (bf16) {
        for (float& value : y) value = to_bf16(value);
      }
      x = std::move(y);
    }
    return x;
  }
};

TEST_CASE("compare: sabotaged networks fail, honest reordering passes") {
  const auto input = noise(Network::channels * Network::size * Network::size);
  const Network network;
  const auto reference = network.run(input, Network::Order::forward);
  const auto judge = [&](const std::vector<float>& output) {
    return compare("y", floats(reference), floats(output), Precision::fp32);
  };

  const auto reordered = judge(network.run(input, Network::Order::backward));
  CHECK(reordered.max_abs_error > 0);
  CHECK(reordered.verdict == Verdict::passed);

  CHECK(judge(network.run(input, Network::Order::forward, true)).verdict == Verdict::failed);

  Network lower = network;
  for (auto& w : lower.weights) {
    for (float& value : w) value = to_bf16(value);
  }
  CHECK(judge(lower.run(input, Network::Order::forward)).verdict == Verdict::failed);

  for (std::size_t layer = 0; layer < Network::layers; ++layer) {
    CAPTURE(layer);
    Network permuted = network;
    auto& w = permuted.weights[layer];
    std::swap_ranges(w.begin(), w.begin() + 72, w.begin() + 72);
    CHECK(judge(permuted.run(input, Network::Order::forward)).verdict == Verdict::failed);
    for (const std::size_t at : {std::size_t{0}, std::size_t{100}, std::size_t{575}}) {
      Network wrong = network;
      wrong.weights[layer][at] *= -1;
      CHECK(judge(wrong.run(input, Network::Order::forward)).verdict == Verdict::failed);
    }
  }
}

}  // namespace
}  // namespace onnxpack::tensor
