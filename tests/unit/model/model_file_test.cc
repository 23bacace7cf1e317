#include "onnxpack/model/model_file.h"

#include <catch2/catch_test_macros.hpp>
#include <filesystem>

#include "models.h"
#include "onnxpack/model/constants.h"
#include "onnxpack/model/wire.h"

namespace onnxpack::model {
namespace {

using namespace test;

TEST_CASE("facts of a model with control flow, functions and constants everywhere") {
  io::MemoryFileSystem disk;
  const auto model = opened(disk, to_file(parse_text(rich_text())));
  CHECK(model.ir_version() == 8);
  CHECK(model.producer_name() == "tests");
  CHECK(model.graph_name() == "rich");
  CHECK(model.opset_imports() == std::vector<OpsetImport>{{"", 17}, {"local", 1}});
  REQUIRE(model.inputs().size() == 3);
  CHECK(model.inputs()[0] ==
        ValueInfo{"x", "tensor(float)", DataType::float32, Shape{{std::nullopt, "N"}, {4, ""}}});
  CHECK(model.inputs()[1].type == "tensor(bool)");
  CHECK(model.inputs()[2].shape == Shape{{2, ""}});
  CHECK(model.outputs().size() == 2);
  REQUIRE(model.nodes().size() == 6);
  CHECK(model.nodes()[2].op_type == "If");
  CHECK(model.nodes()[3].domain == "local");
  CHECK(model.nodes()[5].inputs == std::vector<std::string>{"table", "ids"});
  CHECK(model.nested_node_count() == 4);  // one in each branch, two in the function
  REQUIRE(model.functions().size() == 1);
  CHECK(model.functions()[0].name == "Double");

  std::vector<std::string> where;
  for (const auto& constant : model.constants())
    where.push_back(constant.name + "@" + constant.where);
  std::ranges::sort(where);
  CHECK(where == std::vector<std::string>{"@function local:Double, Constant value",
                                          "@node 1 (Constant) value", "k@node 2 (If) then_branch",
                                          "table@graph", "w@graph"});
  CHECK(model.constant_bytes() == 4 + 4 + 4 + 48 + 16);
}

TEST_CASE("types and shapes as text") {
  io::MemoryFileSystem disk;
  const auto model = opened(disk, to_file(parse_text(R"(
    <ir_version: 10, opset_import: ["" : 21]>
    types (float16[] scalar, float[] any, seq(int64[N]) s, optional(float[2]) o, map(int64, string) m,
           sparse_tensor(float[3]) sp, uint4[A, B] u) => (float16[] scalar) {})")));
  std::vector<std::string> types;
  for (const auto& input : model.inputs()) types.push_back(input.type);
  CHECK(types == std::vector<std::string>{"tensor(float16)", "tensor(float)", "seq(tensor(int64))",
                                          "optional(tensor(float))", "map(int64,tensor(string))",
                                          "sparse_tensor(float)", "tensor(uint4)"});
  CHECK(to_string(Shape{{1, ""}, {std::nullopt, "H"}, {std::nullopt, ""}}) == "[1, H, ?]");
}

TEST_CASE("inputs that an initializer gives a value are not asked for") {
  auto proto = parse_text(rich_text());
  auto& input = *proto.mutable_graph()->add_input();
  input.set_name("w");
  io::MemoryFileSystem disk;
  const auto model = opened(disk, to_file(proto));
  CHECK(model.inputs().size() == 3);
  REQUIRE(model.defaulted_inputs().size() == 1);
  CHECK(model.defaulted_inputs()[0].name == "w");
}

TEST_CASE("negative sizes are no sizes") {
  auto proto = parse_text(rich_text());
  auto& dim = *proto.mutable_graph()
                   ->mutable_input(0)
                   ->mutable_type()
                   ->mutable_tensor_type()
                   ->mutable_shape()
                   ->mutable_dim(0);
  dim.set_dim_value(-1);
  io::MemoryFileSystem disk;
  const auto model = opened(disk, to_file(proto));
  CHECK((*model.inputs()[0].shape)[0] == Dimension{});
}

std::string open_error(ByteView bytes, ErrorKind kind = ErrorKind::corrupt) {
  io::MemoryFileSystem disk;
  const auto model = open_bytes(disk, bytes);
  REQUIRE_FALSE(model);
  CHECK(model.error().kind() == kind);
  REQUIRE(model.error().message().starts_with("/m/model.onnx: "));
  return model.error().message().substr(15);
}

TEST_CASE("files that are not ONNX are called what they are") {
  using namespace std::string_literals;
  CHECK(open_error(as_bytes("")) == "not an ONNX model: the file is empty");
  const std::vector<std::pair<std::string, std::string>> foreign = {
      {"PK\x03\x04rest", "a zip archive"},
      {"\x1F\x8B\x08"s, "a gzip file"},
      {"version https://git-lfs.github.com/spec/v1\noid sha256:1",
       "a Git LFS pointer, not the model itself"},
      {"{\"a\": 1}", "a JSON file"},
      {"<!DOCTYPE html><html>", "an HTML page"},
      {"<?xml version=\"1.0\"?><net>", "an XML file (OpenVINO IR, perhaps)"},
      {"hello there\n", "a text file"},
      {"\x20\0\0\0TFL3rest"s, "a TensorFlow Lite model"},
      {"\x20\0\0\0ORTMrest"s, "an ORT format model"},
      {"\x80\x02}q"s, "a Python pickle (PyTorch, perhaps)"},
      {"GGUF\x03"s, "a GGUF file"},
      {"\x20\0\0\0\0\0\0\0{\"a\":1}"s, "a safetensors file"},
      {"\x89HDF\r\n\x1A\n"s, "an HDF5 file (Keras, perhaps)"},
  };
  for (const auto& [bytes, description] : foreign) {
    CHECK(open_error(as_bytes(bytes)) == "not a binary ONNX model: it looks like " + description);
  }
  CHECK(
      open_error(
          as_bytes("<\n  ir_version: 8,\n  opset_import: [\"\" : 17]\n>\ng (float[1] x) => () {}"),
          ErrorKind::unsupported) ==
      "not a binary ONNX model: it looks like ONNX in its text form (.onnxtxt)");
  CHECK(open_error(as_bytes("ir_version: 8\ngraph {\n}\n"), ErrorKind::unsupported) ==
        "not a binary ONNX model: it looks like ONNX as protobuf text (.textproto)");
  CHECK(open_error(as_bytes("{ \"irVersion\": \"8\", \"graph\": {} }"), ErrorKind::unsupported) ==
        "not a binary ONNX model: it looks like ONNX as JSON");
}

TEST_CASE("random and truncated bytes") {
  CHECK(open_error(Bytes(50, std::byte{0xFF})) ==
        "not an ONNX model: broken protobuf: number at offset 0 is longer than 5 bytes");
  const auto good = to_file(parse_text(rich_text()));
  CHECK(open_error(ByteView(good).first(good.size() - 10))
            .starts_with("damaged or truncated model: broken protobuf: "));
  for (std::size_t size = 1; size < good.size(); ++size) {
    io::MemoryFileSystem disk;
    const auto model = open_bytes(disk, ByteView(good).first(size));
    if (model) CHECK(model->functions().empty());  // cut exactly between two of the model's fields
  }
}

TEST_CASE("a message without a graph or with an unknown IR version") {
  auto proto = parse_text(rich_text());
  auto no_graph = proto;
  no_graph.clear_graph();
  CHECK(open_error(to_file(no_graph)) ==
        "no graph in it: not an ONNX model, perhaps another protobuf file");
  auto no_version = proto;
  no_version.clear_ir_version();
  CHECK(open_error(to_file(no_version)) == "ir_version is absent, expected 1 to 14");
  proto.set_ir_version(15);
  CHECK(open_error(to_file(proto), ErrorKind::unsupported) ==
        "ir_version is 15, the newest known is 14 (onnx 1.23)");
}

TEST_CASE("raw data that is too short names the tensor") {
  auto proto = parse_text(rich_text());
  auto& tensor = *proto.mutable_graph()->mutable_initializer(0);
  tensor.clear_float_data();
  tensor.set_raw_data("12345678");
  CHECK(open_error(to_file(proto)) ==
        "tensor w of graph: raw_data has 8 bytes, its type float and shape need 16");
}

// rich_text() with w in an external file.
onnx::ModelProto external_model(const std::string& location, const std::string& offset = "",
                                const std::string& length = "") {
  auto proto = parse_text(rich_text());
  auto& tensor = *proto.mutable_graph()->mutable_initializer(0);
  tensor.clear_float_data();
  tensor.set_data_location(onnx::TensorProto::EXTERNAL);
  const auto add = [&](const std::string& key, const std::string& value) {
    if (value.empty()) return;
    auto& entry = *tensor.add_external_data();
    entry.set_key(key);
    entry.set_value(value);
  };
  add("location", location);
  add("offset", offset);
  add("length", length);
  return proto;
}

TEST_CASE("external data is found, with offset and length or without") {
  io::MemoryFileSystem disk;
  disk.put("/m/data/w.bin", Bytes(100, std::byte{1}));
  for (const auto* location : {"data/w.bin", "./data/w.bin"}) {
    const auto model = opened(disk, to_file(external_model(location, "64", "16")));
    REQUIRE(model.external_files().size() == 1);
    CHECK(model.external_files()[0].location == "data/w.bin");
    CHECK(model.external_files()[0].size == 100);
    std::size_t found = 0;
    for (const auto& constant : model.constants()) {
      if (const auto* data = std::get_if<ExternalData>(&constant.data)) {
        ++found;
        CHECK(data->range == FileRange{64, 16});
      }
    }
    CHECK(found == 1);
  }
  opened(disk, to_file(external_model("data/w.bin")));
}

TEST_CASE("external data that is missing, short, or elsewhere") {
  io::MemoryFileSystem disk;
  disk.put("/m/w.bin", Bytes(20, std::byte{1}));
  disk.put("/w.bin", Bytes(20, std::byte{1}));
  const auto error = [&](const onnx::ModelProto& proto, ErrorKind kind) {
    const auto model = open_bytes(disk, to_file(proto));
    REQUIRE_FALSE(model);
    CHECK(model.error().kind() == kind);
    return model.error().message();
  };
  const std::string start = "/m/model.onnx: tensor w of graph: ";
  CHECK(error(external_model("gone.bin"), ErrorKind::not_found) ==
        start + "external data file gone.bin is missing");
  CHECK(error(external_model("w.bin", "8", "16"), ErrorKind::corrupt) ==
        start + "external data file w.bin has 20 bytes, 16 bytes at offset 8 are needed");
  CHECK(error(external_model("w.bin", "0", "12"), ErrorKind::corrupt) ==
        start + "external data has length 12, its type float and shape need 16 bytes");
  CHECK(error(external_model("w.bin", "18446744073709551615", "16"), ErrorKind::corrupt)
            .find("are needed") != std::string::npos);
  CHECK(error(external_model("w.bin", "-1"), ErrorKind::corrupt) ==
        start + "external data offset is '-1', expected a decimal number");
  CHECK(error(external_model(""), ErrorKind::corrupt) ==
        start + "external data without a location");
  CHECK(error(external_model("model.onnx"), ErrorKind::unsupported) ==
        start + "external data lies in the model file itself");
  for (const auto* location : {"../w.bin", "/w.bin", "a/../../w.bin", "a\\w.bin", "C:w.bin"}) {
    const auto message = error(external_model(location), ErrorKind::untrusted);
    CHECK(message.starts_with(start + "external data location '"));
    CHECK(message.find("is refused") != std::string::npos);
  }
  const auto described = opened(disk, to_file(external_model("gone.bin")),
                                {.external = ExternalFiles::described, .as = OpenAs::as_is});
  CHECK_FALSE(described.external_files()[0].present);
}

TEST_CASE("external data through a symbolic link is refused") {
  namespace fs = std::filesystem;
  auto folder = io::TemporaryDirectory::create(io::real_file_system(), "onnxpack-model-test");
  REQUIRE(folder);
  const auto root = folder->path();
  fs::create_directories(root / "m");
  REQUIRE(
      io::real_file_system().write_text(root / "w.bin", std::string(16, 'x'), io::Overwrite::no));
  fs::create_symlink(root / "w.bin", root / "m/link.bin");
  fs::create_symlink(root, root / "m/up");
  for (const auto* location : {"link.bin", "up/w.bin"}) {
    const auto text = external_model(location).SerializeAsString();
    REQUIRE(io::real_file_system().write_text(root / "m/model.onnx", text, io::Overwrite::yes));
    const auto model = ModelFile::open(io::real_file_system(), root / "m/model.onnx");
    REQUIRE_FALSE(model);
    CHECK(model.error().kind() == ErrorKind::untrusted);
    CHECK(model.error().message().find("is a symbolic link") != std::string::npos);
  }
}

TEST_CASE("opening does not read weights") {
  io::MemoryFileSystem disk;
  auto proto = parse_text(rich_text());
  auto& big = *proto.mutable_graph()->add_initializer();
  big.set_name("big");
  big.set_data_type(onnx::TensorProto::UINT8);
  big.add_dims(8 << 20);
  big.set_raw_data(std::string(8 << 20, 'x'));
  class Counting : public ViewFile {
   public:
    using ViewFile::ViewFile;
    Status read_at(std::uint64_t offset, std::span<std::byte> out) const override {
      read += out.size();
      return ViewFile::read_at(offset, out);
    }
    mutable std::uint64_t read = 0;
  };
  const auto bytes = to_file(proto);
  const auto file = std::make_shared<Counting>(bytes, "/m/model.onnx");
  const auto model = ModelFile::open(disk, file, "/m");
  REQUIRE(model);
  CHECK(file->read < 50'000);
}

}  // namespace
}  // namespace onnxpack::model
