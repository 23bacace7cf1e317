// The two products by tiles against those of AVX-512 BF16. Numbers are small and whole, so that
// every order of summing gives the same bits; what does not belong to an operand is NaN, and what
// does not belong to a result must stay as it was.
#include <catch2/catch_test_macros.hpp>

#if defined(__x86_64__)
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
    const std::size_t rows = 1 + random() % (most_rows / 2);
    const std::size_t size = 1 + random() % 80;
    const std::size_t stride = size + random() % 3;
    Room tile(most_rows / 2 * panel.lanes);
    for (std::size_t k = 0; k < rows; ++k)
      put_pairs(tile.data() + k * panel.lanes + panel.first, panel.count, random);
    Room values(rows * stride);
    for (std::size_t k = 0; k < rows; ++k) put_pairs(values.data() + k * stride, size, random);
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
      ops.pairs->products.weigh(tile.data() + panel.first, rows, values.data(), stride, size,
                                panel.lanes, panel.count, factor.data() + panel.first,
                                out.data() + panel.first, ahead);
    };
    run(tile_ops_amxbf16(), found);
    run(tile_ops_avx512bf16(), want);
    INFO(rows << " pairs of " << size << ", " << panel.count << " lanes of " << panel.lanes);
    CHECK(found == want);
  }
  CHECK(machine.faults().empty());
  CHECK((machine.executed() > 0) == machine.emulates());
}

}  // namespace
}  // namespace onnxpack::kernels::flex
#endif
