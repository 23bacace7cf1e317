// Differential: the samples, and the elements they hold, were written by numpy
// (tests/data/npy/make.py).
#include "onnxpack/tensor/npy.h"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <fstream>
#include <sstream>

#include "onnxpack/io/memory_file_system.h"
#include "support.h"

namespace onnxpack::tensor {
namespace {

using Catch::Matchers::ContainsSubstring;

struct Sample {
  std::string name;
  ElementType type;
  Shape shape;
  bool same;  // writing gives the file back
};

std::vector<Sample> samples() {
  std::ifstream file(sample("index.txt"));
  REQUIRE(file.good());
  std::vector<Sample> out;
  std::string name, type, shape, same;
  while (file >> name >> type >> shape >> same) {
    out.push_back(
        {name, parse_element_type(type).value(), parse_shape(shape).value(), same == "same"});
  }
  return out;
}

TEST_CASE("npy: what numpy wrote is read, element for element") {
  const auto all = samples();
  REQUIRE(all.size() == 39);
  for (const Sample& s : all) {
    CAPTURE(s.name);
    auto read = read_npy(sample_bytes(s.name + ".npy"));
    REQUIRE(read);
    auto tensor = reinterpret_as(*read, s.type);
    REQUIRE(tensor);
    CHECK(tensor->shape == s.shape);
    CHECK(tensor->data == sample_bytes(s.name + ".raw"));
    CHECK(check(*tensor));
  }
}

TEST_CASE("npy: writing gives numpy's bytes, and reads back") {
  for (const Sample& s : samples()) {
    CAPTURE(s.name);
    const Tensor tensor{s.type, s.shape, sample_bytes(s.name + ".raw")};
    auto written = write_npy(tensor);
    REQUIRE(written);
    if (s.same) CHECK(*written == sample_bytes(s.name + ".npy"));
    auto back = read_npy(*written);
    REQUIRE(back);
    CHECK(reinterpret_as(*back, s.type).value() == tensor);
  }
}

TEST_CASE("npy: packed types travel as one byte per element") {
  for (const auto type :
       {ElementType::int4, ElementType::uint4, ElementType::int2, ElementType::uint2}) {
    CAPTURE(name_of(type));
    Tensor tensor{type, {7}, Bytes(byte_size(type, 7).value(), std::byte{0xb1})};
    // The last byte's unused high bits are zero by contract.
    tensor.data.back() &= std::byte{static_cast<unsigned char>(bit_width(type) == 4 ? 0x0f : 0x3f)};
    auto read = read_npy(write_npy(tensor).value());
    REQUIRE(read);
    CHECK(bit_width(read->type) == 8);
    CHECK(reinterpret_as(*read, type).value() == tensor);
    CHECK(to_doubles(*read).value() == to_doubles(tensor).value());
  }
}

TEST_CASE("npy: every truncation is an error, and so are extra bytes") {
  for (const std::string name : {"c_f4", "version2", "scalar", "bfloat16"}) {
    Bytes file = sample_bytes(name + ".npy");
    for (std::size_t size = 0; size < file.size(); ++size) {
      CAPTURE(name, size);
      CHECK_FALSE(read_npy(ByteView(file).first(size)));
    }
    file.push_back(std::byte{0});
    auto longer = read_npy(file);
    REQUIRE_FALSE(longer);
    CHECK_THAT(longer.error().message(), ContainsSubstring("the file has"));
  }
}

TEST_CASE("npy: no single changed header byte crashes or changes how much is read") {
  const Bytes file = sample_bytes("fortran.npy");
  for (std::size_t at = 0; at < 128; ++at) {
    for (unsigned value = 0; value < 256; ++value) {
      Bytes changed = file;
      changed[at] = static_cast<std::byte>(value);
      auto read = read_npy(changed);
      if (read) CHECK(check(*read));
    }
  }
}

std::string error_of(std::string dict) {
  dict.push_back('\n');
  Bytes file;
  append(file, std::string_view("\x93NUMPY\x01\x00", 8));
  append_le(file, static_cast<std::uint16_t>(dict.size()));
  append(file, dict);
  auto read = read_npy(file);
  return read ? "" : read.error().message();
}

TEST_CASE("npy: odd headers say what is wrong") {
  CHECK(error_of("{'descr': '<f4', 'fortran_order': False, 'shape': (0,)}").empty());
  CHECK(error_of("{'descr':'<f4','fortran_order':False,'shape':(0,),}").empty());
  CHECK_THAT(error_of("{'descr': '<f4', 'fortran_order': False}"), ContainsSubstring("missing"));
  CHECK_THAT(error_of("{'descr': '<f4', 'descr': '<f4'}"), ContainsSubstring("repeated key"));
  CHECK_THAT(error_of("{'evil': __import__('os')}"),
             ContainsSubstring("unexpected or repeated key 'evil'"));
  CHECK_THAT(error_of("{'descr': '<f4', 'fortran_order': 0}"),
             ContainsSubstring("expected True or False"));
  CHECK_THAT(error_of("{'descr': '<f4', 'fortran_order': False, 'shape': (-1,)}"),
             ContainsSubstring("expected a dimension"));
  CHECK_THAT(error_of("{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999,)}"),
             ContainsSubstring("expected a dimension"));
  CHECK_THAT(
      error_of("{'descr': '<f4', 'fortran_order': False, 'shape': (4611686018427387904, 4)}"),
      ContainsSubstring("too many elements"));
  CHECK_THAT(error_of("{'descr': '<f4', 'fortran_order': False, 'shape': (1)} x"),
             ContainsSubstring("after the dict"));
  CHECK_THAT(error_of("{'descr': '=f4', 'fortran_order': False, 'shape': (0,)}"),
             ContainsSubstring("dtype '=f4'"));
  CHECK_THAT(error_of("{'descr': '<f16', 'fortran_order': False, 'shape': (0,)}"),
             ContainsSubstring("dtype '<f16'"));
  CHECK_THAT(error_of("{'de"), ContainsSubstring("does not end"));
  CHECK_THAT(read_npy(as_bytes("PK\x03\x04")).error().message(),
             ContainsSubstring("not an .npy file"));
  CHECK_THAT(read_npy(as_bytes(std::string_view("\x93NUMPY\x09\x00", 8))).error().message(),
             ContainsSubstring("version 9"));
  CHECK_THAT(
      read_npy(as_bytes(std::string_view("\x93NUMPY\x01\x00\xff\xff", 10))).error().message(),
      ContainsSubstring("65535 bytes long"));
}

TEST_CASE("npy: what is no plain array is refused as unsupported") {
  for (const std::string name : {"object", "text", "bytes", "structure", "date"}) {
    CAPTURE(name);
    auto read = read_npy(sample_bytes("refused_" + name + ".npy"));
    REQUIRE_FALSE(read);
    CHECK(read.error().kind() == ErrorKind::unsupported);
  }
  const Tensor text{ElementType::string, {1}, {}};
  CHECK(write_npy(text).error().kind() == ErrorKind::unsupported);
}

TEST_CASE("npz: numpy's archives, stored and deflated") {
  for (const std::string name : {"stored.npz", "deflated.npz"}) {
    CAPTURE(name);
    auto arrays = read_npz(sample_bytes(name));
    REQUIRE(arrays);
    REQUIRE(arrays->size() == 4);
    CHECK(arrays->at(0).name == "b");
    CHECK(arrays->at(0).value.shape == Shape{2, 3});
    CHECK(arrays->at(1).name == "a");
    CHECK(arrays->at(1).value.type == ElementType::int64);
    CHECK(arrays->at(2).value.type == ElementType::boolean);
    CHECK(arrays->at(3).value.data == Bytes(10000));
  }
  CHECK(read_npz(sample_bytes("stored.npz")).value().at(0).value ==
        read_npz(sample_bytes("deflated.npz")).value().at(0).value);
}

TEST_CASE("npz: no truncation is read, no changed byte goes unseen in array data") {
  for (const std::string name : {"stored.npz", "deflated.npz"}) {
    const Bytes file = sample_bytes(name);
    const auto good = read_npz(file).value();
    for (std::size_t size = 0; size < file.size(); size += 3) {
      CAPTURE(name, size);
      CHECK_FALSE(read_npz(ByteView(file).first(size)));
    }
    for (std::size_t at = 0; at < file.size(); ++at) {
      Bytes changed = file;
      changed[at] ^= std::byte{0x41};
      auto read = read_npz(changed);
      if (!read) continue;
      // A changed name, time or attribute passes; changed elements never do.
      REQUIRE(read->size() == good.size());
      for (std::size_t i = 0; i < good.size(); ++i) CHECK(read->at(i).value == good[i].value);
    }
  }
}

TEST_CASE("npz: claims are checked before memory is taken") {
  Bytes file = sample_bytes("deflated.npz");
  CHECK_THAT(read_npz(file, 1000).error().message(), ContainsSubstring("over 1000 B"));
  CHECK_THAT(read_npz(as_bytes("no zip at all")).error().message(),
             ContainsSubstring("not an .npz file"));
}

TEST_CASE("npz: writing is deterministic and reads back") {
  const std::vector<NamedTensor> arrays = {
      {"x", {ElementType::float32, {2}, Bytes(8, std::byte{1})}},
      {"y/z", {ElementType::bfloat16, {}, Bytes(2)}},
      {"e", {ElementType::int64, {0}, {}}}};
  const Bytes file = write_npz(arrays).value();
  CHECK(file == write_npz(arrays).value());
  const auto back = read_npz(file).value();
  REQUIRE(back.size() == 3);
  CHECK(back[0].value == arrays[0].value);
  CHECK(back[1].name == "y/z");
  CHECK(back[2].value == arrays[2].value);
  CHECK(read_npz(write_npz({}).value()).value().empty());
  const std::vector<NamedTensor> twice = {arrays[0], arrays[0]};
  CHECK_THAT(write_npz(twice).error().message(), ContainsSubstring("two arrays are named 'x'"));
  const std::vector<NamedTensor> nameless = {{"", arrays[0].value}};
  CHECK_THAT(write_npz(nameless).error().message(), ContainsSubstring("cannot name an array"));
}

TEST_CASE("npy: files name themselves in errors") {
  io::MemoryFileSystem disk;
  const Tensor tensor{ElementType::float32, {1}, Bytes(4)};
  REQUIRE(save_npy(disk, "/x.npy", tensor, io::Overwrite::no));
  CHECK(load_npy(disk, "/x.npy").value() == tensor);
  CHECK_THAT(load_npy(disk, "/absent.npy").error().message(), ContainsSubstring("/absent.npy"));
  REQUIRE(disk.write_text("/bad.npy", "hello", io::Overwrite::no));
  CHECK_THAT(load_npy(disk, "/bad.npy").error().message(),
             ContainsSubstring("/bad.npy: not an .npy file"));
  const std::vector<NamedTensor> two = {{"a", tensor}, {"b", tensor}};
  REQUIRE(disk.write_text("/two.npz", as_text(write_npz(two).value()), io::Overwrite::no));
  CHECK_THAT(load_npy(disk, "/two.npz").error().message(),
             ContainsSubstring("expected one array, found 2"));
  CHECK(load_npz(disk, "/two.npz").value().size() == 2);
}

}  // namespace
}  // namespace onnxpack::tensor
