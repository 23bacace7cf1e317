#include "onnxpack/transform/flex_attention.h"

#include <fmt/format.h>

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <map>
#include <random>

#include "onnxpack/model/check.h"
#include "support.h"

namespace onnxpack::transform {
namespace {

using namespace test;

constexpr const char* preview = "ai.onnx.preview";
constexpr const char* own = "org.onnxpack";

void add_value(google::protobuf::RepeatedPtrField<onnx::ValueInfoProto>& values,
               const std::string& name, std::int32_t type = onnx::TensorProto::FLOAT,
               std::vector<std::int64_t> shape = {1, 2, 4, 8}) {
  auto& info = *values.Add();
  info.set_name(name);
  auto& tensor = *info.mutable_type()->mutable_tensor_type();
  tensor.set_elem_type(type);
  tensor.mutable_shape();
  for (auto size : shape) tensor.mutable_shape()->add_dim()->set_dim_value(size);
}

onnx::NodeProto node(const char* type, std::vector<std::string> inputs, const std::string& output,
                     const char* domain = "") {
  onnx::NodeProto out;
  out.set_op_type(type);
  out.set_domain(domain);
  for (const auto& input : inputs) out.add_input(input);
  out.add_output(output);
  return out;
}

onnx::GraphProto& graph_attribute(onnx::NodeProto& of, const char* name) {
  auto& attribute = *of.add_attribute();
  attribute.set_name(name);
  attribute.set_type(onnx::AttributeProto::GRAPH);
  attribute.mutable_g()->set_name(name);
  return *attribute.mutable_g();
}

// tanh of the scores; or scores less their mean, which no tile program can say.
onnx::NodeProto flex(std::vector<std::string> inputs, const std::string& output, bool tileable) {
  auto out = node("FlexAttention", std::move(inputs), output, preview);
  auto& graph = graph_attribute(out, "score_mod");
  const std::vector<std::int64_t> scores = {1, 2, 4, 4};
  add_value(*graph.mutable_input(), output + "_s", onnx::TensorProto::FLOAT, scores);
  add_value(*graph.mutable_output(), output + "_t", onnx::TensorProto::FLOAT, scores);
  if (tileable) {
    *graph.add_node() = node("Tanh", {output + "_s"}, output + "_t");
  } else {
    *graph.add_node() = node("ReduceMean", {output + "_s"}, output + "_m");
    *graph.add_node() = node("Sub", {output + "_s", output + "_m"}, output + "_t");
  }
  return out;
}

// Every value is [1, 2, 4, 8], so that any node may take any of them.
class Models {
 public:
  explicit Models(unsigned seed) : random_(seed) {}

  std::mt19937& random() { return random_; }
  // Calls of Attend, which holds one, count as one.
  std::size_t flex_nodes() const { return count_; }

  onnx::ModelProto next() {
    onnx::ModelProto out;
    count_ = 0;
    serial_ = 0;
    out.set_ir_version(10);
    for (const auto& [domain, version] :
         std::map<std::string, int>{{"", 25}, {preview, 1}, {"local", 1}}) {
      auto& import = *out.add_opset_import();
      import.set_domain(domain);
      import.set_version(version);
    }
    auto& graph = *out.mutable_graph();
    graph.set_name("g");
    for (const char* name : {"Q", "K", "V"}) add_value(*graph.mutable_input(), name);
    add_value(*graph.mutable_input(), "c", onnx::TensorProto::BOOL, {});
    add_weight(graph);
    std::vector<std::string> values = {"Q", "K", "V", "w"};
    const std::size_t length = 1 + random_() % 8;
    for (std::size_t i = 0; i < length; ++i)
      values.push_back(add_any(*graph.mutable_node(), values, true));
    *graph.add_node() = node("Identity", {values.back()}, "Y");
    add_value(*graph.mutable_output(), "Y");
    add_functions(out);
    return out;
  }

 private:
  using Nodes = google::protobuf::RepeatedPtrField<onnx::NodeProto>;

  const std::string& any(const std::vector<std::string>& values) {
    return values[random_() % values.size()];
  }

  std::string add_any(Nodes& nodes, const std::vector<std::string>& values, bool with_if) {
    const std::string output = fmt::format("v{}", serial_++);
    switch (random_() % (with_if ? 6U : 5U)) {
      case 0:
        *nodes.Add() = node("Add", {any(values), any(values)}, output);
        break;
      case 1:
        *nodes.Add() = node("Double", {any(values)}, output, "local");
        break;
      case 2:
        *nodes.Add() = node("Attend", {any(values), any(values)}, output, "local");
        ++count_;
        break;
      case 5:
        *nodes.Add() = branches(values, output);
        break;
      default:
        *nodes.Add() = flex({any(values), any(values), any(values)}, output, random_() % 3 != 0);
        ++count_;
    }
    if (random_() % 2 == 0) nodes.at(nodes.size() - 1).set_name("n" + output);
    return output;
  }

