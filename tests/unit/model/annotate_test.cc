#include "onnxpack/model/annotate.h"

#include <fmt/format.h>

#include <catch2/catch_test_macros.hpp>
#include <cstring>

#include "models.h"
#include "onnxpack/model/scope_table.h"
#include "onnxpack/model/wire.h"

namespace onnxpack::model {
namespace {

using namespace test;

std::vector<NodeAnnotation> on_every_node(const ModelFile& model) {
  std::vector<NodeAnnotation> out;
  for (std::size_t i = 0; i < model.nodes().size(); ++i) {
    out.push_back({i, {{std::string(node_scope_key), "model"}}});
  }
  return out;
}

std::vector<MetadataEntry> some_table(std::size_t variants = 1) {
  TableScope scope{"model", "scope-digest/1:00", 3, {}};
  for (std::size_t i = 0; i < variants; ++i) {
    scope.variants.push_back({fmt::format("v{}", i), "none", "ep", "ab", {"cd"}});
  }
  auto entries = table_metadata({&scope, 1});
  REQUIRE(entries);
  return *entries;
}

Bytes annotated(const ModelFile& model) {
  auto made = AnnotatedModel::make(model, on_every_node(model));
  INFO((made ? std::string() : made.error().message()));
  REQUIRE(made);
  auto splice = made->with_table(some_table());
  INFO((splice ? std::string() : splice.error().message()));
  REQUIRE(splice);
  return content(*splice_view(model.shared_file(), *splice));
}

Bytes stripped(ByteView bytes) {
  auto file = std::make_shared<ViewFile>(bytes);
  auto splice = strip(*file);
  REQUIRE(splice);
  return content(*splice_view(file, *splice));
}

// annotate, then strip; and the annotated file is what onnx's own reader sees as the model with
// more metadata.
void check_round_trip(ByteView bytes) {
  io::MemoryFileSystem disk;
  const auto model = opened(disk, bytes);
  const auto made = annotated(model);
  REQUIRE(stripped(made) == Bytes(bytes.begin(), bytes.end()));

  onnx::ModelProto before;
  onnx::ModelProto after;
  REQUIRE(before.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())));
  REQUIRE(after.ParseFromArray(made.data(), static_cast<int>(made.size())));
  REQUIRE(after.graph().node_size() == before.graph().node_size());
  for (auto& node : *after.mutable_graph()->mutable_node()) {
    REQUIRE(node.metadata_props_size() > 0);
    const auto& last = node.metadata_props(node.metadata_props_size() - 1);
    REQUIRE(last.key() == node_scope_key);
    REQUIRE(last.value() == "model");
    node.mutable_metadata_props()->RemoveLast();
  }
  while (after.metadata_props_size() > before.metadata_props_size()) {
    after.mutable_metadata_props()->RemoveLast();
  }
  REQUIRE(after.SerializeAsString() == before.SerializeAsString());
}

TEST_CASE("annotation and its inverse, over IR versions") {
  for (int ir : {3, 4, 7, 8, 10, 13, 14}) {
    auto proto = parse_text(rich_text());
    proto.set_ir_version(ir);
    if (ir == 3) {
      for (const auto& tensor : proto.graph().initializer()) {
        auto& input = *proto.mutable_graph()->add_input();
        input.set_name(tensor.name());
        input.mutable_type()->mutable_tensor_type()->set_elem_type(tensor.data_type());
      }
    }
    check_round_trip(to_file(proto));
  }
}

TEST_CASE("foreign metadata stays, on nodes and on the model") {
  auto proto = parse_text(rich_text());
  auto& entry = *proto.add_metadata_props();
  entry.set_key("org.example");
  entry.set_value("x");
  for (auto& node : *proto.mutable_graph()->mutable_node()) {
    auto& hint = *node.add_metadata_props();
    hint.set_key("namespace");
    hint.set_value(std::string(300, 'n'));
  }
  check_round_trip(to_file(proto));
}

TEST_CASE("lengths that grow across a varint's width shrink back") {
  for (int length = 60; length < 140; ++length) {
    auto proto = parse_text(rich_text());
    proto.mutable_graph()->mutable_node(0)->set_name(
        std::string(static_cast<std::size_t>(length), 'n'));
    check_round_trip(to_file(proto));
  }
}

TEST_CASE("an empty graph, and a graph without any field") {
  check_round_trip(to_file(
      parse_text("<ir_version: 8, opset_import: [\"\" : 17]> g (float[1] x) => (float[1] x) {}")));
  Bytes bytes;
  append_varint_field(bytes, 1, 8);
  append_bytes_field(bytes, 7, {});
  check_round_trip(bytes);
}

// Re-encodes the model with every length padded, fields reversed, unknown fields and groups strewn
// in, and the graph split in two.
class Mangler {
 public:
  explicit Mangler(unsigned seed) : random_(seed) {}

