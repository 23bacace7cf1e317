#include "onnxpack/base/bytes.h"

#include <catch2/catch_test_macros.hpp>
#include <limits>

#include "onnxpack/base/checked.h"

using namespace onnxpack;

TEST_CASE("a byte reader never reads past its end and does not move on failure", "[bytes]") {
  Bytes bytes;
  append_le<std::uint16_t>(bytes, 0x0102);
  append_le<std::uint32_t>(bytes, 0xA0B0C0D0);
  append(bytes, "xy");
  ByteReader reader(bytes);
  CHECK(reader.read_le<std::uint16_t>() == 0x0102);
  CHECK(reader.read_le<std::uint32_t>() == 0xA0B0C0D0);
  auto too_much = reader.read_le<std::uint64_t>();
  REQUIRE_FALSE(too_much);
  CHECK(too_much.error().kind() == ErrorKind::corrupt);
  CHECK(too_much.error().message() == "truncated: need 8 bytes at offset 6, have 2");
  CHECK(reader.position() == 6);
  auto rest = reader.take(2);
  REQUIRE(rest);
  CHECK(as_text(*rest) == "xy");
  CHECK(reader.at_end());
  CHECK(reader.skip(0).has_value());
  CHECK_FALSE(reader.skip(1).has_value());
}

TEST_CASE("foreign numbers cannot wrap", "[checked]") {
  constexpr auto most = std::numeric_limits<std::uint64_t>::max();
  CHECK(checked_add<std::uint64_t>(most, 0) == most);
  CHECK_FALSE(checked_add<std::uint64_t>(most, 1));
  CHECK_FALSE(checked_mul<std::uint64_t>(most / 2 + 1, 2));
  CHECK(checked_mul<std::uint64_t>(0, most) == 0U);
  CHECK(range_within(0, 0, 0));
  CHECK(range_within(5, 5, 10));
  CHECK_FALSE(range_within(5, 6, 10));
  CHECK_FALSE(range_within(11, 0, 10));
  CHECK_FALSE(range_within(1, most, most));
  CHECK(checked_cast<std::uint32_t>(std::uint64_t{1} << 31) == 0x80000000U);
  CHECK_FALSE(checked_cast<std::uint32_t>(std::uint64_t{1} << 32));
  CHECK_FALSE(checked_cast<std::uint64_t>(-1));
  CHECK(checked_align_up(0, 64) == 0U);
  CHECK(checked_align_up(1, 64) == 64U);
  CHECK(checked_align_up(64, 64) == 64U);
  CHECK_FALSE(checked_align_up(most - 3, 64));
}
