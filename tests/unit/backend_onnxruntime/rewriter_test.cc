// The parts of the onnxruntime backend that edit model files; sessions are tested through the
// program (tests/cli).
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <filesystem>
#include <fstream>

#include "graph_rewriter.h"
#include "input_shapes.h"
#include "model_tensors.h"
#include "onnx_fields.h"
#include "onnxpack/io/file.h"
#include "source_index.h"
#include "wire.h"

namespace onnxpack::ort_backend {
namespace {

namespace fs = std::filesystem;
namespace field = onnx_field;
using Catch::Matchers::ContainsSubstring;

Bytes pattern(std::size_t size, unsigned seed) {
  Bytes out(size);
  for (std::size_t i = 0; i < size; ++i)
    out[i] = static_cast<std::byte>((i * 131 + seed * 17 + i / 251) & 0xff);
  return out;
}

Bytes tensor_proto(std::string_view name, ByteView raw,
                   std::uint32_t data_field = field::tensor_raw_data) {
  Bytes out;
  wire::append_varint_field(out, 1, raw.size() / 4);  // dims
  wire::append_varint_field(out, 2, 1);               // float
  wire::append_bytes_field(out, data_field, raw);
  wire::append_bytes_field(out, field::tensor_name, as_bytes(name));
  return out;
}

Bytes external_proto(std::string_view name, std::string_view location, std::uint64_t offset,
                     std::uint64_t length) {
  Bytes out;
  wire::append_bytes_field(out, field::tensor_name, as_bytes(name));
  const auto entry = [&](std::string_view key, const std::string& value) {
    Bytes pair;
    wire::append_bytes_field(pair, field::entry_key, as_bytes(key));
    wire::append_bytes_field(pair, field::entry_value, as_bytes(value));
    wire::append_bytes_field(out, field::tensor_external_data, pair);
  };
  entry("location", std::string(location));
  entry("offset", std::to_string(offset));
  entry("length", std::to_string(length));
  wire::append_varint_field(out, field::tensor_data_location, field::data_location_external);
  return out;
}

Bytes wrap(std::uint32_t number, ByteView content) {
  Bytes out;
  wire::append_bytes_field(out, number, content);
  return out;
}

Bytes concat(std::initializer_list<Bytes> parts) {
  Bytes out;
  for (const Bytes& part : parts) append(out, part);
  return out;
}

Bytes constant_node(ByteView tensor) {
  return wrap(field::graph_node,
              wrap(field::node_attribute, wrap(field::attribute_tensor, tensor)));
}
Bytes subgraph_node(ByteView graph) {
  return wrap(field::graph_node, wrap(field::node_attribute, wrap(field::attribute_graph, graph)));
}
Bytes initializer(const Bytes& tensor) {
  return wrap(field::graph_initializer, tensor);
}
Bytes model_of(const Bytes& graph) {
  Bytes out;
  wire::append_varint_field(out, field::model_ir_version, 8);
  append(out, wrap(field::model_graph, graph));
  append(out, wrap(200, as_bytes("an unknown field survives")));
  return out;
}

struct Folder {
  io::TemporaryDirectory directory =
      io::TemporaryDirectory::create(io::real_file_system(), "onnxpack-test-").value();
  fs::path root = directory.path();

