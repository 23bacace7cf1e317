#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/generators/catch_generators_range.hpp>
#include <cstdint>
#include <string>
#include <vector>

#include "onnxpack/kernels/ternary/format.h"
#include "support.h"

using namespace onnxpack::kernels::ternary;
using onnxpack_test::random_trits;

namespace {

constexpr Format all_formats[] = {Format::u2, Format::t5r, Format::t5k, Format::u2r};
// Around every group, byte and padding boundary; odd ones first.
constexpr Shape shapes[] = {{1, 1},  {3, 5},   {5, 63},  {6, 65},   {7, 3},   {4, 4},
                            {5, 64}, {11, 10}, {20, 64}, {21, 129}, {1, 320}, {64, 2}};

std::vector<std::uint8_t> encoded(const Layout& layout, const std::vector<std::int8_t>& trits) {
  std::vector<std::uint8_t> bytes(layout.bytes, 0xEE);
  REQUIRE(encode(layout, trits, bytes).has_value());
  return bytes;
}

// The document's formulas, element by element, written without the library.
std::vector<std::uint8_t> by_the_book(Format format, Shape s, const std::vector<std::int8_t>& w) {
  const auto code = [&](std::size_t n, std::size_t k) {
    return n < s.rows && k < s.columns ? w[n * s.columns + k] + 1 : 1;
  };
  std::vector<std::uint8_t> out;
  const std::size_t stride = (s.columns + 63) / 64 * 64;
  if (format == Format::u2) {
    out.assign((s.rows * s.columns + 3) / 4, 0);
    for (std::size_t i = 0; i < w.size(); ++i)
      out[i / 4] = static_cast<std::uint8_t>(out[i / 4] + ((w[i] + 1) << (2 * (i % 4))));
  } else if (format == Format::t5k) {
    for (std::size_t n = 0; n < s.rows; ++n)
      for (std::size_t j = 0; j < (s.columns + 4) / 5; ++j) {
        int byte = 0, weight = 1;
        for (std::size_t i = 0; i < 5; ++i, weight *= 3) byte += code(n, 5 * j + i) * weight;
        out.push_back(static_cast<std::uint8_t>(byte));
      }
  } else {
    const int base = format == Format::t5r ? 3 : 4;
    const std::size_t height = format == Format::t5r ? 5 : 4;
    for (std::size_t g = 0; g < (s.rows + height - 1) / height; ++g)
      for (std::size_t k = 0; k < stride; ++k) {
        int byte = 0, weight = 1;
        for (std::size_t r = 0; r < height; ++r, weight *= base)
          byte += code(g * height + r, k) * weight;
        out.push_back(static_cast<std::uint8_t>(byte));
      }
  }
  return out;
}

}  // namespace

TEST_CASE("ternary: bytes are those of the document's formulas, and come back") {
  const Shape shape = GENERATE(from_range(shapes));
  const Format format = GENERATE(from_range(all_formats));
  const auto layout = layout_of(format, shape);
  REQUIRE(layout);
  const auto trits = random_trits(shape.rows * shape.columns, 7);
  const auto bytes = encoded(*layout, trits);
  CHECK(bytes == by_the_book(format, shape, trits));
  std::vector<std::int8_t> back(trits.size(), 99);
  REQUIRE(decode(*layout, bytes, back).has_value());
  CHECK(back == trits);
}

TEST_CASE("ternary: every form is a function of every other") {
  const Shape shape = GENERATE(from_range(shapes));
  const Format from = GENERATE(from_range(all_formats));
  const Format to = GENERATE(from_range(all_formats));
  const auto source = layout_of(from, shape);
  const auto target = layout_of(to, shape);
  const auto trits = random_trits(shape.rows * shape.columns, 11);
  std::vector<std::uint8_t> out(target->bytes);
  REQUIRE(transcode(*source, encoded(*source, trits), *target, out).has_value());
  CHECK(out == encoded(*target, trits));
}

TEST_CASE("ternary: any range of rows") {
  const Shape shape{23, 67};
  const Format format = GENERATE(from_range(all_formats));
  const auto layout = layout_of(format, shape);
  const auto trits = random_trits(shape.rows * shape.columns, 3);
  const auto bytes = encoded(*layout, trits);
  for (std::size_t first = 0; first < shape.rows; ++first)
    for (std::size_t count : {std::size_t{1}, std::size_t{4}, std::size_t{7}}) {
      if (first + count > shape.rows) continue;
      std::vector<std::int8_t> rows(count * shape.columns);
      decode_rows(*layout, bytes, first, count, rows);
      const auto begin = trits.begin() + static_cast<std::ptrdiff_t>(first * shape.columns);
      CHECK(rows ==
            std::vector<std::int8_t>(begin, begin + static_cast<std::ptrdiff_t>(rows.size())));
    }
}

