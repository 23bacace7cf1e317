// Memory that threads keep for workers.
#include <algorithm>
#include <cstdint>
#include <cstring>
#include <random>
#include <thread>
#include <vector>

#include <catch2/catch_test_macros.hpp>

#include "flex_attention/room.h"

namespace onnxpack::kernels::flex {
namespace {

struct Taken {
  std::byte* at;
  std::size_t bytes;
  unsigned char mark;
};

bool whole(const Taken& taken) {
  for (std::size_t i = 0; i < taken.bytes; ++i) {
    if (taken.at[i] != std::byte{taken.mark}) return false;
  }
  return true;
}

// Rooms within rooms, each writing all it took: what an outer one took must outlive the inner ones.
// False where something was overwritten or lies askew; Catch2's own checks are for one thread.
bool nest(int depth, std::mt19937& random, std::vector<Taken>& all) {
  Room room;
  const std::size_t outer = all.size();
  bool good = true;
  for (int i = 0; i < 4; ++i) {
    const std::size_t bytes = random() % 5 == 0 ? 0 : random() % (std::size_t{1} << 18);
    all.push_back({room.take(bytes), bytes, static_cast<unsigned char>(random())});
    good &= reinterpret_cast<std::uintptr_t>(all.back().at) % 64 == 0;
    if (bytes > 0) std::memset(all.back().at, all.back().mark, bytes);
    if (depth > 0 && random() % 2 == 0) good &= nest(depth - 1, random, all);
  }
  good &= std::ranges::all_of(all, whole);
  all.resize(outer);
  return good;
}

TEST_CASE("what rooms of a thread give does not overlap, within one another and from call to call",
          "[room]") {
  std::vector<std::jthread> threads;
  std::vector<int> done(3);
  for (unsigned seed = 0; seed < done.size(); ++seed) {
    threads.emplace_back([&, seed] {
      std::mt19937 random(seed);
      std::vector<Taken> all;
      bool good = true;
      for (int call = 0; call < 20; ++call) good &= nest(2, random, all);
      done[seed] = good ? 1 : 0;
    });
  }
  threads.clear();
  CHECK(done == std::vector<int>(3, 1));
}

TEST_CASE("more than a thread keeps is there for the call that wants it", "[room]") {
  for (int call = 0; call < 3; ++call) {
    Room room;
    for (int i = 0; i < 3; ++i) std::memset(room.take(Room::most_kept), call, Room::most_kept);
  }
}

}  // namespace
}  // namespace onnxpack::kernels::flex