  onnx::NodeProto branches(const std::vector<std::string>& outer, const std::string& output) {
    auto out = node("If", {"c"}, output);
    for (const char* name : {"then_branch", "else_branch"}) {
      auto& graph = graph_attribute(out, name);
      std::vector<std::string> values = outer;
      const std::size_t length = 1 + random_() % 3;
      for (std::size_t i = 0; i < length; ++i)
        values.push_back(add_any(*graph.mutable_node(), values, false));
      add_value(*graph.mutable_output(), values.back());
    }
    return out;
  }

  void add_weight(onnx::GraphProto& graph) {
    auto& tensor = *graph.add_initializer();
    tensor.set_name("w");
    tensor.set_data_type(onnx::TensorProto::FLOAT);
    for (int size : {1, 2, 4, 8}) tensor.add_dims(size);
    std::string raw(256, '\0');
    for (auto& byte : raw) byte = static_cast<char>(random_() % 64);
    tensor.set_raw_data(raw);
  }

  static void add_functions(onnx::ModelProto& model) {
    const auto add = [&](const char* name, std::vector<std::string> inputs, onnx::NodeProto body) {
      auto& function = *model.add_functions();
      function.set_domain("local");
      function.set_name(name);
      for (const auto& input : inputs) function.add_input(input);
      function.add_output("y");
      *function.add_node() = node("Identity", {inputs[0]}, "mid");
      *function.add_node() = std::move(body);
      *function.mutable_opset_import() = model.opset_import();
    };
    add("Attend", {"q", "k"}, flex({"mid", "k", "k"}, "y", true));
    add("Double", {"x"}, node("Add", {"mid", "x"}, "y"));
  }

