#include <catch2/catch_test_macros.hpp>

#include <atomic>

#include "helpers.h"

namespace onnxpack::archive::test {
namespace {

// Counts what is read, and refuses reads outside of the file.
class CountingFile final : public io::ReadableFile {
 public:
  explicit CountingFile(Bytes content) : file_(std::move(content)) {}
  std::uint64_t size() const override { return file_.size(); }
  const io::fs::path& path() const override { return file_.path(); }
  Status read_at(std::uint64_t offset, std::span<std::byte> out) const override {
    ++reads;
    bytes += out.size();
    return file_.read_at(offset, out);
  }
  mutable std::atomic<std::uint64_t> reads = 0;
  mutable std::atomic<std::uint64_t> bytes = 0;

 private:
  BufferFile file_;
};

TEST_CASE("one read of the tail is enough to open and to read the last members") {
  auto file = pack({{"weights", random_bytes(3 << 20, 1)},
                    {"layout.json", to_bytes("{}")},
                    {"manifest.json", to_bytes("{ }")}});
  REQUIRE(file);
  auto counting = std::make_shared<CountingFile>(*file);
  auto reader = ArchiveReader::open(counting);
  REQUIRE(reader);
  CHECK(*reader->read("manifest.json", 100) == to_bytes("{ }"));
  CHECK(*reader->read("layout.json", 100) == to_bytes("{}"));
  CHECK(counting->reads == 1);
  CHECK(counting->bytes == tail_size);
}

TEST_CASE("a central directory longer than the tail costs one read more") {
  std::vector<Content> contents;
  for (int i = 0; i < 3000; ++i)
    contents.push_back({fmt::format("attachments/{}/{:05}", std::string(100, 'x'), i), {}});
  auto file = pack(contents);
  REQUIRE(file);
  auto counting = std::make_shared<CountingFile>(*file);
  auto reader = ArchiveReader::open(counting);
  REQUIRE(reader);
  CHECK(counting->reads == 2);
  CHECK(reader->entries().size() == 3000);
  CHECK((read_fully(*file).contents == contents));
}

TEST_CASE("an entry opens as a file of its own") {
  Bytes weights = random_bytes(100000, 1);
  auto file = pack({{"a", to_bytes("x")}, {"dir/weights", weights}});
  REQUIRE(file);
  auto reader = open(*file);
  REQUIRE(reader);
  auto entry = reader->open_entry(*reader->find("dir/weights"));
  REQUIRE(entry);
  CHECK((*entry)->size() == weights.size());
  CHECK((*entry)->path() == "buffer/dir/weights");
  CHECK(!(*entry)->descriptor());
  CHECK((*(*entry)->read(0, weights.size()) == weights));
  CHECK(*(*entry)->read(99990, 10) == Bytes(weights.end() - 10, weights.end()));
  // The package's next bytes are not the member's.
  std::array<std::byte, 11> beyond;
  auto refused = (*entry)->read_at(99990, beyond);
  REQUIRE(!refused);
  CHECK(refused.error().kind() == ErrorKind::corrupt);
  CHECK(!(*entry)->read_at(~std::uint64_t{0}, beyond));
}

TEST_CASE("read keeps to its limit and names what is missing") {
  auto file = pack({{"a", to_bytes("12345")}});
  REQUIRE(file);
  auto reader = open(*file);
  REQUIRE(reader);
  auto limited = reader->read("a", 4);
  REQUIRE(!limited);
  CHECK(limited.error().message() == "a: has 5 bytes; the limit for it is 4");
  auto missing = reader->read("b", 4);
  REQUIRE(!missing);
  CHECK(missing.error().message() == "no member 'b'");
  CHECK(reader->find("A") == nullptr);
  CHECK(reader->find("") == nullptr);
}

TEST_CASE("one entry's local header is checked when that entry is used, and no other's") {
  auto file = pack({{"first", to_bytes("12345")}, {"second", to_bytes("67890")}});
  REQUIRE(file);
  (*file)[10] = std::byte{1};  // the first one's time
  auto reader = open(*file);
  REQUIRE(reader);
  CHECK(reader->read("second", 10));
  CHECK(reader->open_entry(*reader->find("second")));
  CHECK(!reader->read("first", 10));
  CHECK(!reader->open_entry(*reader->find("first")));
  CHECK(!reader->hash(*reader->find("first")));
  CHECK(!reader->check_local_headers());
}

TEST_CASE("hashing a damaged member names its CRC") {
  auto file = pack({{"m", to_bytes("12345")}});
  REQUIRE(file);
  (*file)[64] ^= std::byte{1};
  auto reader = open(*file);
  REQUIRE(reader);
  auto hashed = reader->hash(reader->entries()[0]);
  REQUIRE(!hashed);
  CHECK(hashed.error().kind() == ErrorKind::corrupt);
  CHECK(hashed.error().message().starts_with("m: its bytes have the CRC-32 0x"));
}

TEST_CASE("a foreign zip gets a hint") {
  auto file = pack({{"m", to_bytes("12345")}});
  REQUIRE(file);
  Bytes commented = *file;
  commented[commented.size() - 2] = std::byte{2};
  append(commented, "hi");
  auto reader = open(commented);
  REQUIRE(!reader);
  CHECK(reader.error().kind() == ErrorKind::unsupported);
  CHECK(reader.error().hint() ==
        "other zip tools write another form of zip; use the file as onnx-pack wrote it");
}

}  // namespace
}  // namespace onnxpack::archive::test
