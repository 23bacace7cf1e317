// In which order decode asks memory for lines.
#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <random>
#include <vector>

#include "flex_attention/tile_ops.h"

namespace onnxpack::kernels::flex {
namespace {

// Keys and values of a head: how often each line of both was asked for, of memory.
struct Head {
  Head(std::size_t k_bytes, std::size_t v_bytes) : k(k_bytes, 0), v(v_bytes, 0) {
    for (auto* lines : {&k, &v}) asked.emplace_back(lines->size() / 64, 0);
  }
  void ask(const char* at) {
    const std::vector<char>* of[] = {&k, &v};
    for (std::size_t i = 0; i < 2; ++i) {
      const auto offset =
          reinterpret_cast<std::uintptr_t>(at) - reinterpret_cast<std::uintptr_t>(of[i]->data());
      if (offset < of[i]->size()) ++asked[i][offset / 64];
    }
  }
  std::vector<char> k, v;
  std::vector<std::vector<int>> asked;
};

// Where memory is asked when `done` bytes have been read.
const char* asked_at(const Reading& reading, std::size_t done) {
  if (reading.way == Lookahead::one_stage) return reading.ahead<OneStage>(done).near;
  const auto stages = reading.ahead<TwoStages>(done);
  return stages.near + stages.farther;
}

// As a loop reads it, `step` bytes at a time, each line with a question.
void read(Head& head, const Reading& reading, std::size_t step) {
  for (std::size_t done = 0; done < reading.bytes; done += step) {
    const char* from = asked_at(reading, done);
    for (std::size_t at = 0; at < std::min(step, reading.bytes - done); at += 64)
      head.ask(from + at);
  }
}

TEST_CASE("decode asks for every line of K and V in time, about once") {
  std::mt19937 random(1);
  for (int i = 0; i < 50; ++i) {
    const std::size_t row = 64 * (2 + random() % 7);
    const std::size_t tile = row * most_rows * (1 + random() % 4);
    const std::size_t step = row * 8;
    const std::size_t tiles = 8;
    const std::size_t queries = 1 + random() % 8;
    const Lookahead way = asking_way(static_cast<Lookahead>(random() % 3), queries);
    const std::size_t far = distances(way, queries).far;
    // Lines asked for between keys and values.
    const std::size_t beside = Reading{.way = way}.asks_beside() ? random() % (tile / 64 / 4) : 0;
    Head head(tiles * tile, tiles * tile);
    std::size_t lead = 0;
    for (std::size_t t = 0; t < tiles; ++t) {
      const char* k = head.k.data() + t * tile;
      const char* v = head.v.data() + t * tile;
      const Reading keys = Reading::of_keys({k, k + tile}, v, way, queries, lead);
      read(head, keys, step);
      Reading values = Reading::of_values({v, v + tile}, k + tile, keys);
      for (std::size_t line = 0; line < beside; ++line) head.ask(values.another_first());
      read(head, values, step);
      lead = values.lead_left();
    }
    INFO("rows of " << row << ", tiles of " << tile << ", " << beside << " lines beside, " << far);
    // All but what was read before anything was asked for; at the seams a loop goes on where it is
    // until it looks again.
    const std::size_t seam = step / 64;
    std::size_t missing = 0;
    std::size_t twice = 0;
    for (const auto& lines : head.asked)
      for (const int count : lines) {
        missing += count == 0 ? 1 : 0;
        twice += count > 1 ? 1 : 0;
      }
    CHECK(missing <= far / 64 + 2 * tiles * seam);
    // The keys' loop asks again for as many as were asked for beside the one before.
    CHECK(twice <= 3 * tiles * seam + tiles * beside);
  }
}

TEST_CASE("in two stages the second cache is asked first") {
  for (std::size_t queries = 1; queries <= most_few; ++queries) {
    CHECK(asking_way(Lookahead::one_stage, queries) == Lookahead::one_stage);
    CHECK(asking_way(Lookahead::two_stages, queries) == Lookahead::two_stages);
    CHECK(asking_way(Lookahead::in_order, queries) ==
          (queries > 2 ? Lookahead::two_stages : Lookahead::one_stage));
    const Distances one = distances(Lookahead::one_stage, queries);
    CHECK(one.near > 0);
    CHECK(one.near == one.far);
    const Distances two = distances(Lookahead::two_stages, queries);
    CHECK(two.near > 0);
    CHECK(two.near < two.far);
    CHECK(distances(Lookahead::in_order, queries).near == 0);
  }
  CHECK_FALSE(Reading{.way = Lookahead::one_stage}.asks_beside());
  CHECK(Reading{.way = Lookahead::two_stages}.asks_beside());
  CHECK(Reading{.way = Lookahead::in_order}.asks_beside());
}

TEST_CASE("what was asked for beside the softmax counts in two stages alone") {
  const std::vector<char> at(1 << 16);
  const Ahead all{at.data(), at.data() + at.size()};
  for (const Lookahead way : {Lookahead::one_stage, Lookahead::two_stages, Lookahead::in_order}) {
    const std::size_t usual = distances(way, 4).far;
    const bool counts = way == Lookahead::two_stages;
    const Reading keys = Reading::of_keys(all, nullptr, way, 4, 65536);
    CHECK(keys.lead == (counts ? 65536 : usual));
    CHECK(keys.far == usual);
    CHECK(Reading::of_keys(all, nullptr, way, 4, 0).lead == usual);
    Reading values = Reading::of_values(all, nullptr, keys);
    CHECK(values.lead == usual);
    static_cast<void>(values.another_first());
    CHECK(values.lead_left() == (counts ? usual + 64 : 0));
  }
}

TEST_CASE("how far ahead decode asks falls evenly to what is usual") {
  const std::vector<char> at(1 << 16);
  Reading reading{at.data(), 1 << 15, at.data() + (1 << 15), 4096, 20480, 12288};
  const auto second = [&](std::size_t done) { return asked_at(reading, done) - at.data(); };
  CHECK(second(0) == 20480);
  CHECK(second(1 << 14) == (1 << 14) + 16384);
  CHECK(second(1 << 15) == (1 << 15) + 12288);
  CHECK(reading.ahead<TwoStages>(1 << 14).near - at.data() == (1 << 14) + 4096);
  CHECK(reading.from(1 << 14).lead == 16384);
  CHECK(reading.another_first() - at.data() == 20480);
  CHECK(reading.another_last() - at.data() == (1 << 15) + 12288 + 64);
  CHECK(reading.another_first() - at.data() == 20480 + 128);
  CHECK(reading.far == 12288 + 192);
  // In one stage nothing falls.
  reading.way = Lookahead::one_stage;
  CHECK(asked_at(reading, 1 << 14) - at.data() == (1 << 14) + 4096);
}

}  // namespace
}  // namespace onnxpack::kernels::flex
