#include <catch2/catch_test_macros.hpp>

#include "helpers.h"
#include "onnxpack/extents/extent_map.h"

namespace onnxpack::extents::testing {
namespace {

constexpr std::uint64_t most = ~std::uint64_t{0};

// A good map of a member of 100 bytes: 40 of source 1, 20 of the residual, 30 of source 2 (a
// transposed matrix of 5 rows, 3 columns and 2 bytes), 10 of the residual.
std::vector<Extent> good() {
  return {{.size = 40, .offset = 8, .source = 1},
          {.size = 20, .offset = 0},
          {.size = 30,
           .offset = 0,
           .source = 2,
           .transformation = Transformation::transpose,
           .parameters = transpose_parameters({2, 5, 3})},
          {.size = 10, .offset = 20}};
}

Result<std::vector<Extent>> parsed(const std::vector<Extent>& extents, std::uint64_t residual = 30,
                                   std::uint64_t size = 100) {
  Bytes bytes = encode(extents);
  bytes.resize(bytes.size() + residual);
  const std::uint64_t sources[] = {48, 30};
  return parse(*file_of(std::move(bytes)), size, sources);
}

std::string error_of(const Result<std::vector<Extent>>& result) {
  return result ? "" : result.error().message();
}

// A good map with one extent changed.
template <typename Change>
std::string changed(std::size_t index, Change&& change) {
  auto extents = good();
  change(extents[index]);
  return error_of(parsed(extents));
}

}  // namespace

TEST_CASE("a map comes back as it was written") {
  auto back = parsed(good());
  REQUIRE(back);
  CHECK(*back == good());
  auto empty = parsed({}, 0, 0);
  REQUIRE(empty);
  CHECK(empty->empty());
}

TEST_CASE("each way for a map to be wrong has its own refusal") {
  CHECK(changed(0, [](Extent& e) { e.offset = 9; }) ==
        "extent 0: bytes 9 to 9+40 of source 1, which has 48");
  CHECK(
      changed(0, [](Extent& e) { e.offset = most; }) ==
      "extent 0: bytes 18446744073709551615 to 18446744073709551615+40 of source 1, which has 48");
  CHECK(changed(0, [](Extent& e) { e.source = 3; }) == "extent 0: source 3 of 2");
  CHECK(changed(0, [](Extent& e) { e.size = 39; }) == "extents give 99 bytes, the member has 100");
  CHECK(changed(0, [](Extent& e) { e.size = 0; }) == "extent 0: it is empty");
  CHECK(changed(0, [](Extent& e) { e.parameters = 1; }) ==
        "extent 0: a copy has no parameters, found 1");
  CHECK(changed(1, [](Extent& e) { e.offset = 1; }) ==
        "extent 1: the residual goes on at 0, found 1");
  CHECK(changed(3, [](Extent& e) { e.offset = 0; }) ==
        "extent 3: the residual goes on at 20, found 0");
  CHECK(changed(1, [](Extent& e) { e.size = most; }) ==
        "extent 1: it ends beyond the member, which has 100 bytes");
  CHECK(error_of(parsed(good(), 31)) == "extents use 30 bytes of the residual, which has 31");
  CHECK(error_of(parsed(good(), 29)) == "extent 3: 10 bytes at 20 of a residual of 29");
  CHECK(error_of(parsed(good(), 30, 99)) ==
        "extent 3: it ends beyond the member, which has 99 bytes");
  CHECK(error_of(parsed(good(), 30, 101)) == "extents give 100 bytes, the member has 101");
}

TEST_CASE("what is transposed must be a matrix") {
  auto with = [](std::uint64_t parameters) {
    return changed(2, [&](Extent& e) { e.parameters = parameters; });
  };
  CHECK(with(transpose_parameters({2, 3, 5})).empty());
  CHECK(with(transpose_parameters({1, 0, 15})).empty());
  CHECK(with(transpose_parameters({2, 0, 15})) ==
        "extent 2: 30 bytes are no matrix of 15 columns of 2 bytes");
  CHECK(with(transpose_parameters({2, 0, 1})) ==
        "extent 2: 30 bytes are no matrix of 1 columns of 2 bytes");
  CHECK(with(transpose_parameters({4, 0, 3})) ==
        "extent 2: 30 bytes are no matrix of 3 columns of 4 bytes");
  CHECK(with(transpose_parameters({2, 0, 0})) ==
        "extent 2: 30 bytes are no matrix of 0 columns of 2 bytes");
  CHECK(with(transpose_parameters({3, 0, 5})) == "extent 2: elements of 3 bytes");
  CHECK(with(transpose_parameters({0, 0, 5})) == "extent 2: elements of 0 bytes");
  CHECK(with(transpose_parameters({8, 0, std::uint64_t{1} << 55})) ==
        "extent 2: 30 bytes are no matrix of 36028797018963968 columns of 8 bytes");
  CHECK(changed(1, [](Extent& e) {
          e.transformation = Transformation::transpose;
          e.parameters = transpose_parameters({2, 5, 2});
        }) == "extent 1: only a member can be transposed");
}

TEST_CASE("a transformation of later times is not guessed") {
  auto extents = good();
  extents[0].transformation = static_cast<Transformation>(3);
  auto result = parsed(extents);
  REQUIRE_FALSE(result);
  CHECK(result.error().kind() == ErrorKind::unsupported);
  CHECK(result.error().message() == "extent 0: unknown transformation 3");
}

TEST_CASE("a map's own frame is checked before anything is believed") {
  auto frame = [](Bytes bytes) { return error_of(parse(*file_of(std::move(bytes)), 0, {})); };
  CHECK(frame({}) == "an extent map needs 16 bytes, found 0");
  Bytes bytes = encode({});
  CHECK(frame(bytes).empty());
  bytes[0] = std::byte{'x'};
  CHECK(frame(bytes) == "an extent map begins with \"extents1\", found \"xxtents1\"");
  bytes = encode({});
  bytes[8] = std::byte{1};
  CHECK(frame(bytes) == "1 extents need 48 bytes, found 16");
  for (std::size_t i = 8; i < 16; ++i) bytes[i] = std::byte{0xFF};
  CHECK(frame(bytes) == "18446744073709551615 extents are too many; the limit is 1048576");
}

TEST_CASE("every single flipped bit of a map is refused, or moves the bytes it stands for") {
  Bytes bytes = encode(good());
  bytes.resize(bytes.size() + 30);
  const std::uint64_t sources[] = {48, 30};
  for (std::size_t bit = 0; bit < encode(good()).size() * 8; ++bit) {
    Bytes damaged = bytes;
    damaged[bit / 8] ^= static_cast<std::byte>(1U << (bit % 8));
    auto result = parse(*file_of(std::move(damaged)), 100, sources);
    if (result) CHECK(*result != good());
  }
}

}  // namespace onnxpack::extents::testing