  void write(const std::string& name, ByteView bytes) const {
    fs::create_directories((root / name).parent_path());
    std::ofstream(root / name, std::ios::binary)
        .write(as_text(bytes).data(), static_cast<std::streamsize>(bytes.size()));
  }
  Bytes read(const std::string& name) const {
    std::ifstream file(root / name, std::ios::binary);
    return to_bytes(
        std::string{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()});
  }
};

struct Result2 {
  Rewritten rewritten;
  std::vector<TensorBytes> tensors;
};

Result2 rewrite(const Folder& folder, const Bytes& saved, const SourceIndex& sources) {
  std::unique_ptr<io::WritableFile> weights;
  const RewriteRequest request{saved, folder.root / "scratch", "variants/v/weights.bin"};
  Result2 out;
  out.rewritten = rewrite_initializers(request, sources, io::real_file_system(),
                                       folder.root / "variants/v/weights.bin", weights)
                      .value();
  if (weights) REQUIRE(weights->publish_unsynced(io::Overwrite::yes));
  REQUIRE(for_each_tensor(out.rewritten.model, [&](const TensorBytes& tensor) -> Status {
    out.tensors.push_back(tensor);
    return {};
  }));
  return out;
}

TEST_CASE("rewriter: weights point at the bytes that the component holds") {
  Folder folder;
  const Bytes a = pattern(4000, 1), b = pattern(2000, 2), c = pattern(1500, 3),
              own = pattern(3000, 4), tiny = pattern(8, 5);
  // The component: a as initializer, b in a Constant node of a subgraph, c in an external file
  // behind some bytes.
  folder.write("components/model/data.bin", concat({pattern(77, 9), c}));
  folder.write(
      "components/model/model.onnx",
      model_of(concat({initializer(tensor_proto("a", a)),
                       subgraph_node(constant_node(tensor_proto("b", b, field::tensor_float_data))),
                       initializer(external_proto("c", "data.bin", 77, c.size()))})));
  const auto sources = SourceIndex::open(folder.root, "components/model/model.onnx").value();
  CHECK(sources.total_bytes() == folder.read("components/model/model.onnx").size() + 77 + c.size());

  // The saved graph: a inline, b and own in a file of its own, c in a subgraph, tiny inline and
  // tiny external.
  folder.write("scratch/weights.bin", concat({b, own, tiny}));
  fs::create_directories(folder.root / "variants/v");
  const Bytes subgraph = initializer(tensor_proto("c", c));
  const Bytes saved =
      model_of(concat({initializer(tensor_proto("a", a)),
                       initializer(external_proto("b", "weights.bin", 0, b.size())),
                       initializer(external_proto("own", "weights.bin", b.size(), own.size())),
                       subgraph_node(subgraph), initializer(tensor_proto("t", tiny)),
                       initializer(external_proto("u", "weights.bin", b.size() + own.size(), 8)),
                       initializer(tensor_proto("own2", pattern(2048, 6)))}));
  const auto [rewritten, tensors] = rewrite(folder, saved, sources);
  CHECK(rewritten.shared_bytes == a.size() + b.size() + c.size());
  CHECK(rewritten.own_bytes == own.size() + 2048);

  const std::map<std::string, Bytes> expected = {{"a", a},
                                                 {"b", b},
                                                 {"c", c},
                                                 {"own", own},
                                                 {"t", tiny},
                                                 {"u", tiny},
                                                 {"own2", pattern(2048, 6)}};
  REQUIRE(tensors.size() == expected.size());
  for (const TensorBytes& tensor : tensors) {
    CAPTURE(tensor.name);
    Bytes found(tensor.inline_bytes.begin(), tensor.inline_bytes.end());
    CHECK(tensor.external.has_value() == (tensor.name != "t" && tensor.name != "u"));
    if (tensor.external) {
      const bool is_own = tensor.name.starts_with("own");
      CHECK(tensor.external->location == (is_own               ? "variants/v/weights.bin"
                                          : tensor.name == "c" ? "components/model/data.bin"
                                                               : "components/model/model.onnx"));
      if (is_own) CHECK(tensor.external->offset % 64 == 0);
      const Bytes file = folder.read(tensor.external->location);
      const auto begin = file.begin() + static_cast<std::ptrdiff_t>(tensor.external->offset);
      found.assign(begin, begin + static_cast<std::ptrdiff_t>(*tensor.external->length));
    }
    CHECK(found == expected.at(tensor.name));
  }
  CHECK(as_text(rewritten.model).ends_with("an unknown field survives"));
}

TEST_CASE("rewriter: without weights of its own there is no file") {
  Folder folder;
  const Bytes a = pattern(4000, 1);
  folder.write("components/model/model.onnx", model_of(initializer(tensor_proto("a", a))));
  const auto sources = SourceIndex::open(folder.root, "components/model/model.onnx").value();
  CHECK(rewrite(folder, model_of(initializer(tensor_proto("x", a))), sources).rewritten.own_bytes ==
        0);
  CHECK_FALSE(fs::exists(folder.root / "variants"));
}

TEST_CASE("sources: forged ranges are errors with names") {
  Folder folder;
  const auto open = [&](const Bytes& tensor) {
    folder.write("components/model/model.onnx", model_of(initializer(tensor)));
    auto sources = SourceIndex::open(folder.root, "components/model/model.onnx");
    return sources ? std::string() : sources.error().message();
  };
  folder.write("components/model/d.bin", pattern(5000, 1));
  CHECK(open(external_proto("w", "d.bin", 0, 5000)).empty());
  CHECK_THAT(
      open(external_proto("w", "d.bin", 1, 5000)),
      ContainsSubstring(
          "components/model/d.bin: a tensor takes 5000 bytes at offset 1, the file has 5000"));
  CHECK_THAT(open(external_proto("w", "d.bin", ~std::uint64_t{0}, 2000)),
             ContainsSubstring("at offset 18446744073709551615"));
  CHECK_THAT(open(external_proto("w", "../d.bin", 0, 2000)), ContainsSubstring(".."));
  CHECK_THAT(open(external_proto("w", "absent.bin", 0, 2000)), ContainsSubstring("absent.bin"));
}

TEST_CASE("wire: truncated and mutated models never crash") {
  Folder folder;
  const Bytes good =
      model_of(concat({initializer(tensor_proto("a", pattern(1100, 1))),
                       subgraph_node(initializer(tensor_proto("b", pattern(40, 2))))}));
  folder.write("components/model/model.onnx", good);
  const auto sources = SourceIndex::open(folder.root, "components/model/model.onnx").value();
  fs::create_directories(folder.root / "variants/v");
  const auto attempt = [&](const Bytes& bytes) {
    std::unique_ptr<io::WritableFile> weights;
    const RewriteRequest request{bytes, folder.root, "w"};
    return rewrite_initializers(request, sources, io::real_file_system(),
                                folder.root / "variants/v/w", weights)
        .has_value();
  };
  std::size_t refused = 0;
  for (std::size_t size = 0; size < good.size(); size += 7) {
    refused += !attempt(Bytes(good.begin(), good.begin() + static_cast<std::ptrdiff_t>(size)));
  }
  CHECK(refused > good.size() / 8);
  for (std::size_t at = 0; at < good.size(); at += 3) {
    for (const unsigned flip : {0x01U, 0x80U, 0xffU}) {
      Bytes changed = good;
      changed[at] ^= static_cast<std::byte>(flip);
      attempt(changed);
    }
  }
}

Bytes dimension(std::optional<std::int64_t> value, std::string_view name) {
  Bytes out;
  if (value)
    wire::append_varint_field(out, field::dimension_value, static_cast<std::uint64_t>(*value));
  if (!name.empty()) wire::append_bytes_field(out, field::dimension_name, as_bytes(name));
  return wrap(field::shape_dimension, out);
}

Bytes input(std::string_view name, std::optional<Bytes> shape) {
  Bytes type;
  wire::append_varint_field(type, 1, 1);
  if (shape) append(type, wrap(field::tensor_type_shape, *shape));
  return wrap(field::graph_input,
              concat({wrap(field::value_name, as_bytes(name)),
                      wrap(field::value_type, wrap(field::type_tensor, type))}));
}

TEST_CASE("input shapes: set by input, whatever the dimensions are called") {
  // PP-OCR's classifier: batch -1 and nameless, height and width both '?'.
  const Bytes graph = concat(
      {input("x",
             concat({dimension(-1, ""), dimension(3, ""), dimension({}, "?"), dimension({}, "?")})),
       input("unranked", std::nullopt), initializer(tensor_proto("w", pattern(20, 1)))});
  const Bytes model = model_of(graph);
  CHECK(symbolic_dimensions(model).value() == std::set<std::string>{"?"});

  const Bytes fixed =
      with_input_shapes(model, {{"x", {1, 3, 48, 192}}, {"unranked", {2, 5}}}).value();
  const Bytes expected =
      model_of(concat({input("x", concat({dimension(1, ""), dimension(3, ""), dimension(48, ""),
                                          dimension(192, "")})),
                       input("unranked", concat({dimension(2, ""), dimension(5, "")})),
                       initializer(tensor_proto("w", pattern(20, 1)))}));
  CHECK(fixed == expected);
  CHECK(symbolic_dimensions(fixed).value().empty());
  CHECK(with_input_shapes(model, {}).value() == model);

  const auto message = [&](const std::map<std::string, std::vector<std::int64_t>>& shapes) {
    return with_input_shapes(model, shapes).error();
  };
  CHECK(message({{"y", {1}}}).message() == "the model has no input 'y'");
  CHECK(message({{"unrankde", {1}}}).hint() == "did you mean 'unranked'?");
  CHECK(message({{"x", {1, 3}}}).message() ==
        "input 'x' has 4 dimensions, the given shape [1,3] has 2");
  CHECK(message({{"x", {1, 4, 48, 192}}}).message() ==
        "dimension 1 of input 'x' is 3 in the model, the given shape [1,4,48,192] says 4");
}

}  // namespace
}  // namespace onnxpack::ort_backend