  Bytes model(const onnx::ModelProto& proto) {
    Bytes out;
    auto rest = proto;
    rest.clear_graph();
    rest.clear_ir_version();
    unknown(out);
    append(out, rest.SerializeAsString());
    onnx::GraphProto first = proto.graph();
    onnx::GraphProto second;
    second.set_name(first.name());
    if (random_() % 2 == 0 && first.node_size() > 0) {
      *second.add_node() = first.node(first.node_size() - 1);
      first.mutable_node()->RemoveLast();
    }
    field(out, 7, graph(first));
    field(out, 7, graph(second));
    append_tag(out, 1, WireType::varint);
    append_varint(out, 8, 1 + random_() % 10);
    unknown(out);
    return out;
  }

 private:
  Bytes graph(const onnx::GraphProto& proto) {
    Bytes out;
    auto rest = proto;
    rest.clear_node();
    if (random_() % 2 == 0) append(out, rest.SerializeAsString());
    for (const auto& node : proto.node()) {
      unknown(out);
      Bytes bytes = to_bytes(node.SerializeAsString());
      unknown(bytes);
      field(out, 1, bytes);
    }
    if (out.empty()) append(out, rest.SerializeAsString());
    return out;
  }
  void field(Bytes& out, std::uint32_t number, ByteView payload) {
    append_tag(out, number, WireType::bytes);
    const auto width = varint_width(payload.size());
    // Five bytes are the widest length that protobuf's own reader takes.
    append_varint(out, payload.size(), width + random_() % (6 - width));
    append(out, payload);
  }
  void unknown(Bytes& out) {
    switch (random_() % 4) {
      case 0:
        append_varint_field(out, static_cast<std::uint32_t>(1000 + random_() % 10), random_());
        break;
      case 1:
        append_bytes_field(out, 2000, Bytes(random_() % 200, std::byte{1}));
        break;
      case 2:
        append_tag(out, 3000, WireType::group);
        append_varint_field(out, 1, 5);
        append_varint(out, 3000 << 3 | 4);
        break;
      default:
        break;
    }
  }
  std::mt19937 random_;
};

TEST_CASE("odd but legal encodings come back byte for byte") {
  const auto proto = parse_text(rich_text());
  for (unsigned seed = 0; seed < 300; ++seed) {
    INFO("seed " << seed);
    const auto bytes = Mangler(seed).model(proto);
    io::MemoryFileSystem disk;
    const auto model = opened(disk, bytes);
    CHECK(model.nodes().size() == static_cast<std::size_t>(proto.graph().node_size()));
    const auto made = annotated(model);
    REQUIRE(stripped(made) == bytes);
    onnx::ModelProto after;
    REQUIRE(after.ParseFromArray(made.data(), static_cast<int>(made.size())));
    CHECK(after.graph().node_size() == proto.graph().node_size());
  }
}

TEST_CASE("damaged models are refused or come back byte for byte") {
  const auto good = to_file(parse_text(rich_text()));
  std::mt19937 random(3);
  int accepted = 0;
  for (int round = 0; round < 3000; ++round) {
    auto bytes = good;
    const auto flips = 1 + random() % 4;
    for (unsigned i = 0; i < flips; ++i)
      bytes[random() % bytes.size()] = static_cast<std::byte>(random());
    if (random() % 8 == 0) bytes.resize(random() % bytes.size());
    io::MemoryFileSystem disk;
    const auto model = open_bytes(disk, bytes);
    if (!model || model->is_annotated()) continue;
    ++accepted;
    REQUIRE(stripped(annotated(*model)) == bytes);
  }
  CHECK(accepted > 300);
}

TEST_CASE("offsets of weights follow from the nodes alone") {
  io::MemoryFileSystem disk;
  auto proto = parse_text(rich_text());
  for (auto& tensor : *proto.mutable_graph()->mutable_initializer()) {
    tensor.set_raw_data(
        std::string(static_cast<std::size_t>(tensor.float_data_size()) * 4, '\x2A'));
    tensor.clear_float_data();
  }
  const auto model = opened(disk, to_file(proto));
  auto made = AnnotatedModel::make(model, on_every_node(model));
  REQUIRE(made);
  std::size_t looked_at = 0;
  for (const std::size_t variants : {std::size_t{0}, std::size_t{1}, std::size_t{40}}) {
    auto splice = made->with_table(some_table(variants));
    REQUIRE(splice);
    const auto bytes = content(*splice_view(model.shared_file(), *splice));
    const auto original = content(model.file());
    for (const auto& constant : model.constants()) {
      const auto* data = std::get_if<InlineData>(&constant.data);
      if (data == nullptr) continue;
      ++looked_at;
      const auto offset = made->annotated_offset(data->range.offset);
      CHECK(std::memcmp(&bytes[offset], &original[data->range.offset], data->range.size) == 0);
      CHECK(offset > data->range.offset);
    }
  }
  CHECK(looked_at >= 6);
}

