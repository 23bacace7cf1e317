#include "onnxpack/crypto/content_hasher.h"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <algorithm>
#include <random>

#include "onnxpack/crypto/crc32.h"
#include "onnxpack/io/memory_file_system.h"

namespace onnxpack::crypto {
namespace {

Bytes random_bytes(std::size_t size) {
  std::mt19937_64 random(size);
  Bytes out(size + 8);
  for (std::size_t i = 0; i < size; i += 8) {
    auto word = random();
    std::memcpy(&out[i], &word, 8);
  }
  out.resize(size);
  return out;
}

// The plain way, one thing after the other.
ContentHashes expected(ByteView content) {
  ContentHashes out{
      .size = content.size(), .crc32 = crc32(content), .sha256 = sha256(content), .chunks = {}};
  for (std::size_t at = 0; at < content.size(); at += chunk_size) {
    out.chunks.push_back(sha256(content.subspan(at, std::min(chunk_size, content.size() - at))));
  }
  return out;
}

constexpr std::size_t border_sizes[] = {0,
                                        1,
                                        chunk_size - 1,
                                        chunk_size,
                                        chunk_size + 1,
                                        2 * chunk_size,
                                        3 * chunk_size - 1,
                                        ContentHasher::piece_size - 1,
                                        ContentHasher::piece_size,
                                        ContentHasher::piece_size + 1,
                                        2 * ContentHasher::piece_size,
                                        ContentHasher::buffers* ContentHasher::piece_size,
                                        17 * chunk_size + 17};

TEST_CASE("the pipeline agrees with the plain way around every chunk border, one object for all") {
  ContentHasher hasher(GENERATE(HashWith::best, HashWith::openssl));
  for (std::size_t size : border_sizes) {
    CAPTURE(size);
    Bytes content = random_bytes(size);
    hasher.update(content);
    CHECK(hasher.finish() == expected(content));
  }
}

TEST_CASE("a last block of every length, with its padding in one block or two") {
  const Bytes content = random_bytes(chunk_size + 130);
  ContentHasher hasher;
  for (std::size_t size = chunk_size + 1; size <= content.size(); ++size) {
    CAPTURE(size);
    hasher.update(ByteView(content).first(size));
    CHECK(hasher.finish() == expected(ByteView(content).first(size)));
  }
}

TEST_CASE("how the content is cut into pieces does not matter") {
  Bytes content = random_bytes(3 * chunk_size + 1000);
  ContentHashes whole = expected(content);
  std::mt19937 random(5);
  ContentHasher hasher;
  for (std::size_t largest : {std::size_t{1000}, std::size_t{100000}, 2 * chunk_size}) {
    for (ByteView rest = content; !rest.empty();) {
      std::size_t now = std::min<std::size_t>(rest.size(), random() % largest);
      hasher.update(rest.first(now));
      rest = rest.subspan(now);
    }
    CHECK(hasher.finish() == whole);
  }
}

TEST_CASE("committed bytes can be read until the next call") {
  Bytes content = random_bytes(20 * chunk_size + 5);
  ContentHasher hasher;
  Bytes seen;
  for (ByteView rest = content; !rest.empty();) {
    auto room = hasher.buffer();
    auto now = std::min(room.size(), rest.size());
    std::memcpy(room.data(), rest.data(), now);
    hasher.commit(now);
    append(seen, ByteView(room.first(now)));
    rest = rest.subspan(now);
  }
  CHECK((seen == content));
  CHECK(hasher.finish() == expected(content));
}

TEST_CASE("reset forgets, at any point, and destruction in flight is safe") {
  Bytes content = random_bytes(chunk_size + 7);
  for (std::size_t size : border_sizes) {
    ContentHasher hasher;
    hasher.update(random_bytes(size));
    hasher.reset();
    hasher.update(content);
    CHECK(hasher.finish() == expected(content));
    hasher.update(random_bytes(size));
  }
}

TEST_CASE("a file's range, with progress and an interrupt") {
  io::MemoryFileSystem disk;
  Bytes content = random_bytes(2 * chunk_size + 9);
  disk.put("/f", content);
  auto file = *disk.open("/f");
  std::vector<std::uint64_t> seen;
  auto hashes = hash_content(*file, 3, content.size() - 3, nullptr,
                             [&](std::uint64_t done) { seen.push_back(done); });
  REQUIRE(hashes);
  CHECK(*hashes == expected(ByteView(content).subspan(3)));
  REQUIRE(seen.size() == 2 * chunk_size / ContentHasher::piece_size + 1);
  CHECK(seen.front() == ContentHasher::piece_size);
  CHECK(std::ranges::is_sorted(seen));
  CHECK(seen.back() == content.size() - 3);
  CancelFlag cancel;
  auto stopped =
      hash_content(*file, 0, content.size(), &cancel, [&](std::uint64_t) { cancel.set(); });
  CHECK(stopped.error().kind() == ErrorKind::cancelled);
  CHECK(hash_content(*file, 0, content.size() + 1).error().kind() == ErrorKind::corrupt);
}

}  // namespace
}  // namespace onnxpack::crypto
