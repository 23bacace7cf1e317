#include "onnxpack/model/tensor_proto.h"

#include <onnx/onnx_pb.h>

#include <catch2/catch_test_macros.hpp>

#include "onnxpack/base/text.h"

namespace onnxpack::model {
namespace {

using T = onnx::TensorProto;

T make(T::DataType type, std::vector<std::int64_t> dims) {
  T tensor;
  tensor.set_name("t");
  tensor.set_data_type(type);
  for (auto dim : dims) tensor.add_dims(dim);
  return tensor;
}

std::string raw_hex(const T& tensor) {
  const auto text = tensor.SerializeAsString();
  const auto data = parse_tensor_proto(as_bytes(text));
  INFO((data ? std::string() : data.error().message()));
  REQUIRE(data);
  CHECK(data->name == "t");
  return to_hex(data->raw);
}

std::string error(const T& tensor) {
  const auto text = tensor.SerializeAsString();
  const auto data = parse_tensor_proto(as_bytes(text));
  REQUIRE_FALSE(data);
  return data.error().message();
}

TEST_CASE("every storage field becomes raw bytes") {
  auto floats = make(T::FLOAT, {2});
  floats.add_float_data(1.0F);
  floats.add_float_data(-2.0F);
  CHECK(raw_hex(floats) == "0000803f000000c0");
  auto bf16 = make(T::BFLOAT16, {1});
  bf16.add_int32_data(0x3F80);
  CHECK(raw_hex(bf16) == "803f");
  auto int16 = make(T::INT16, {2});
  int16.add_int32_data(-2);
  int16.add_int32_data(3);
  CHECK(raw_hex(int16) == "feff0300");
  auto uint64 = make(T::UINT64, {1});
  uint64.add_uint64_data(0x0102030405060708);
  CHECK(raw_hex(uint64) == "0807060504030201");
  auto complex = make(T::COMPLEX128, {1});
  complex.add_double_data(1.0);
  complex.add_double_data(0.0);
  CHECK(raw_hex(complex) == "000000000000f03f0000000000000000");
  auto int2 = make(T::INT2, {5});
  int2.add_int32_data(0xE4);
  int2.add_int32_data(0x01);
  CHECK(raw_hex(int2) == "e401");
  auto six = make(T::FLOAT6E2M3, {5});
  for (int value : {1, 2, 3, 4, 5}) six.add_int32_data(value);
  CHECK(raw_hex(six) == "81301005");  // 6 bits each, least significant first
  auto raw = make(T::UINT8, {2});
  raw.set_raw_data("ab");
  CHECK(raw_hex(raw) == "6162");
  CHECK(raw_hex(make(T::FLOAT, {0})).empty());
}

TEST_CASE("strings") {
  auto tensor = make(T::STRING, {2});
  tensor.add_string_data("a");
  tensor.add_string_data("");
  const auto text = tensor.SerializeAsString();
  const auto data = parse_tensor_proto(as_bytes(text));
  REQUIRE(data);
  CHECK(data->strings == std::vector<std::string>{"a", ""});
  tensor.add_dims(2);
  CHECK(error(tensor) == "tensor has 2 strings, its shape needs 4");
}

TEST_CASE("tensors that are refused") {
  auto short_one = make(T::FLOAT, {3});
  short_one.add_float_data(1.0F);
  CHECK(error(short_one) == "tensor has 4 bytes of values, its type float and shape need 12");
  auto raw = make(T::FLOAT, {1});
  raw.set_raw_data("12345678");
  CHECK(error(raw) == "tensor has 8 bytes of values, its type float and shape need 4");
  CHECK(error(T()) == "not a TensorProto: data_type is absent");
  CHECK(error(make(T::FLOAT, {-1})) == "tensor has a dimension of -1");
  CHECK(error(make(T::FLOAT, {std::int64_t{1} << 40, std::int64_t{1} << 40})) ==
        "tensor has a shape that no memory holds");
  auto external = make(T::FLOAT, {1});
  external.set_data_location(T::EXTERNAL);
  CHECK(error(external) == "tensor t has external data");
  const auto junk = parse_tensor_proto(as_bytes("\xFF\xFF\xFF\xFF\xFF\xFF"));
  REQUIRE_FALSE(junk);
  CHECK(junk.error().message().starts_with("not a TensorProto: broken protobuf: "));
}

}  // namespace
}  // namespace onnxpack::model
