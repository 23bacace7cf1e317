#include "onnxpack/crypto/digest.h"

#include <catch2/catch_test_macros.hpp>
#include <unordered_set>

#include "onnxpack/crypto/crc32.h"
#include "onnxpack/io/memory_file_system.h"

namespace onnxpack::crypto {
namespace {

TEST_CASE("the digests and checksums of the standards") {
  CHECK(sha256("").hex() == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  CHECK(sha256("abc").hex() == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  CHECK(crc32(as_bytes("123456789")) == 0xCBF43926);
  CHECK(crc32({}) == 0);
  CHECK(crc32({}, 0xCBF43926) == 0xCBF43926);
  CHECK(crc32(as_bytes("6789"), crc32(as_bytes("12345"))) == 0xCBF43926);
}

TEST_CASE("a digest goes to text and back, and no other text is one") {
  Digest digest = sha256("abc");
  auto back = Digest::from_hex(digest.hex());
  REQUIRE(back);
  CHECK(*back == digest);
  for (std::string bad :
       {std::string(), std::string(63, '0'), std::string(65, '0'), std::string(64, 'g'),
        std::string(64, 'A'), std::string(63, '0') + "\n"}) {
    auto refused = Digest::from_hex(bad);
    REQUIRE(!refused);
    CHECK(refused.error().kind() == ErrorKind::corrupt);
    CHECK(refused.error().message().ends_with(
        "is no SHA-256 digest; expected 64 lower-case hex digits"));
  }
}

TEST_CASE("digests order as their texts do") {
  std::vector<Digest> digests;
  for (int i = 0; i < 50; ++i) digests.push_back(sha256(std::to_string(i)));
  for (const Digest& a : digests) {
    for (const Digest& b : digests) {
      CHECK((a < b) == (a.hex() < b.hex()));
      CHECK((a == b) == (a.hex() == b.hex()));
    }
  }
  CHECK(std::unordered_set<Digest>(digests.begin(), digests.end()).size() == 50);
}

TEST_CASE("digest lists as bytes") {
  std::vector<Digest> digests = {sha256("a"), sha256("b"), Digest()};
  Bytes packed = pack_digests(digests);
  CHECK(packed.size() == 96);
  CHECK(*unpack_digests(packed) == digests);
  CHECK(unpack_digests({})->empty());
  packed.pop_back();
  auto refused = unpack_digests(packed);
  REQUIRE(!refused);
  CHECK(refused.error().message() == "a digest list has 95 bytes; expected a multiple of 32");
}

TEST_CASE("pieces make the digest of the whole, and finish starts anew") {
  std::string text(100000, 'x');
  Sha256 hasher;
  for (std::size_t at = 0; at < text.size(); at += 777)
    hasher.update(as_bytes(text).subspan(at, std::min<std::size_t>(777, text.size() - at)));
  CHECK(hasher.finish() == sha256(text));
  CHECK(hasher.finish() == sha256(""));
}

TEST_CASE("a file's range") {
  io::MemoryFileSystem disk;
  std::string text(3000000, 'y');
  text += "tail";
  disk.put("/f", as_bytes(text));
  auto file = *disk.open("/f");
  CHECK(*sha256_file(*file) == sha256(text));
  CHECK(*sha256_file(*file, 3000000, 4) == sha256("tail"));
  CHECK(*sha256_file(*file, 5, 0) == sha256(""));
  CHECK(sha256_file(*file, 3000000, 5).error().kind() == ErrorKind::corrupt);
  CancelFlag cancel;
  cancel.set();
  CHECK(sha256_file(*file, &cancel).error().kind() == ErrorKind::cancelled);
}

}  // namespace
}  // namespace onnxpack::crypto
