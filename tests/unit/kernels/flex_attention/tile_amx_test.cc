// The two products by tiles against those of AVX-512 BF16. Numbers are small and whole, so that
// every order of summing gives the same bits; what does not belong to an operand is NaN, and what
// does not belong to a result must stay as it was.
#include <catch2/catch_test_macros.hpp>

#if defined(__x86_64__)
#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <memory>
#include <random>
#include <vector>

#include "flex_attention/half.h"
#include "flex_attention/tile_ops.h"
#include "unit/kernels/amx/stand_in.h"

namespace onnxpack::kernels::flex {
namespace {

using onnxpack_test::amx::StandIn;

// `count` floats from a multiple of 64 bytes on, all NaN.
class Room {
 public:
  explicit Room(std::size_t count)
      : floats_(count + 16, std::numeric_limits<float>::quiet_NaN()), count_(count) {
    void* at = floats_.data();
    std::size_t space = floats_.size() * sizeof(float);
    data_ = static_cast<float*>(std::align(64, count * sizeof(float), at, space));
  }
  Room(const Room&) = delete;
  float* data() { return data_; }
  bool operator==(const Room& other) const {
    return std::memcmp(data_, other.data_, count_ * sizeof(float)) == 0;
  }

 private:
  std::vector<float> floats_;
  std::size_t count_;
  float* data_;
};

std::uint32_t whole(std::mt19937& random) {
  return float_to_bfloat(static_cast<float>(random() % 17) - 8.0F);
}
void put_pairs(float* to, std::size_t count, std::mt19937& random) {
  for (std::size_t i = 0; i < count; ++i) {
    const std::uint32_t pair = whole(random) | whole(random) << 16U;
    std::memcpy(to + i, &pair, sizeof pair);
  }
}
void put_numbers(float* to, std::size_t count, std::mt19937& random) {
  for (std::size_t i = 0; i < count; ++i) to[i] = static_cast<float>(random() % 33) - 16.0F;
}

struct Panel {
  std::size_t lanes, first, count;
};
Panel some_panel(std::mt19937& random) {
  const std::size_t lanes = 16 * (1 + random() % (most_lanes / 16));
  if (random() % 3 == 0) return {lanes, 0, lanes};
  const std::size_t first = lanes > panel_lanes && random() % 2 == 0 ? panel_lanes : 0;
  return {lanes, first, std::min(panel_lanes, lanes - first)};
}

TEST_CASE("scores by tiles are those of AVX-512 BF16, bit for bit") {
  const StandIn machine;
  if (!machine.has(Isa::amx_bf16)) SKIP("no AMX, or a CPU without AVX-512 BF16");
  std::mt19937 random(3);
  for (int i = 0; i < 60; ++i) {
    const Panel panel = some_panel(random);
    const std::size_t rows = 1 + random() % most_rows;
    const std::size_t size = 16 * (random() % 6);
    const std::size_t stride = size + 16 * (random() % 2);
    Room queries(size * panel.lanes);
    for (std::size_t e = 0; e < size; ++e)
      put_pairs(queries.data() + e * panel.lanes + panel.first, panel.count, random);
    Room keys(rows * stride);
    for (std::size_t k = 0; k < rows; ++k) put_pairs(keys.data() + k * stride, size, random);
    Room found(most_rows * panel.lanes);
    Room want(most_rows * panel.lanes);
    const auto run = [&](const TileOps& ops, Room& tile) {
      Ahead ahead;
      ops.pairs->products.scores(queries.data() + panel.first, keys.data(), stride, rows, size,
                                 panel.lanes, panel.count, tile.data() + panel.first, ahead);
    };
    run(tile_ops_amxbf16(), found);
    run(tile_ops_avx512bf16(), want);
    INFO(rows << " keys of " << size << " pairs, " << panel.count << " lanes of " << panel.lanes);
    CHECK(found == want);
  }
  CHECK(machine.faults().empty());
  CHECK((machine.executed() > 0) == machine.emulates());
}

TEST_CASE("values weighed by tiles are those of AVX-512 BF16, bit for bit") {
  const StandIn machine;
  if (!machine.has(Isa::amx_bf16)) SKIP("no AMX, or a CPU without AVX-512 BF16");
  std::mt19937 random(4);
  for (int i = 0; i < 60; ++i) {
    const Panel panel = some_panel(random);
    // Pairs of rows of V from `skipped` on; what is not theirs is NaN.
    const std::size_t skipped = 8 * (random() % 4);
    const std::size_t rows = 1 + random() % (most_rows / 2 - skipped);
    const std::size_t size = 1 + random() % 80;
    Room tile(most_rows / 2 * panel.lanes);
    for (std::size_t k = 0; k < rows; ++k)
      put_pairs(tile.data() + k * panel.lanes + panel.first, panel.count, random);
    const std::size_t keys = std::min(most_rows, 2 * (skipped + rows + random() % 3));
    std::vector<std::uint16_t> values(keys * size, 0x7FC0);
    for (std::size_t at = 2 * skipped * size; at < 2 * (skipped + rows) * size; ++at)
      values[at] = float_to_bfloat(static_cast<float>(random() % 9) - 4);
    Room factor(panel.lanes);
    for (std::size_t lane = 0; lane < panel.lanes; ++lane)
      factor.data()[lane] = random() % 2 == 0 ? 1.0F : 0.5F;
    Room found(size * panel.lanes);
    for (std::size_t e = 0; e < size; ++e)
      put_numbers(found.data() + e * panel.lanes + panel.first, panel.count, random);
    Room want(size * panel.lanes);
    std::memcpy(want.data(), found.data(), size * panel.lanes * sizeof(float));
    const auto run = [&](const TileOps& ops, Room& out) {
      Ahead ahead;
      Room made(most_rows / 2 * size);
      ops.pairs->interleave(values.data(), keys, size, made.data());
      const std::size_t turned = ops.pairs->turned_stride;
      ops.pairs->products.weigh(tile.data() + panel.first, rows,
                                made.data() + skipped * (turned > 0 ? 1 : size),
                                turned > 0 ? turned : size, size, panel.lanes, panel.count,
                                factor.data() + panel.first, out.data() + panel.first, ahead);
    };
    run(tile_ops_amxbf16(), found);
    run(tile_ops_avx512bf16(), want);
    INFO(rows << " pairs of " << size << " from " << skipped << ", " << panel.count << " lanes of "
              << panel.lanes);
    CHECK(found == want);
  }
  CHECK(machine.faults().empty());
  CHECK((machine.executed() > 0) == machine.emulates());
}

// What comes of a tile of scores: weights, and what is kept of them.
struct Folded {
  explicit Folded(std::size_t lanes)
      : weights(most_rows / 2 * lanes), maximum(lanes), sum(lanes), factor(lanes) {}
  bool operator==(const Folded&) const = default;
  Room weights, maximum, sum, factor;
};

TEST_CASE("scores and softmax in one are the two, bit for bit") {
  const StandIn machine;
  if (!machine.has(Isa::amx_bf16)) SKIP("no AMX, or a CPU without AVX-512 BF16");
  std::mt19937 random(5);
  const PairOps& pairs = *tile_ops_amxbf16().pairs;
  REQUIRE(pairs.attend != nullptr);
  for (int i = 0; i < 60; ++i) {
    const Panel panel = some_panel(random);
    const std::size_t rows = 1 + random() % most_rows;
    const std::size_t size = 16 * (1 + random() % 5);
    Room queries(size * panel.lanes);
    for (std::size_t e = 0; e < size; ++e)
      put_pairs(queries.data() + e * panel.lanes + panel.first, panel.count, random);
    Room keys(rows * size);
    put_pairs(keys.data(), rows * size, random);
    // A key that is infinite, now and then: rows without a number, and infinite ones.
    if (random() % 4 == 0)
      keys.data()[random() % (rows * size)] = std::bit_cast<float>(0x7F800000U);
    Folded found(panel.lanes), want(panel.lanes);
    for (Folded* of : {&found, &want})
      for (std::size_t lane = panel.first; lane < panel.first + panel.count; ++lane) {
        of->maximum.data()[lane] =
            lane % 2 == 0 ? -std::numeric_limits<float>::infinity() : static_cast<float>(lane);
        of->sum.data()[lane] = lane % 2 == 0 ? 0 : 2.5F;
      }
    Ahead ahead;
    const std::size_t at = panel.first;
    pairs.attend(queries.data() + at, keys.data(), size, rows, size, panel.lanes, panel.count,
                 found.maximum.data() + at, found.sum.data() + at, found.factor.data() + at,
                 found.weights.data() + at);
    Room tile(most_rows * panel.lanes);
    pairs.products.scores(queries.data() + at, keys.data(), size, rows, size, panel.lanes,
                          panel.count, tile.data() + at, ahead);
    pairs.softmax(tile.data() + at, rows, panel.lanes, panel.count, want.maximum.data() + at,
                  want.sum.data() + at, want.factor.data() + at, want.weights.data() + at);
    INFO(rows << " keys of " << size << " pairs, " << panel.count << " lanes of " << panel.lanes);
    CHECK(found.maximum == want.maximum);
    CHECK(found.sum == want.sum);
    CHECK(found.factor == want.factor);
    CHECK(found.weights == want.weights);
  }
  CHECK(machine.faults().empty());
}

Reading reading(const std::vector<std::uint16_t>& rows) {
  const auto* at = reinterpret_cast<const char*>(rows.data());
  return {at, rows.size() * sizeof rows[0], at, 0, 4096, 0};
}

// Rows of small whole numbers as the caller has them.
std::vector<std::uint16_t> some_rows(std::size_t count, std::mt19937& random) {
  std::vector<std::uint16_t> out(count);
  for (auto& number : out) number = static_cast<std::uint16_t>(whole(random));
  return out;
}

TEST_CASE("scores of a few queries by tiles are those of AVX-512 BF16, bit for bit") {
  const StandIn machine;
  if (!machine.has(Isa::amx_bf16)) SKIP("no AMX, or a CPU without AVX-512 BF16");
  std::mt19937 random(6);
  for (int i = 0; i < 80; ++i) {
    const std::size_t count = 1 + random() % most_few;
    const std::size_t rows = 1 + random() % usual_few_rows;
    const std::size_t size = 1 + random() % (i % 8 == 0 ? 1300 : 200);
    const std::size_t stride = (size + 31) / 32 * 16;
    // 1, whose steps change nothing; or no power of two at all, so that keys are scaled plainly.
    const KeyScale scale(random() % 3 == 0 ? -1.0F : 1.0F);
    const auto queries = some_rows(count * size, random);
    auto keys = some_rows(rows * size, random);
    if (random() % 4 == 0) keys[random() % keys.size()] = 0x7F80;
    Room found(most_few * few_tile_stride), want(most_few * few_tile_stride);
    const auto run = [&](const TileOps& ops, Room& tile) {
      Room scaled(most_few * stride);
      ops.pairs->scale_few(queries.data(), count, size, scale, scaled.data(), stride);
      if (ops.pairs->few_begin != nullptr) ops.pairs->few_begin(count);
      Reading of_keys = reading(keys);
      ops.pairs->products.few_scores(scaled.data(), stride, count, keys.data(), rows, size, scale,
                                     tile.data(), of_keys);
      if (ops.pairs->few_end != nullptr) ops.pairs->few_end(count);
    };
    run(tile_ops_amxbf16(), found);
    run(tile_ops_avx512bf16(), want);
    INFO(rows << " keys of " << size << ", " << count << " queries, by steps " << scale.by_steps);
    bool same = true;
    for (std::size_t r = 0; r < count; ++r)
      same = same && std::memcmp(found.data() + r * few_tile_stride,
                                 want.data() + r * few_tile_stride, rows * sizeof(float)) == 0;
    CHECK(same);
  }
  CHECK(machine.faults().empty());
}

TEST_CASE("values weighed for a few queries by tiles are those of AVX-512 BF16, bit for bit") {
  const StandIn machine;
  if (!machine.has(Isa::amx_bf16)) SKIP("no AMX, or a CPU without AVX-512 BF16");
  std::mt19937 random(7);
  for (int i = 0; i < 80; ++i) {
    const std::size_t count = 1 + random() % most_few;
    const std::size_t rows = 1 + random() % usual_few_rows;
    const std::size_t size = 1 + random() % (i % 8 == 0 ? 1300 : 200);
    const std::size_t stride = (size + 15) / 16 * 16;
    Room tile(most_few * few_tile_stride);
    for (std::size_t r = 0; r < count; ++r) {
      put_numbers(tile.data() + r * few_tile_stride, rows, random);
      // As the softmax leaves it.
      std::fill(tile.data() + r * few_tile_stride + rows,
                tile.data() + r * few_tile_stride + (rows + 15) / 16 * 16, 0.0F);
    }
    auto values = some_rows(rows * size, random);
    if (random() % 3 == 0) values[random() % values.size()] = random() % 2 == 0 ? 0x7FC0 : 0xFF80;
    std::vector<float> factor(count);
    for (float& one : factor) one = random() % 2 == 0 ? 1.0F : 0.5F;
    Room found(most_few * stride);
    std::fill_n(found.data(), most_few * stride, 0.0F);
    for (std::size_t r = 0; r < count; ++r) put_numbers(found.data() + r * stride, size, random);
    Room want(most_few * stride);
    std::memcpy(want.data(), found.data(), most_few * stride * sizeof(float));
    const auto run = [&](const TileOps& ops, Room& out) {
      if (ops.pairs->few_begin != nullptr) ops.pairs->few_begin(count);
      Reading of_values = reading(values);
      ops.pairs->products.few_weigh(tile.data(), rows, values.data(), size, count, factor.data(),
                                    out.data(), stride, of_values);
      if (ops.pairs->few_end != nullptr) ops.pairs->few_end(count);
    };
    run(tile_ops_amxbf16(), found);
    run(tile_ops_avx512bf16(), want);
    INFO(rows << " keys of " << size << ", " << count << " queries");
    bool same = true;
    for (std::size_t r = 0; r < count; ++r)
      for (std::size_t e = 0; e < size; ++e) {
        const float a = found.data()[r * stride + e];
        const float b = want.data()[r * stride + e];
        same = same && (a == b || (std::isnan(a) && std::isnan(b)));
      }
    CHECK(same);
  }
  CHECK(machine.faults().empty());
}

}  // namespace
}  // namespace onnxpack::kernels::flex
#endif
