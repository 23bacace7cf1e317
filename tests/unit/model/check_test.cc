#include "onnxpack/model/check.h"

#include <algorithm>
#include <catch2/catch_test_macros.hpp>

#include "models.h"
#include "onnxpack/model/input_ranges.h"

namespace onnxpack::model {
namespace {

using namespace test;

CheckReport checked(const onnx::ModelProto& proto) {
  io::MemoryFileSystem disk;
  auto report = check(opened(disk, to_file(proto)));
  INFO((report ? std::string() : report.error().message()));
  REQUIRE(report);
  return *report;
}

std::string check_error(const onnx::ModelProto& proto) {
  io::MemoryFileSystem disk;
  const auto report = check(opened(disk, to_file(proto)));
  REQUIRE_FALSE(report);
  CHECK(report.error().kind() == ErrorKind::corrupt);
  return report.error().message();
}

std::string shape_of(const CheckReport& report, const std::string& name) {
  const auto found = std::ranges::find(report.values, name, &ValueInfo::name);
  REQUIRE(found != report.values.end());
  return found->type + (found->shape ? to_string(*found->shape) : "");
}

TEST_CASE("a good model passes, and its values have types") {
  const auto report = checked(parse_text(rich_text()));
  CHECK(report.complete);
  CHECK(report.unknown.empty());
  CHECK(report.warnings.empty());
  CHECK(shape_of(report, "h") == "tensor(float)[N, 4]");
  CHECK(shape_of(report, "d") == "tensor(float)[N, 4]");
  CHECK(shape_of(report, "e") == "tensor(float)[2, 4]");
}

// Makes a tensor too large to stay in the skeleton.
void enlarge(onnx::TensorProto& tensor, std::int64_t rows) {
  tensor.clear_dims();
  tensor.add_dims(rows);
  tensor.add_dims(4);
  tensor.clear_float_data();
  tensor.set_raw_data(std::string(static_cast<std::size_t>(rows) * 16, '\0'));
}

TEST_CASE(
    "large constants everywhere: initializers, Constant nodes, bodies, functions, sparse ones") {
  auto proto = parse_text(R"(
<ir_version: 8, opset_import: ["" : 17, "local" : 1]>
large (float[2000, 4] x, bool c) => (float[2000, 4] y)
<float[4] w = {1, 2, 3, 4}>
{
  h = Mul (x, w)
  big = Constant <value = float {2.0}> ()
  g = If (c) <
    then_branch = t () => (float[A, B] k2) <float[1] k = {5.0}> { k2 = Add (h, k) },
    else_branch = e () => (float[A, B] f) { f = Constant <value = float {2.0}> () }
  >
  a = Add (g, big)
  y = local.Shift (a)
}
<domain: "local", opset_import: ["" : 17]>
Shift (a) => (b) { s = Constant <value = float {2.0}> () b = Add (a, s) }
)");
  auto& graph = *proto.mutable_graph();
  const std::int64_t rows = 2000;
  enlarge(*graph.mutable_initializer(0), rows);
  enlarge(*graph.mutable_node(1)->mutable_attribute(0)->mutable_t(), rows);
  auto& branches = *graph.mutable_node(2);
  enlarge(*branches.mutable_attribute(0)->mutable_g()->mutable_initializer(0), rows);
  enlarge(*branches.mutable_attribute(1)
               ->mutable_g()
               ->mutable_node(0)
               ->mutable_attribute(0)
               ->mutable_t(),
          rows);
  enlarge(*proto.mutable_functions(0)->mutable_node(0)->mutable_attribute(0)->mutable_t(), rows);
  const auto report = checked(proto);
  CHECK(report.complete);
  CHECK(report.warnings.empty());
  CHECK(shape_of(report, "a") == "tensor(float)[2000, 4]");
  CHECK(std::ranges::none_of(report.values,
                             [](const auto& v) { return v.name.starts_with("onnxpack."); }));

  // The same with a dimension that does not fit is still caught.
  enlarge(*graph.mutable_node(1)->mutable_attribute(0)->mutable_t(), 1999);
  CHECK(check_error(proto).find("onnx's shape inference refuses the model: ") != std::string::npos);
}

TEST_CASE("models of several IR versions, padded lengths and sparse initializers") {
  for (const auto* name : {"ir3", "ir7", "ir8", "ir10", "ir13", "ir14", "padded", "sparse"}) {
    INFO(name);
    const auto model = ModelFile::open(io::real_file_system(),
                                       std::string(ONNXPACK_TEST_DATA "/model/") + name + ".onnx");
    REQUIRE(model);
    const auto report = check(*model);
    INFO((report ? std::string() : report.error().message()));
    REQUIRE(report);
    CHECK(report->complete);
  }
}

TEST_CASE("a large sparse initializer") {
  auto proto = parse_text(
      "<ir_version: 8, opset_import: [\"\" : 17]> g (float[9000] x) => (float[9000] y) { y = Add "
      "(x, s) }");
  auto& sparse = *proto.mutable_graph()->add_sparse_initializer();
  sparse.add_dims(9000);
  sparse.mutable_values()->set_name("s");
  sparse.mutable_values()->set_data_type(onnx::TensorProto::FLOAT);
  sparse.mutable_values()->add_dims(2000);
  sparse.mutable_values()->set_raw_data(std::string(8000, '\0'));
  sparse.mutable_indices()->set_data_type(onnx::TensorProto::INT64);
  sparse.mutable_indices()->add_dims(2000);
  for (int i = 0; i < 2000; ++i) sparse.mutable_indices()->add_int64_data(i);
  CHECK(checked(proto).complete);
}

TEST_CASE("small tensors stay, so that shapes computed from them are found") {
  const auto report = checked(parse_text(R"(
    <ir_version: 8, opset_import: ["" : 17]>
    g (float[6] x) => (float[A, B] y) <int64[2] shape = {2, 3}> { y = Reshape (x, shape) })"));
  CHECK(shape_of(report, "y") == "tensor(float)[2, 3]");
}

TEST_CASE("operators without a schema are reported, not refused") {
  const auto report = checked(parse_text(R"(
    <ir_version: 8, opset_import: ["" : 17, "com.example" : 1]>
    g (float[6] x) => (float[6] y) {
      a = com.example.Fancy (x)
      b = com.example.Fancy (a)
      c = NoSuchOperator (b)
      d = Crop (c)
      y = Add (d, x)
    })"));
  CHECK_FALSE(report.complete);
  REQUIRE(report.unknown.size() == 3);
  CHECK(report.unknown[0].message == "no schema for ai.onnx::Crop (opset 17), used by 1 node");
  CHECK(report.unknown[1].message ==
        "no schema for ai.onnx::NoSuchOperator (opset 17), used by 1 node");
  CHECK(report.unknown[2].message == "no schema for com.example::Fancy (opset 1), used by 2 nodes");
  CHECK(report.unknown[2].count == 2);
  CHECK(shape_of(report, "y") == "tensor(float)[6]");
}

TEST_CASE("an opset newer than known") {
  const auto report = checked(parse_text(R"(
    <ir_version: 8, opset_import: ["" : 99]> g (float[6] x) => (float[6] y) { y = Relu (x) })"));
  REQUIRE(report.unknown.size() == 1);
  CHECK(report.unknown[0].op_type.empty());
  CHECK(report.unknown[0].message ==
        "opset 99 of ai.onnx is newer than 28, the newest that onnx 1.23 knows; used by 1 node");
}

TEST_CASE("models that break the standard are refused with onnx's reason, in one line") {
  auto unsorted = parse_text(rich_text());
  unsorted.mutable_graph()->mutable_node()->SwapElements(0, 4);
  const auto message = check_error(unsorted);
  CHECK(
      message.starts_with("/m/model.onnx: the onnx checker refuses the model: Nodes in a graph "
                          "must be topologically sorted"));
  CHECK(message.find('\n') == std::string::npos);

  auto attribute = parse_text(rich_text());
  auto& bad = *attribute.mutable_graph()->mutable_node(0)->add_attribute();
  bad.set_name("nonsense");
  bad.set_type(onnx::AttributeProto::INT);
  bad.set_i(1);
  CHECK(check_error(attribute).find("Unrecognized attribute: nonsense for operator Mul") !=
        std::string::npos);

  auto types = parse_text(rich_text());
  types.mutable_graph()->mutable_input(0)->mutable_type()->mutable_tensor_type()->set_elem_type(
      onnx::TensorProto::INT64);
  CHECK(check_error(types).find("onnx's shape inference refuses the model: ") != std::string::npos);
}

std::string range_text(const std::string& model) {
  io::MemoryFileSystem disk;
  const auto ranges = input_ranges(opened(disk, to_file(parse_text(model))));
  REQUIRE(ranges);
  std::string out;
  for (const auto& range : *ranges) {
    out += range.input + " " + std::to_string(range.low) + ".." + std::to_string(range.high) + " " +
           range.reason + "\n";
  }
  return out;
}

TEST_CASE("ranges of integer inputs that the graph tells") {
  CHECK(range_text(R"(
    <ir_version: 8, opset_import: ["" : 17]>
    g (int32[N] ids, int64[N] free, float[N] x, int64[N] mask, int64[N] flag) => (float[A, 4] e, float[A, 2] s, float[N] m, int64[N] free2, bool[N] b)
    <float[3, 4] table = {0,1,2,3,4,5,6,7,8,9,10,11}, float[5, 2] small = {0,1,2,3,4,5,6,7,8,9}, float one = {1.0}>
    {
      wide = Cast <to = 7> (ids)
      e = Gather (table, wide)
      u = Identity (wide)
      s = Gather <axis = 0> (small, u)
      maskf = Cast <to = 1> (mask)
      m = Sub (one, maskf)
      free2 = Identity (free)
      b = Cast <to = 9> (flag)
    })") ==
        "ids 0..2 indexes 3 rows of table (Gather, node 1)\n"
        "mask 0..1 subtracted from 1, as a mask (Sub, node 5)\n"
        "flag 0..1 only its truth counts (Cast to bool, node 7)\n");
  // A mask that is used otherwise as well tells nothing.
  CHECK(range_text(R"(
    <ir_version: 8, opset_import: ["" : 17]>
    g (int64[N] mask) => (bool[N] b, int64[N] s) { b = Cast <to = 9> (mask) s = Add (mask, mask) })")
            .empty());
}

}  // namespace
}  // namespace onnxpack::model
