#include "onnxpack/model/wire.h"

#include <catch2/catch_test_macros.hpp>
#include <random>

namespace onnxpack::model {
namespace {

Bytes raw(std::initializer_list<int> values) {
  Bytes out;
  for (int value : values) out.push_back(static_cast<std::byte>(value));
  return out;
}

// Walks to the end; the error, or an empty text.
std::string walk_error(ByteView bytes) {
  const ViewFile file(bytes);
  WireInput input(file);
  WireMessage message(input);
  while (true) {
    auto field = message.next();
    if (!field) return field.error().message();
    if (!*field) return {};
  }
}

std::vector<WireField> walk(ByteView bytes) {
  const ViewFile file(bytes);
  WireInput input(file);
  WireMessage message(input);
  std::vector<WireField> out;
  while (true) {
    auto field = message.next();
    REQUIRE(field);
    if (!*field) return out;
    out.push_back(**field);
  }
}

TEST_CASE("varints have the width that they say") {
  for (int shift = 0; shift < 64; ++shift) {
    for (const std::uint64_t delta : {std::uint64_t{0}, std::uint64_t{1}}) {
      const auto value = (std::uint64_t{1} << shift) - delta;
      Bytes out;
      append_varint(out, value);
      CHECK(out.size() == varint_width(value));
      append_varint_field(out, 3, value);
      const auto fields = walk(ByteView(out).subspan(varint_width(value)));
      REQUIRE(fields.size() == 1);
      CHECK(fields[0].value == value);
      CHECK(fields[0].minimal);
    }
  }
}

TEST_CASE("longer varints than needed are read and noticed") {
  Bytes out;
  append_tag(out, 7, WireType::bytes);
  append_varint(out, 2, 4);
  append(out, "ab");
  append_varint(out, 9 << 3, 3);  // the tag itself
  append_varint(out, 5);
  const auto fields = walk(out);
  REQUIRE(fields.size() == 2);
  CHECK_FALSE(fields[0].minimal);
  CHECK(fields[0].length_width == 4);
  CHECK(fields[0].length_offset() == 1);
  CHECK(fields[0].size == 2);
  CHECK_FALSE(fields[1].minimal);
  CHECK(fields[1].number == 9);
}

TEST_CASE("groups are one field, nested ones included") {
  // 1: group { 2: 5  3: group { } }  4: 1
  const auto fields = walk(raw({0x0B, 0x10, 5, 0x1B, 0x1C, 0x0C, 0x20, 1}));
  REQUIRE(fields.size() == 2);
  CHECK(fields[0].type == WireType::group);
  CHECK(fields[0].end() == 6);
  CHECK(fields[1].number == 4);
}

TEST_CASE("broken bytes are errors that say where") {
  CHECK(walk_error(raw({0x0A, 5, 1})) ==
        "broken protobuf: field 1 at offset 0 says 5 bytes, 1 are left");
  CHECK(walk_error(raw({0x08, 1, 0x08, 0x80})) ==
        "broken protobuf: number at offset 3 is cut off at offset 4");
  CHECK(walk_error(raw({0x00, 1})) == "broken protobuf: field number 0 at offset 0 is not allowed");
  CHECK(walk_error(raw({0x0E})) == "broken protobuf: field 1 at offset 0 has unknown wire type 6");
  CHECK(walk_error(raw({0x0C})) ==
        "broken protobuf: end of group 1 at offset 0 without a beginning");
  CHECK(walk_error(raw({0x0B, 0x08, 1})) == "broken protobuf: group 1 at offset 1 does not end");
  CHECK(walk_error(raw({0x0B, 0x14})) == "broken protobuf: group 1 at offset 1 does not end");
  CHECK(walk_error(raw({0x09, 1, 2})) ==
        "broken protobuf: field 1 at offset 0 is cut off at offset 3");
  CHECK(walk_error(Bytes(12, std::byte{0xFF})) ==
        "broken protobuf: number at offset 0 is longer than 5 bytes");
  CHECK(walk_error(Bytes(1000, std::byte{0x0B})) ==
        "broken protobuf: group 1 at offset 1 does not end");
}

TEST_CASE("messages nest to the limit and no further") {
  Bytes bytes;
  for (int i = 0; i < wire_depth_limit + 5; ++i) {
    Bytes outer;
    append_bytes_field(outer, 1, bytes);
    bytes = std::move(outer);
  }
  const ViewFile file(bytes);
  WireInput input(file);
  WireMessage message(input);
  int depth = 0;
  while (true) {
    auto field = message.next();
    REQUIRE(field);
    auto inside = message.enter(**field);
    if (!inside) {
      CHECK(inside.error().message().find("nested deeper than 100") != std::string::npos);
      break;
    }
    message = *inside;
    ++depth;
  }
  CHECK(depth == wire_depth_limit - 1);
}

TEST_CASE("packed and single numbers come the same way") {
  Bytes packed;
  for (std::uint64_t value : {1U, 300U, 70000U}) append_varint(packed, value);
  Bytes bytes;
  append_bytes_field(bytes, 5, packed);
  append_varint_field(bytes, 5, 9);
  const ViewFile file(bytes);
  WireInput input(file);
  WireMessage message(input);
  std::vector<std::uint64_t> found;
  while (true) {
    auto field = message.next();
    REQUIRE(field);
    if (!*field) break;
    REQUIRE(for_each_number(input, **field, 0, [&](std::uint64_t value) -> Status {
      found.push_back(value);
      return {};
    }));
  }
  CHECK(found == std::vector<std::uint64_t>{1, 300, 70000, 9});
}

// Counts what is read.
class CountingFile : public ViewFile {
 public:
  using ViewFile::ViewFile;
  Status read_at(std::uint64_t offset, std::span<std::byte> out) const override {
    read += out.size();
    return ViewFile::read_at(offset, out);
  }
  mutable std::uint64_t read = 0;
};

TEST_CASE("large fields are skipped, not read") {
  Bytes bytes;
  for (int i = 0; i < 10; ++i) {
    append_bytes_field(bytes, 1, Bytes(std::size_t{1} << 20, std::byte{7}));
    append_varint_field(bytes, 2, 1);
  }
  const CountingFile file(bytes);
  WireInput input(file);
  WireMessage message(input);
  std::size_t count = 0;
  while (true) {
    auto field = message.next();
    REQUIRE(field);
    if (!*field) break;
    ++count;
  }
  CHECK(count == 20);
  CHECK(file.read < 100'000);
}

TEST_CASE("random bytes never make the walk leave the message") {
  std::mt19937 random(7);
  for (int round = 0; round < 20'000; ++round) {
    Bytes bytes(random() % 64);
    for (auto& byte : bytes)
      byte = static_cast<std::byte>(random() % 2 == 0 ? random() : random() % 40);
    const ViewFile file(bytes);
    WireInput input(file);
    WireMessage message(input);
    std::uint64_t at = 0;
    while (true) {
      auto field = message.next();
      if (!field || !*field) break;
      REQUIRE((*field)->begin == at);
      REQUIRE((*field)->end() > at);
      at = (*field)->end();
      REQUIRE(at <= bytes.size());
    }
  }
}

}  // namespace
}  // namespace onnxpack::model