  std::mt19937 random_;
  std::size_t count_ = 0;
  std::size_t serial_ = 0;
};

FlexLowering lowered(const model::ModelFile& model, FlexForm form) {
  auto out = lower_flex_attention(model, form);
  INFO((out ? std::string() : out.error().message()));
  REQUIRE(out);
  return std::move(*out);
}

constexpr FlexForm forms[] = {FlexForm::operator_, FlexForm::expansion};

bool is_own(const Field& field) {
  if (field.number != node_field) return false;
  const auto made = parsed<onnx::NodeProto>(field.payload);
  return made.domain() == own && made.op_type() == "FlexAttention";
}

bool mentions_flex(const Field& field) {
  const std::string_view text(reinterpret_cast<const char*>(field.payload.data()),
                              field.payload.size());
  return text.find("FlexAttention") != std::string_view::npos ||
         text.find("Attend") != std::string_view::npos;
}

TEST_CASE("what holds no FlexAttention stays byte for byte, in its order") {
  Models models(1);
  for (int i = 0; i < 60; ++i) {
    auto bytes = to_file(models.next());
    // Fields that nobody knows.
    model::append_bytes_field(bytes, 1001, as_bytes(std::string("later")));
    io::MemoryFileSystem disk;
    const auto model = opened(disk, bytes);
    auto before = parts_of(bytes);
    std::erase_if(before.graph, mentions_flex);
    std::erase_if(before.model, mentions_flex);
    for (FlexForm form : forms) {
      const auto made = lowered(model, form);
      const auto after = parts_of(spliced(model, made.splice));
      for (const Field& field : added(before.graph, after.graph))
        REQUIRE(field.number == node_field);
      // An import of the operator's domain, and Attend where nothing calls it.
      for (const Field& field : added(before.model, after.model))
        REQUIRE((field.number == 8 || models.flex_nodes() == 0));
    }
  }
}

TEST_CASE("each node is lowered once, and a second lowering finds nothing") {
  Models models(2);
  for (int i = 0; i < 60; ++i) {
    const auto bytes = to_file(models.next());
    io::MemoryFileSystem disk;
    const auto model = opened(disk, bytes);
    for (FlexForm form : forms) {
      const auto made = lowered(model, form);
      REQUIRE(made.nodes.size() == models.flex_nodes());
      for (const FlexNode& one : made.nodes) {
        REQUIRE(one.expanded == (form == FlexForm::expansion || !one.why_expanded.empty()));
        REQUIRE(one.expanded == one.score_bytes.empty());
      }
      auto after = model::open_spliced(model, made.splice);
      REQUIRE(after);
      const auto has = has_flex_attention(*after);
      REQUIRE((has && !*has));
      const auto again = lowered(*after, form);
      REQUIRE(again.nodes.empty());
      REQUIRE(spliced(*after, again.splice) == spliced(model, made.splice));
    }
  }
}

TEST_CASE("to_lower, has_flex_attention and lowering agree on what there is") {
  Models models(3);
  std::size_t without = 0;
  for (int i = 0; i < 60; ++i) {
    auto proto = models.next();
    if (i % 3 == 0) {  // half of these have none left
      proto.mutable_graph()->mutable_node()->DeleteSubrange(0, proto.graph().node_size() - 1);
      proto.mutable_graph()->mutable_node(0)->set_input(0, "Q");
      proto.clear_functions();
    }
    io::MemoryFileSystem disk;
    const auto bytes = to_file(proto);
    const auto model = opened(disk, bytes);
    const auto has = has_flex_attention(model);
    REQUIRE(has);
    const auto made = lowered(model, FlexForm::operator_);
    const auto listed = to_lower(model);
    REQUIRE(listed.size() == made.nodes.size());
    for (std::size_t n = 0; n < listed.size(); ++n) {
      REQUIRE(listed[n].name == made.nodes[n].name);
      REQUIRE(listed[n].score_bytes == made.nodes[n].score_bytes);
    }
    if (!*has) {
      ++without;
      REQUIRE(made.nodes.empty());
      REQUIRE(spliced(model, made.splice) == bytes);
    }
  }
  REQUIRE(without >= 20);
}

TEST_CASE("the operator keeps the node's name, inputs and output, and needs one import") {
  Models models(4);
  for (int i = 0; i < 40; ++i) {
    const auto proto = models.next();
    io::MemoryFileSystem disk;
    const auto bytes = to_file(proto);
    const auto model = opened(disk, bytes);
    const auto made = lowered(model, FlexForm::operator_);
    const auto after = parts_of(spliced(model, made.splice));
    std::map<std::string, onnx::NodeProto> by_output;
    for (const Field& field : after.graph) {
      if (!is_own(field)) continue;
      const auto one = parsed<onnx::NodeProto>(field.payload);
      by_output[one.output(0)] = one;
    }
    for (const auto& one : proto.graph().node()) {
      if (one.op_type() != "FlexAttention" || !by_output.contains(one.output(0))) continue;
      const auto& own_node = by_output[one.output(0)];
      REQUIRE(own_node.name() == one.name());
      REQUIRE(std::ranges::equal(own_node.input(), one.input()));
    }
    const auto imports = std::ranges::count_if(after.model, [](const Field& field) {
      return field.number == 8 && parsed<onnx::OperatorSetIdProto>(field.payload).domain() == own;
    });
    const bool uses =
        std::ranges::any_of(made.nodes, [](const auto& one) { return !one.expanded; });
    REQUIRE(imports == (uses ? 1 : 0));
  }
}

TEST_CASE("an expanded model is one that onnx accepts, whatever names it had") {
  Models models(5);
  for (int i = 0; i < 40; ++i) {
    auto proto = models.next();
    // The first result says which names lowering likes; then the model has some of them itself.
    for (int round = 0; round < 3; ++round) {
      INFO(fmt::format("model {}, round {}", i, round));
      io::MemoryFileSystem disk;
      const auto bytes = to_file(proto);
      const auto model = opened(disk, bytes);
      const auto before = given_names(proto.graph());
      std::set<std::string> liked;
      for (FlexForm form : forms) {
        const auto made = lowered(model, form);
        const auto graph = parsed<onnx::ModelProto>(spliced(model, made.splice)).graph();
        for (const std::string& name : given_names(graph)) {
          INFO(name);
          REQUIRE((given_names(graph).count(name) == 1 || before.count(name) > 1));
          if (!before.contains(name)) liked.insert(name);
        }
        auto after = model::open_spliced(model, made.splice);
        REQUIRE(after);
        const auto report = model::check(*after);
        INFO((report ? std::string() : report.error().message()));
        REQUIRE(report);
      }
      rename_some(*proto.mutable_graph(), {liked.begin(), liked.end()}, models.random());
    }
  }
}

TEST_CASE("a node that breaks the operator's schema is corrupt, and not listed") {
  const auto refused = [](onnx::NodeProto broken) {
    Models models(6);
    auto proto = models.next();
    *proto.mutable_graph()->mutable_node()->Add() = std::move(broken);
    io::MemoryFileSystem disk;
    const auto bytes = to_file(proto);
    const auto model = opened(disk, bytes);
    auto made = lower_flex_attention(model, FlexForm::operator_);
    REQUIRE(!made);
    REQUIRE(to_lower(model).empty());
    return made.error().kind();
  };
  REQUIRE(refused(flex({"Q", "K"}, "broken", true)) == ErrorKind::corrupt);
  auto two = flex({"Q", "K", "V"}, "broken", true);
  two.add_output("second");
  REQUIRE(refused(two) == ErrorKind::corrupt);
}

}  // namespace
}  // namespace onnxpack::transform
