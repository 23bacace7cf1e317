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

// What a call takes, as addresses.
std::vector<std::byte*> call(const std::vector<std::size_t>& sizes) {
  Room room;
  std::vector<std::byte*> out;
  for (std::size_t size : sizes) out.push_back(room.take(size));
  for (std::size_t i = 0; i < sizes.size(); ++i) std::memset(out[i], 1, sizes[i]);
  return out;
}

TEST_CASE("a thread keeps what a call took for the next", "[room]") {
  if (!Room::keeps) SKIP("with AddressSanitizer nothing is kept");
  bool same = false;
  bool dense = false;
  std::jthread([&] {
    const std::vector<std::size_t> sizes = {100, 1 << 16, 7, 1 << 18};
    call(sizes);  // what it wants is known after the first
    const auto second = call(sizes);
    same = call(sizes) == second;
    dense = second[1] == second[0] + 128 && second[3] == second[2] + 64;
  }).join();
  CHECK(same);
  CHECK(dense);
}

TEST_CASE("what does not fit comes from the heap, and leaves the rest its place", "[room]") {
  if (!Room::keeps) SKIP("with AddressSanitizer nothing is kept");
  bool kept = false;
  std::jthread([&] {
    const std::vector<std::size_t> sizes = {2 * Room::most_kept, 1 << 16, Room::most_kept, 1 << 16};
    call(sizes);
    const auto taken = call(sizes);
    kept = taken[3] == taken[1] + (1 << 16);
  }).join();
  CHECK(kept);
}

}  // namespace
}  // namespace onnxpack::kernels::flex
