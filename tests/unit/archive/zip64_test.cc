// At and around the numbers that 16 and 32 bits cannot hold, on files that are not really that
// large.
#include <catch2/catch_test_macros.hpp>

#include "helpers.h"
#include "layout.h"
#include "sparse_file.h"

namespace onnxpack::archive::test {
namespace {

constexpr std::uint64_t border = 0xFFFFFFFF;

struct Sparse {
  std::shared_ptr<SparseFile> file = std::make_shared<SparseFile>();
  ZeroFile zeros{~std::uint64_t{0}};

  Entry add_zeros(ArchiveWriter& writer, std::string_view name, std::uint64_t size) {
    auto entry = writer.add_known(name, zeros, 0, size, 0);
    REQUIRE(entry);
    return *entry;
  }
  ArchiveReader reopen() {
    auto reader = ArchiveReader::open(file);
    INFO((reader ? "" : reader.error().message()));
    REQUIRE(reader);
    REQUIRE(reader->check_local_headers());
    return *reader;
  }
};

TEST_CASE("sizes around 4 GiB") {
  for (std::uint64_t size : {border - 1, border, border + 1, std::uint64_t{1} << 40}) {
    CAPTURE(size);
    Sparse sparse;
    ArchiveWriter writer(*sparse.file);
    Entry big = sparse.add_zeros(writer, "big", size);
    auto last = writer.add("last", to_bytes("end"));
    REQUIRE(last);
    REQUIRE(writer.finish());
    ArchiveReader reader = sparse.reopen();
    CHECK(reader.entries()[0] == big);
    CHECK(big.offset == 4096);
    CHECK(reader.entries()[1] == last->entry);
    CHECK(*reader.read("last", 10) == to_bytes("end"));
  }
}

TEST_CASE("headers, directory and their ZIP64 forms around 4 GiB") {
  // Where the second member's header, and then the directory, starts.
  for (std::uint64_t start : {border - 200, border - 1, border, border + 1, border + 5000}) {
    for (bool second : {true, false}) {
      CAPTURE(start, second);
      Sparse sparse;
      ArchiveWriter writer(*sparse.file);
      sparse.add_zeros(writer, "big", start - 4096);
      if (second) REQUIRE(writer.add("second", to_bytes("2")));
      REQUIRE(writer.finish());
      ArchiveReader reader = sparse.reopen();
      REQUIRE(reader.entries().size() == (second ? 2U : 1U));
      if (second) CHECK(reader.entries()[1].header_offset == start);
      if (second) CHECK(*reader.read("second", 10) == to_bytes("2"));
      // ZIP64 where it is needed and nowhere else.
      bool wide = as_text(sparse.file->extents.rbegin()->second).find("PK\x06\x07") !=
                  std::string_view::npos;
      CHECK(wide == (start + (second ? 65 : 0) >= border));
    }
  }
}

TEST_CASE("numbers of members around 65535") {
  for (std::size_t count : {65534U, 65535U, 65536U}) {
    std::vector<Content> contents;
    for (std::size_t i = 0; i < count; ++i) contents.push_back({fmt::format("{}", i), {}});
    auto file = pack(contents);
    REQUIRE(file);
    auto reader = open(*file);
    REQUIRE(reader);
    CHECK(reader->entries().size() == count);
    CHECK(reader->check_local_headers());
    CHECK((as_text(*file).rfind("PK\x06\x07") != std::string_view::npos) == (count >= 65535));
  }
}

TEST_CASE("more members than the limit are refused by the writer") {
  Sparse sparse;
  ArchiveWriter writer(*sparse.file);
  for (std::uint64_t i = 0; i < max_entries; ++i) {
    if (!writer.add_known(fmt::format("{}", i), sparse.zeros, 0, 0, 0))
      FAIL("refused below the limit");
  }
  auto refused = writer.add_known("one more", sparse.zeros, 0, 0, 0);
  REQUIRE(!refused);
  CHECK(refused.error().kind() == ErrorKind::unsupported);
  writer.abandon();
}

TEST_CASE("damage in a needed ZIP64 structure is refused in its own words") {
  auto refusal = [](std::size_t extent_from_end, std::string_view find, std::ptrdiff_t distance,
                    std::uint8_t value) {
    Sparse sparse;
    ArchiveWriter writer(*sparse.file);
    sparse.add_zeros(writer, "big", border + 1);
    REQUIRE(writer.add("far", to_bytes("x")));
    REQUIRE(writer.finish());
    auto extent =
        std::prev(sparse.file->extents.end(), static_cast<std::ptrdiff_t>(extent_from_end));
    auto at = as_text(extent->second).find(find);
    REQUIRE(at != std::string_view::npos);
    extent->second[at + static_cast<std::size_t>(distance)] = std::byte{value};
    auto reader = ArchiveReader::open(sparse.file);
    if (!reader) return reader.error().message();
    auto checked = reader->check_local_headers();
    return checked ? std::string("accepted") : checked.error().message();
  };
  // Extents, from the end: directory and end records; "far"'s byte; its header; "big"'s header.
  CHECK(refusal(4, "big", 3 + 4, 1) ==
        "big: the ZIP64 sizes of its local header differ from the central directory's");
  CHECK(refusal(4, "big", 3 + 4 + 8, 1) ==
        "big: the ZIP64 sizes of its local header differ from the central directory's");
  CHECK(refusal(1, "big", 3 + 4, 1) ==
        "big: is stored, yet its stored size 4294967296 differs from its size 4294967297");
  CHECK(refusal(1, "far", 3 + 4 + 4, 0) ==
        "far: its offset is 4096 in a ZIP64 field, which is superfluous below 0xffffffff");
  CHECK(refusal(1, "far", 3, 2) ==
        "far: has the extra field 0x0002; only 0x0001 (ZIP64) is known here");
  CHECK(refusal(1, "PK\x06\x06", 48, 7).find("does not end where the end record starts") !=
        std::string::npos);
  CHECK(refusal(1, "PK\x06\x07", 0, 7) ==
        "a number of the end record is at its maximum, but there is no ZIP64 locator before it");
}

}  // namespace
}  // namespace onnxpack::archive::test
