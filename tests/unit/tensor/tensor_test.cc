#include "onnxpack/tensor/tensor.h"

#include <bit>
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <cmath>
#include <limits>
#include <numeric>

#include "onnxpack/io/memory_file_system.h"
#include "onnxpack/tensor/npy.h"
#include "support.h"

namespace onnxpack::tensor {
namespace {

using Catch::Matchers::ContainsSubstring;

TEST_CASE("element types: number, name and spelling go round") {
  for (std::int64_t number = 1; number <= 26; ++number) {
    const auto type = element_type_from_onnx(number).value();
    CAPTURE(number, name_of(type));
    CHECK(static_cast<std::int64_t>(type) == number);
    CHECK(parse_element_type(name_of(type)).value() == type);
    CHECK(parse_element_type(type_string(type)).value() == type);
    CHECK((bit_width(type) == 0) == (type == ElementType::string));
    CHECK(is_floating(type) + is_integer(type) + is_complex(type) <= 1);
  }
  CHECK_FALSE(element_type_from_onnx(0));
  CHECK_FALSE(element_type_from_onnx(27));
  CHECK(type_string(ElementType::float32) == "tensor(float)");
  CHECK(parse_element_type("float32").value() == ElementType::float32);
  CHECK(parse_element_type("float64").value() == ElementType::float64);
  auto typo = parse_element_type("tensor(flota)");
  REQUIRE_FALSE(typo);
  CHECK(typo.error().hint() == "did you mean 'float'?");
  CHECK_FALSE(parse_element_type(""));
  CHECK_FALSE(parse_element_type("undefined"));
}

TEST_CASE("sizes: packed types round up, forged shapes do not wrap") {
  CHECK(byte_size(ElementType::int4, 3).value() == 2);
  CHECK(byte_size(ElementType::uint2, 9).value() == 3);
  CHECK(byte_size(ElementType::complex128, 2).value() == 32);
  CHECK(element_count(Shape{}).value() == 1);
  CHECK(element_count(Shape{0, 1LL << 62, 1LL << 62}).value() == 0);
  CHECK(element_count(Shape{1LL << 62, 1LL << 62, 0}).value() == 0);
  CHECK_THAT(element_count(Shape{2, -1}).error().message(),
             ContainsSubstring("shape [2,-1] has a negative dimension"));
  CHECK_FALSE(element_count(Shape{1LL << 32, 1LL << 32}));
  CHECK_FALSE(byte_size(ElementType::float64, std::uint64_t{1} << 61));
  CHECK_THAT(byte_size(ElementType::string, 1).error().message(),
             ContainsSubstring("string have no raw form"));
  const Tensor bad{ElementType::float32, {2, 2}, Bytes(15)};
  CHECK(check(bad).error().message() == "a tensor(float) of shape [2,2] takes 16 bytes, found 15");
}

TEST_CASE("shapes: text goes round") {
  CHECK(parse_shape("1,3,48,192").value() == Shape{1, 3, 48, 192});
  CHECK(parse_shape(" [ 1 , 2 ] ").value() == Shape{1, 2});
  CHECK(parse_shape("[]").value().empty());
  CHECK(shape_string(Shape{1, 2}) == "[1,2]");
  for (const char* text : {"1,,2", "1,-2", "a", "1.5", "1x2", "99999999999999999999"}) {
    CAPTURE(text);
    CHECK_THAT(parse_shape(text).error().message(), ContainsSubstring("is no dimension"));
  }
}

// Against ml_dtypes, for every bit pattern.
TEST_CASE("to_doubles: narrow floating types") {
  for (const auto type :
       {ElementType::float8e4m3fn, ElementType::float8e4m3fnuz, ElementType::float8e5m2,
        ElementType::float8e5m2fnuz, ElementType::float8e8m0, ElementType::float4e2m1}) {
    const auto expected =
        to_doubles(read_npy(sample_bytes("all_" + std::string(name_of(type)) + ".npy")).value())
            .value();
    Tensor all{type, {static_cast<std::int64_t>(expected.size())}, {}};
    for (unsigned i = 0; i < expected.size(); i += 8 / bit_width(type)) {
      all.data.push_back(static_cast<std::byte>(bit_width(type) == 4 ? i | (i + 1) << 4 : i));
    }
    const auto found = to_doubles(all).value();
    REQUIRE(found.size() == expected.size());
    for (std::size_t i = 0; i < found.size(); ++i) {
      CAPTURE(name_of(type), i);
      CHECK((found[i] == expected[i] || (std::isnan(found[i]) && std::isnan(expected[i]))));
      if (!std::isnan(expected[i])) CHECK(std::signbit(found[i]) == std::signbit(expected[i]));
    }
  }
}

TEST_CASE("to_doubles: bfloat16 is the top half of a float, for every pattern") {
  Tensor all{ElementType::bfloat16, {65536}, {}};
  for (unsigned i = 0; i < 65536; ++i) append_le(all.data, static_cast<std::uint16_t>(i));
  const auto found = to_doubles(all).value();
  for (unsigned i = 0; i < 65536; ++i) {
    const auto expected = static_cast<double>(std::bit_cast<float>(i << 16));
    if (!(found[i] == expected || (std::isnan(found[i]) && std::isnan(expected))))
      FAIL("pattern " << i);
  }
}

TEST_CASE("to_doubles: signs and packing of whole numbers") {
  CHECK(to_doubles({ElementType::int4, {3}, {std::byte{0x8f}, std::byte{0x07}}}).value() ==
        std::vector<double>{-1, -8, 7});
  CHECK(to_doubles({ElementType::uint4, {2}, {std::byte{0x8f}}}).value() ==
        std::vector<double>{15, 8});
  CHECK(to_doubles({ElementType::int2, {4}, {std::byte{0b11'10'01'00}}}).value() ==
        std::vector<double>{0, 1, -2, -1});
  CHECK(to_doubles({ElementType::int8, {1}, {std::byte{0xff}}}).value() == std::vector<double>{-1});
  CHECK(to_doubles({ElementType::uint64, {1}, Bytes(8, std::byte{0xff})}).value() ==
        std::vector<double>{0x1p64});
  CHECK(to_doubles({ElementType::complex64, {1}, Bytes(8)}).value().size() == 2);
  CHECK_FALSE(to_doubles({ElementType::float32, {1}, Bytes(3)}));
}

TEST_CASE("reinterpret_as: only what loses nothing") {
  const Tensor bytes{ElementType::uint8, {2}, {std::byte{15}, std::byte{1}}};
  CHECK(reinterpret_as(bytes, ElementType::uint4).value().data == Bytes{std::byte{0x1f}});
  CHECK(reinterpret_as(bytes, ElementType::float8e5m2).value().data == bytes.data);
  CHECK_THAT(reinterpret_as(bytes, ElementType::int4).error().message(),
             ContainsSubstring("element 0 is 15, but int4 holds -8 to 7"));
  CHECK_THAT(reinterpret_as(bytes, ElementType::float32).error().message(),
             ContainsSubstring("found tensor(uint8), expected tensor(float)"));
  CHECK_FALSE(reinterpret_as(bytes, ElementType::bfloat16));
  CHECK_FALSE(reinterpret_as({ElementType::float16, {1}, Bytes(2)}, ElementType::bfloat16));
}

TEST_CASE("read_raw: size must fit") {
  io::MemoryFileSystem disk;
  REQUIRE(disk.write_text("/x.bin", "12345678", io::Overwrite::no));
  CHECK(read_raw(disk, "/x.bin", ElementType::float32, {2}).value().data.size() == 8);
  CHECK(read_raw(disk, "/x.bin", ElementType::float32, {3}).error().message() ==
        "/x.bin: a tensor(float) of shape [3] takes 12 bytes, found 8");
  CHECK(read_raw(disk, "/y.bin", ElementType::float32, {3}).error().kind() == ErrorKind::not_found);
}

}  // namespace
}  // namespace onnxpack::tensor