TEST_CASE("the table is the tail, readable and without order of its own") {
  io::MemoryFileSystem disk;
  const auto bytes = annotated(opened(disk, to_file(parse_text(rich_text()))));
  const auto again = opened(disk, bytes);
  CHECK(again.is_annotated());
  CHECK_FALSE(again.was_annotated());
  REQUIRE(again.own_metadata().size() == 2);
  CHECK(again.own_metadata()[0] == MetadataEntry{"org.onnxpack.format", "scope-metadata/1"});
  CHECK(again.own_metadata()[1].key == "org.onnxpack.scope.model");
  CHECK(again.own_metadata()[1].value ==
        R"({"digest":"scope-digest/1:00","nodes":3,"variants":[{"backend":"none","blobs":["cd"],)"
        R"("compatibility_hash":"ab","ep":"ep","variant":"v0"}]})");
  CHECK(again.metadata().empty());
  const auto text = as_text(bytes);
  CHECK(text.ends_with(again.own_metadata()[1].value));
}

TEST_CASE("an annotated model opens as the original, and is annotated anew from there") {
  io::MemoryFileSystem disk;
  const auto original = to_file(parse_text(rich_text()));
  const auto once = annotated(opened(disk, original));
  const auto model =
      opened(disk, once, {.external = ExternalFiles::required, .as = OpenAs::original});
  CHECK(model.was_annotated());
  CHECK_FALSE(model.is_annotated());
  CHECK(content(model.file()) == original);
  CHECK(annotated(model) == once);

  const auto as_is = opened(disk, once);
  auto refused = AnnotatedModel::make(as_is, {});
  REQUIRE_FALSE(refused);
  CHECK(refused.error().message() == "the model is annotated already");
}

TEST_CASE("an annotated model that another tool wrote anew is stripped of our entries") {
  io::MemoryFileSystem disk;
  const auto bytes = annotated(opened(disk, to_file(parse_text(rich_text()))));
  onnx::ModelProto proto;
  REQUIRE(proto.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())));
  auto& foreign = *proto.add_metadata_props();
  foreign.set_key("org.example");
  proto.mutable_graph()->mutable_node(0)->add_metadata_props()->set_key("namespace");
  const auto model =
      opened(disk, to_file(proto), {.external = ExternalFiles::required, .as = OpenAs::original});
  CHECK(model.own_metadata().empty());
  CHECK(model.metadata().size() == 1);
  for (const auto& node : model.nodes()) {
    for (const auto& entry : node.metadata) CHECK_FALSE(entry.key.starts_with(metadata_prefix));
  }
  CHECK(model.nodes()[0].metadata.size() == 1);
}

TEST_CASE("what annotate refuses") {
  io::MemoryFileSystem disk;
  const auto model = opened(disk, to_file(parse_text(rich_text())));
  const auto message = [&](std::vector<NodeAnnotation> nodes) {
    auto made = AnnotatedModel::make(model, nodes);
    REQUIRE_FALSE(made);
    CHECK(made.error().kind() == ErrorKind::invalid_argument);
    return made.error().message();
  };
  CHECK(message({{99, {}}}) == "node 99 is annotated, the graph has 6");
  CHECK(message({{0, {{"org.onnxpack.a", ""}}}, {0, {{"org.onnxpack.b", ""}}}}) ==
        "node 0 is annotated twice");
  CHECK(message({{0, {{"namespace", ""}}}}) ==
        "metadata key 'namespace' does not begin with org.onnxpack.");
  CHECK(message({{0, {{"org.onnxpack.wide", ""}}}}) ==
        "metadata key org.onnxpack.wide is annotate's own");
}

TEST_CASE("strip of a model without annotation is that model") {
  const auto bytes = to_file(parse_text(rich_text()));
  const ViewFile file(bytes);
  const auto splice = strip(file);
  REQUIRE(splice);
  REQUIRE(splice->segments.size() == 1);
  CHECK(std::get<FileRange>(splice->segments[0]) == FileRange{0, bytes.size()});
}

TEST_CASE("scope names and tables that are refused") {
  CHECK(check_scope_name("encoder/layer.0"));
  CHECK(check_scope_name("").error().message() == "scope name has 0 characters, expected 1 to 200");
  CHECK(check_scope_name("a,b").error().message() ==
        "scope name 'a,b' holds ',', expected letters, digits and ._-/:+@");
  const std::vector<TableScope> twice = {{"a", "", 0, {}}, {"a", "", 0, {}}};
  CHECK(table_metadata(twice).error().message() == "scope a stands twice in the table");
  const std::vector<TableScope> bad = {{"a", "", 0, {{"\xFF", "", "", "", {}}}}};
  CHECK(table_metadata(bad).error().message() == "'\\xff' is not UTF-8");
  std::vector<Scope> scopes = {{"a", {0, 2}, {}, {}, {}, ""}, {"b", {2}, {}, {}, {}, ""}};
  const auto annotations = node_annotations(scopes);
  REQUIRE(annotations);
  REQUIRE(annotations->size() == 2);
  CHECK((*annotations)[1].entries[0] == MetadataEntry{"org.onnxpack.scope", "a,b"});
}

}  // namespace
}  // namespace onnxpack::model
