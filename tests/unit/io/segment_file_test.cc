#include <catch2/catch_test_macros.hpp>

#include "onnxpack/io/segment_file.h"

namespace onnxpack::io {

TEST_CASE("segments read as one file, from anywhere") {
  Bytes whole;
  for (int i = 0; i < 100; ++i) whole.push_back(static_cast<std::byte>(i));
  auto inner = segment_file({ByteView(whole)}, "inner");
  ByteView view(whole);
  auto file = segment_file({view.first(10), FileRange{inner.get(), 10, 0}, view.subspan(10, 0),
                            FileRange{inner.get(), 10, 50}, view.subspan(60)},
                           "outer");
  REQUIRE(file->size() == 100);
  CHECK(file->path() == "outer");
  CHECK_FALSE(file->descriptor());
  for (std::uint64_t offset = 0; offset <= 100; ++offset) {
    for (std::uint64_t size = 0; size <= 100 - offset; ++size) {
      auto read = file->read(offset, size);
      REQUIRE(read);
      REQUIRE(std::ranges::equal(*read, view.subspan(offset, size)));
    }
  }
  std::byte room[2];
  auto beyond = file->read_at(99, room);
  REQUIRE_FALSE(beyond);
  CHECK(beyond.error().kind() == ErrorKind::corrupt);
  CHECK(beyond.error().message() == "outer: need 2 bytes at offset 99, have 1");
  CHECK(segment_file({}, "empty")->size() == 0);
  CHECK(segment_file({}, "empty")->read_at(0, {}));
}

}  // namespace onnxpack::io
