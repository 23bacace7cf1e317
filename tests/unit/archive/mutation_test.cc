// An archive has one form. So no change of a single byte, anywhere, may go unnoticed, and whatever
// is accepted must be what the writer makes of the members read.
#include <catch2/catch_test_macros.hpp>

#include "helpers.h"

namespace onnxpack::archive::test {
namespace {

Bytes sample() {
  auto file = pack({{"components/model/model.onnx", random_bytes(100, 1)},
                    {"attachments/größe.txt", to_bytes("large")},
                    {"empty", {}},
                    {"manifest.json", to_bytes("{}\n")}});
  REQUIRE(file);
  return *file;
}

TEST_CASE("every single-bit flip is refused") {
  const Bytes file = sample();
  REQUIRE(read_fully(file).stage == "accepted");
  for (std::size_t i = 0; i < file.size(); ++i) {
    for (unsigned bit = 0; bit < 8; ++bit) {
      Bytes damaged = file;
      damaged[i] ^= std::byte(1U << bit);
      INFO("byte " << i << " bit " << bit);
      REQUIRE(read_fully(std::move(damaged)).error);
    }
  }
}

TEST_CASE("every truncation is refused") {
  const Bytes file = sample();
  for (std::size_t size = 0; size < file.size(); ++size) {
    CAPTURE(size);
    REQUIRE(
        read_fully(Bytes(file.begin(), file.begin() + static_cast<std::ptrdiff_t>(size))).error);
    REQUIRE(read_fully(Bytes(file.end() - static_cast<std::ptrdiff_t>(size), file.end())).error);
  }
}

TEST_CASE("every inserted, removed and doubled byte is refused") {
  const Bytes file = sample();
  for (std::size_t i = 0; i < file.size(); ++i) {
    CAPTURE(i);
    auto at = static_cast<std::ptrdiff_t>(i);
    Bytes inserted = file;
    inserted.insert(inserted.begin() + at, std::byte{0});
    REQUIRE(read_fully(std::move(inserted)).error);
    Bytes doubled = file;
    doubled.insert(doubled.begin() + at, file[i]);
    REQUIRE(read_fully(std::move(doubled)).error);
    Bytes removed = file;
    removed.erase(removed.begin() + at);
    REQUIRE(read_fully(std::move(removed)).error);
  }
}

TEST_CASE("whatever random damage is accepted, packs to the same bytes again") {
  const Bytes file = sample();
  std::mt19937 random(11);
  for (int round = 0; round < 20000; ++round) {
    Bytes damaged = file;
    for (auto n = 1 + random() % 4; n > 0; --n) {
      // Numbers at their borders find more than random bytes do.
      constexpr std::uint8_t values[] = {0, 1, 0x7F, 0x80, 0xFE, 0xFF, 'P', '/'};
      std::size_t at = random() % damaged.size();
      for (std::size_t i = at; i < std::min(damaged.size(), at + 1 + random() % 8); ++i) {
        damaged[i] = std::byte(values[random() % std::size(values)]);
      }
    }
    Reading reading = read_fully(damaged);
    if (reading.error) continue;
    REQUIRE((*pack(reading.contents) == damaged));
  }
}

}  // namespace
}  // namespace onnxpack::archive::test
