#include "onnxpack/model/scope.h"

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <functional>

#include "models.h"
#include "onnxpack/model/scope_hints.h"

namespace onnxpack::model {
namespace {

using namespace test;

Scope scope_of(const onnx::ModelProto& proto, unsigned threads = 1) {
  io::MemoryFileSystem disk;
  disk.put("/m/w.bin", Bytes(4096, std::byte{0}));
  const auto model = opened(disk, to_file(proto));
  auto scope = whole_graph_scope(model, {.threads = threads, .cancel = nullptr});
  INFO((scope ? std::string() : scope.error().message()));
  REQUIRE(scope);
  return *scope;
}
std::string digest_of(const onnx::ModelProto& proto) {
  return scope_of(proto).digest;
}

// Renames every value, in bodies too, by prefixing it.
void rename_values(onnx::GraphProto& graph, const std::string& prefix) {
  const auto rename = [&](std::string* name) {
    if (!name->empty()) *name = prefix + *name;
  };
  for (auto& input : *graph.mutable_input()) rename(input.mutable_name());
  for (auto& output : *graph.mutable_output()) rename(output.mutable_name());
  for (auto& tensor : *graph.mutable_initializer()) rename(tensor.mutable_name());
  for (auto& node : *graph.mutable_node()) {
    for (auto& name : *node.mutable_input()) rename(&name);
    for (auto& name : *node.mutable_output()) rename(&name);
    for (auto& attribute : *node.mutable_attribute()) {
      if (attribute.has_g()) rename_values(*attribute.mutable_g(), prefix);
    }
  }
}

onnx::TensorProto& weight(onnx::ModelProto& proto, int index = 0) {
  return *proto.mutable_graph()->mutable_initializer(index);
}
onnx::GraphProto& then_branch(onnx::ModelProto& proto) {
  auto& node = *proto.mutable_graph()->mutable_node(2);
  for (auto& attribute : *node.mutable_attribute()) {
    if (attribute.name() == "then_branch") return *attribute.mutable_g();
  }
  FAIL("no then_branch");
  return *node.mutable_attribute(0)->mutable_g();
}

std::string raw_floats(const onnx::TensorProto& tensor) {
  std::string out(static_cast<std::size_t>(tensor.float_data_size()) * 4, '\0');
  std::memcpy(out.data(), tensor.float_data().data(), out.size());
  return out;
}

TEST_CASE("the whole graph as a scope") {
  const auto scope = scope_of(parse_text(rich_text()));
  CHECK(scope.name == "model");
  CHECK(scope.nodes == std::vector<std::size_t>{0, 1, 2, 3, 4, 5});
  CHECK(scope.inputs == std::vector<std::string>{"x", "c", "ids"});
  CHECK(scope.outputs == std::vector<std::string>{"y", "e"});
  CHECK(scope.constants.size() == 5);
  CHECK(scope.digest.size() == std::string("scope-digest/1:").size() + 32);
}

TEST_CASE("the digest is pinned: changing it is a new version") {
  CHECK(digest_of(parse_text(rich_text())) == "scope-digest/1:6008a540d99535b08f3aa7dcf4e5a551");
}

TEST_CASE("what the digest does not see") {
  const auto original = parse_text(rich_text());
  const auto digest = digest_of(original);
  const auto same = [&](const char* what, const std::function<void(onnx::ModelProto&)>& change) {
    auto changed = original;
    change(changed);
    INFO(what);
    CHECK(digest_of(changed) == digest);
  };
  same("value names", [](auto& m) { rename_values(*m.mutable_graph(), "zz_"); });
  same("node names", [](auto& m) {
    for (auto& node : *m.mutable_graph()->mutable_node()) node.set_name("n" + node.op_type());
  });
  same("order of independent nodes",
       [](auto& m) { m.mutable_graph()->mutable_node()->SwapElements(0, 1); });
  same("order of initializers",
       [](auto& m) { m.mutable_graph()->mutable_initializer()->SwapElements(0, 1); });
  same("raw data for typed data", [](auto& m) {
    auto& tensor = weight(m);
    tensor.set_raw_data(raw_floats(tensor));
    tensor.clear_float_data();
  });
  same("documentation, metadata, producer", [](auto& m) {
    m.set_doc_string("text");
    m.set_producer_name("other");
    auto& entry = *m.mutable_graph()->mutable_node(0)->add_metadata_props();
    entry.set_key("namespace");
    m.mutable_graph()->mutable_node(0)->set_doc_string("text");
  });
  same("the name of the default domain", [](auto& m) {
    m.mutable_opset_import(0)->set_domain("ai.onnx");
    m.mutable_graph()->mutable_node(0)->set_domain("ai.onnx");
  });
  same("an opset import that nothing uses", [](auto& m) {
    auto& import = *m.add_opset_import();
    import.set_domain("com.microsoft");
    import.set_version(1);
  });
  same("IR version and inputs for initializers", [](auto& m) {
    m.set_ir_version(3);
    for (const auto& tensor : m.graph().initializer()) {
      auto& input = *m.mutable_graph()->add_input();
      input.set_name(tensor.name());
      input.mutable_type()->mutable_tensor_type()->set_elem_type(1);
    }
  });
  same("order of attributes", [](auto& m) {
    m.mutable_graph()->mutable_node(2)->mutable_attribute()->SwapElements(0, 1);
  });
}

TEST_CASE("weights moved to an external file keep the digest") {
  auto proto = parse_text(rich_text());
  const auto digest = digest_of(proto);
  const auto bytes = raw_floats(proto.graph().initializer(0));
  auto& tensor = weight(proto);
  tensor.clear_float_data();
  tensor.set_data_location(onnx::TensorProto::EXTERNAL);
  for (const auto& [key, value] : {std::pair{"location", "w.bin"}, std::pair{"offset", "64"}}) {
    auto& entry = *tensor.add_external_data();
    entry.set_key(key);
    entry.set_value(value);
  }
  io::MemoryFileSystem disk;
  Bytes file(64, std::byte{9});
  append(file, bytes);
  disk.put("/m/w.bin", file);
  const auto model = opened(disk, to_file(proto));
  CHECK(whole_graph_scope(model)->digest == digest);
  file[70] ^= std::byte{1};
  disk.put("/m/w.bin", file);
  CHECK(whole_graph_scope(model)->digest != digest);
}

TEST_CASE("what the digest sees") {
  const auto original = parse_text(rich_text());
  std::vector<std::string> digests = {digest_of(original)};
  const auto differs = [&](const char* what, const std::function<void(onnx::ModelProto&)>& change) {
    auto changed = original;
    change(changed);
    const auto digest = digest_of(changed);
    INFO(what);
    CHECK(std::ranges::find(digests, digest) == digests.end());
    digests.push_back(digest);
  };
  differs("an operator", [](auto& m) { m.mutable_graph()->mutable_node(0)->set_op_type("Div"); });
  differs("an opset version", [](auto& m) { m.mutable_opset_import(0)->set_version(18); });
  differs("a function's opset version",
          [](auto& m) { m.mutable_functions(0)->mutable_opset_import(0)->set_version(18); });
  differs("an attribute", [](auto& m) {
    auto& attribute = *m.mutable_graph()->mutable_node(5)->add_attribute();
    attribute.set_name("axis");
    attribute.set_type(onnx::AttributeProto::INT);
    attribute.set_i(0);
  });
  differs("an attribute's value", [](auto& m) {
    auto& attribute = *m.mutable_graph()->mutable_node(5)->add_attribute();
    attribute.set_name("axis");
    attribute.set_type(onnx::AttributeProto::INT);
    attribute.set_i(1);
  });
  differs("an attribute's name", [](auto& m) {
    auto& attribute = *m.mutable_graph()->mutable_node(5)->add_attribute();
    attribute.set_name("axes");
    attribute.set_type(onnx::AttributeProto::INT);
    attribute.set_i(1);
  });
  differs("one bit of a weight",
          [](auto& m) { weight(m).set_float_data(0, std::nextafter(1.0F, 2.0F)); });
  differs("another weight", [](auto& m) { weight(m, 1).set_float_data(3, 3.5F); });
  differs("a weight's shape", [](auto& m) { weight(m, 0).add_dims(1); });
  differs("swapped inputs",
          [](auto& m) { m.mutable_graph()->mutable_node(4)->mutable_input()->SwapElements(0, 1); });
  differs("an edge", [](auto& m) { m.mutable_graph()->mutable_node(4)->set_input(1, "g"); });
  differs("a captured value", [](auto& m) { then_branch(m).mutable_node(0)->set_input(0, "x"); });
  differs("a body's operator", [](auto& m) { then_branch(m).mutable_node(0)->set_op_type("Mul"); });
  differs("a body's constant",
          [](auto& m) { then_branch(m).mutable_initializer(0)->set_float_data(0, 6.0F); });
  differs("a function's body",
          [](auto& m) { m.mutable_functions(0)->mutable_node(1)->set_op_type("Add"); });
  differs("a function's constant", [](auto& m) {
    m.mutable_functions(0)->mutable_node(0)->mutable_attribute(0)->mutable_t()->set_float_data(
        0, 3.0F);
  });
  differs("swapped outputs",
          [](auto& m) { m.mutable_graph()->mutable_output()->SwapElements(0, 1); });
  differs("swapped inputs of the graph",
          [](auto& m) { m.mutable_graph()->mutable_input()->SwapElements(0, 1); });
  differs("an input's element type", [](auto& m) {
    m.mutable_graph()->mutable_input(2)->mutable_type()->mutable_tensor_type()->set_elem_type(
        onnx::TensorProto::INT32);
  });
  differs("a node that nothing uses", [](auto& m) {
    auto& node = *m.mutable_graph()->add_node();
    node.set_op_type("Relu");
    node.add_input("h");
    node.add_output("unused");
  });
  differs("an output asked for", [](auto& m) {
    m.mutable_graph()->mutable_node(4)->add_output("");
    m.mutable_graph()->mutable_node(4)->add_output("extra");
  });
}

TEST_CASE("two nodes of the same inputs are told apart by what uses them") {
  const auto text = [](const char* operands) {
    return std::string(
               "<ir_version: 8, opset_import: [\"\" : 17]> g () => (float[2] y) {"
               "a = RandomNormal <shape = [2]> ()  b = RandomNormal <shape = [2]> ()  y = Sub (") +
           operands + ") }";
  };
  CHECK(digest_of(parse_text(text("a, b"))) == digest_of(parse_text(text("b, a"))));
  CHECK(digest_of(parse_text(text("a, b"))) != digest_of(parse_text(text("a, a"))));
}

TEST_CASE("threads do not change hashes") {
  const auto proto = parse_text(rich_text());
  CHECK(scope_of(proto, 1).digest == scope_of(proto, 4).digest);
}

TEST_CASE("all storage forms of a tensor hash alike") {
  using T = onnx::TensorProto;
  io::MemoryFileSystem disk;
  const auto hash = [&](const T& tensor) {
    auto proto =
        parse_text("<ir_version: 10, opset_import: [\"\" : 21]> g (float[1] x) => (float[1] x) {}");
    *proto.mutable_graph()->add_initializer() = tensor;
    const auto hashes = hash_constants(opened(disk, to_file(proto)));
    INFO((hashes ? std::string() : hashes.error().message()));
    REQUIRE(hashes);
    return (*hashes)[0].hex();
  };
  const auto make = [](T::DataType type, std::vector<std::int64_t> dims) {
    T tensor;
    tensor.set_name("t");
    tensor.set_data_type(type);
    for (auto dim : dims) tensor.add_dims(dim);
    return tensor;
  };
  const auto check_pair = [&](T typed, const std::string& bytes) {
    auto raw = typed;
    raw.clear_int32_data();
    raw.clear_int64_data();
    raw.clear_uint64_data();
    raw.clear_double_data();
    raw.clear_float_data();
    raw.set_raw_data(bytes);
    CHECK(hash(typed) == hash(raw));
  };
  using namespace std::string_literals;
  auto int8 = make(T::INT8, {3});
  for (int value : {1, -1, 127}) int8.add_int32_data(value);
  check_pair(int8, "\x01\xFF\x7F"s);
  auto half = make(T::FLOAT16, {2});
  for (int value : {0x3C00, 0x1234}) half.add_int32_data(value);
  check_pair(half, "\x00\x3C\x34\x12"s);
  auto int64 = make(T::INT64, {2});
  for (int value : {-2, 3}) int64.add_int64_data(value);
  check_pair(int64, "\xFE\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x03\0\0\0\0\0\0\0"s);
  auto uint32 = make(T::UINT32, {1});
  uint32.add_uint64_data(0xFFFFFFFF);
  check_pair(uint32, "\xFF\xFF\xFF\xFF"s);
  auto doubles = make(T::DOUBLE, {1});
  doubles.add_double_data(1.0);
  check_pair(doubles, "\0\0\0\0\0\0\xF0\x3F"s);
  auto boolean = make(T::BOOL, {2});
  for (int value : {1, 0}) boolean.add_int32_data(value);
  check_pair(boolean, "\x01\0"s);
  auto uint4 = make(T::UINT4, {3});
  for (int value : {0x21, 0x03}) uint4.add_int32_data(value);
  check_pair(uint4, "\x21\x03"s);
  auto complex = make(T::COMPLEX64, {1});
  complex.add_float_data(1.0F);
  complex.add_float_data(0.0F);
  check_pair(complex, "\0\0\x80\x3F\0\0\0\0"s);
}

TEST_CASE("string tensors hash their texts and where they end") {
  io::MemoryFileSystem disk;
  const auto hash = [&](std::vector<std::string> texts) {
    auto proto =
        parse_text("<ir_version: 10, opset_import: [\"\" : 21]> g (float[1] x) => (float[1] x) {}");
    auto& tensor = *proto.mutable_graph()->add_initializer();
    tensor.set_name("t");
    tensor.set_data_type(onnx::TensorProto::STRING);
    for (auto& text : texts) tensor.add_string_data(text);
    tensor.add_dims(static_cast<std::int64_t>(texts.size()));
    return hash_constants(opened(disk, to_file(proto)))->at(0).hex();
  };
  CHECK(hash({"ab", "c"}) != hash({"a", "bc"}));
  CHECK(hash({"ab", "c"}) == hash({"ab", "c"}));
}

TEST_CASE("graphs that no digest can be made of") {
  const auto error = [](const onnx::ModelProto& proto) {
    io::MemoryFileSystem disk;
    const auto scope = whole_graph_scope(opened(disk, to_file(proto)));
    REQUIRE_FALSE(scope);
    CHECK(scope.error().kind() == ErrorKind::corrupt);
    return scope.error().message();
  };
  auto dangling = parse_text(rich_text());
  dangling.mutable_graph()->mutable_node(0)->set_input(1, "nothing");
  CHECK(error(dangling) ==
        "/m/model.onnx: node 0 (Mul): input nothing is made by nothing before it");
  auto output = parse_text(rich_text());
  output.mutable_graph()->mutable_output(0)->set_name("nothing");
  CHECK(error(output) == "/m/model.onnx: output nothing is made by nothing");
  auto recursive = parse_text(rich_text());
  auto& node = *recursive.mutable_functions(0)->mutable_node(1);
  node.set_op_type("Double");
  node.set_domain("local");
  node.mutable_input()->RemoveLast();
  CHECK(error(recursive).find("function Double calls itself") != std::string::npos);
  auto short_data = parse_text(rich_text());
  weight(short_data).mutable_float_data()->RemoveLast();
  CHECK(
      error(short_data) ==
      "/m/model.onnx: tensor w of graph: typed values make 12 bytes, type float and shape need 16");
}

TEST_CASE("a set cancel flag stops hashing") {
  io::MemoryFileSystem disk;
  CancelFlag cancel;
  cancel.set();
  const auto scope = whole_graph_scope(opened(disk, to_file(parse_text(rich_text()))),
                                       {.threads = 2, .cancel = &cancel});
  REQUIRE_FALSE(scope);
  CHECK(scope.error().kind() == ErrorKind::cancelled);
}

TEST_CASE("what could name scopes") {
  auto proto = parse_text(rich_text());
  const std::vector<std::string> names = {"/encoder/a", "/encoder/b", "/decoder/a",
                                          "plain",      "m.n",        ""};
  for (int i = 0; i < 6; ++i) {
    auto& node = *proto.mutable_graph()->mutable_node(i);
    node.set_name(names[static_cast<std::size_t>(i)]);
    auto& own = *node.add_metadata_props();
    own.set_key("org.onnxpack.scope");
    if (i > 3) continue;
    auto& entry = *node.add_metadata_props();
    entry.set_key("namespace");
    entry.set_value(i == 0 ? "first" : "rest");
  }
  io::MemoryFileSystem disk;
  const auto hints = scope_hints(opened(disk, to_file(proto)));
  REQUIRE(hints.size() == 3);
  CHECK(hints[0].key == "namespace");
  CHECK(hints[0].nodes == 4);
  CHECK(hints[0].distinct == 2);
  CHECK(hints[0].examples[0].value == "rest");
  CHECK(hints[0].examples[0].nodes == 3);
  CHECK(hints[1].kind == HintKind::name_prefix);
  CHECK(hints[1].key == "/");
  CHECK(hints[1].examples[0].value == "encoder");
  CHECK(hints[2].key == ".");
}

}  // namespace
}  // namespace onnxpack::model