TEST_CASE("ternary: a value that is not ternary is refused wherever it stands") {
  const Format format = GENERATE(from_range(all_formats));
  const Shape shape{6, 13};
  const auto layout = layout_of(format, shape);
  std::vector<std::uint8_t> bytes(layout->bytes);
  for (std::size_t at = 0; at < shape.rows * shape.columns; ++at)
    for (int value : {2, -2, 127, -128, 3}) {
      auto trits = random_trits(shape.rows * shape.columns, 5);
      trits[at] = static_cast<std::int8_t>(value);
      const auto status = encode(*layout, trits, bytes);
      REQUIRE_FALSE(status.has_value());
      CHECK(status.error() == Fault{FaultKind::not_ternary, at, value});
    }
}

TEST_CASE(
    "ternary: every byte value in every place is either decoded to its one meaning or refused") {
  const Format format = GENERATE(from_range(all_formats));
  const Shape shape{7, 66};
  const auto layout = layout_of(format, shape);
  const auto trits = random_trits(shape.rows * shape.columns, 1);
  const auto good = encoded(*layout, trits);
  std::vector<std::int8_t> back(trits.size());
  for (std::size_t at = 0; at < good.size(); ++at)
    for (int value = 0; value < 256; ++value) {
      auto bytes = good;
      bytes[at] = static_cast<std::uint8_t>(value);
      const auto status = decode(*layout, bytes, back);
      if (status) {
        if (encoded(*layout, back) != bytes) FAIL("two byte strings for one matrix");
      } else {
        if (status.error().offset != at || status.error().found != value)
          FAIL("blames another byte");
        decode_rows(*layout, bytes, 0, shape.rows, back);  // must not read or write astray
      }
    }
}

TEST_CASE("ternary: the 10:8 table") {
  CHECK(t5_table[121] == std::array<std::int8_t, 5>{0, 0, 0, 0, 0});
  CHECK(t5_table[0] == std::array<std::int8_t, 5>{-1, -1, -1, -1, -1});
  CHECK(t5_table[242] == std::array<std::int8_t, 5>{1, 1, 1, 1, 1});
  CHECK(t5_table[5] == std::array<std::int8_t, 5>{1, 0, -1, -1, -1});
  for (std::size_t byte = 243; byte < 256; ++byte) CHECK(t5_table[byte][0] == invalid_trit);
}

TEST_CASE("ternary: the document's test vectors") {
  const Shape shape{6, 5};
  const std::vector<std::int8_t> w = {-1, 0, 1,  0, -1, 1, 1,  1, 1, 1, 0, 0,  0, 0, 0,
                                      -1, 1, -1, 1, -1, 0, -1, 0, 1, 0, 1, -1, 0, 0, 1};
  const auto hex = [&](Format format) {
    std::string text;
    for (std::uint8_t byte : encoded(*layout_of(format, shape), w)) {
      constexpr char digits[] = "0123456789abcdef";
      text += digits[byte >> 4];
      text += digits[byte & 15];
    }
    return text;
  };
  CHECK(hex(Format::u2) == "64a85a1522914909");
  CHECK(hex(Format::t5k) == "30f2793c91c8");
  CHECK(hex(Format::t5r).substr(0, 14) == "604662e8607979");
  CHECK(hex(Format::t5r).substr(128, 14) == "7a7879797a7979");
}

TEST_CASE("ternary: sizes") {
  CHECK(layout_of(Format::t5r, {2560, 2560})->bytes == 512 * 2560);
  CHECK(layout_of(Format::t5r, {640, 2561})->bytes == 128 * 2624);
  CHECK(layout_of(Format::t5k, {2, 7})->bytes == 4);
  CHECK(layout_of(Format::u2, {3, 3})->bytes == 3);
  CHECK(layout_of(Format::t5r, {0, 64})->bytes == 0);
  CHECK_FALSE(layout_of(Format::u2, {SIZE_MAX / 2, 3}));
  CHECK_FALSE(layout_of(Format::t5r, {1, SIZE_MAX}));
  std::vector<std::uint8_t> bytes(7);
  std::vector<std::int8_t> trits(9);
  CHECK(decode(*layout_of(Format::u2, {3, 3}), bytes, trits).error() ==
        Fault{FaultKind::size, 3, 7});
}

TEST_CASE("ternary: names fail closed") {
  CHECK(parse_encoding("ternary.t5r/1") == Format::t5r);
  CHECK_FALSE(parse_encoding("ternary.t5r/2"));
  CHECK_FALSE(parse_encoding("ternary.u2r/1"));  // in memory only
}
