#include "onnxpack/model/signature.h"

#include <catch2/catch_test_macros.hpp>

#include "models.h"

namespace onnxpack::model {
namespace {

using namespace test;

ModelFile sample(io::MemoryFileSystem& disk) {
  auto proto = parse_text(R"(
    <ir_version: 8, opset_import: ["" : 17]>
    g (float[N, 3, H, W] x, int64[N, L] ids, float[A, 3, A, A] same, float[] any, seq(float[N]) s) => (float[N, 3, H, W] x) {})");
  auto& shape = *proto.mutable_graph()
                     ->mutable_input(2)
                     ->mutable_type()
                     ->mutable_tensor_type()
                     ->mutable_shape();
  shape.mutable_dim(0)->set_dim_value(-1);   // as PP-OCR's classifier: no name for the batch,
  shape.mutable_dim(2)->set_dim_param("?");  // one for two dimensions
  shape.mutable_dim(3)->set_dim_param("?");
  proto.mutable_graph()->mutable_input(3)->mutable_type()->mutable_tensor_type()->clear_shape();
  return opened(disk, to_file(proto));
}

std::string shape_text(const EffectiveSignature& signature, std::size_t input) {
  return to_string(*signature.inputs[input].shape);
}

TEST_CASE("overrides as typed") {
  const auto dimension = parse_dimension_override("batch=1");
  REQUIRE(dimension);
  CHECK(dimension->name == "batch");
  CHECK(dimension->size == 1);
  CHECK(parse_dimension_override("a=b=2")->name == "a=b");
  for (const auto* text : {"", "N", "=1", "N=", "N=x", "N=-1", "N=0", "N=1.5"})
    CHECK_FALSE(parse_dimension_override(text));
  CHECK(parse_dimension_override("N=x").error().message() ==
        "'x' in 'N=x' is no size, expected a whole number from 1");

  const auto shape = parse_input_shape("x:0:1,3, 48,192");
  REQUIRE(shape);
  CHECK(shape->input == "x:0");
  CHECK(shape->dims == std::vector<std::int64_t>{1, 3, 48, 192});
  CHECK(parse_input_shape("x:")->dims.empty());
  for (const auto* text : {"", "x", ":1", "x:1,,2", "x:1,-1", "x:1;2"})
    CHECK_FALSE(parse_input_shape(text));
  CHECK(parse_input_shape("x").error().message() ==
        "'x' is no input shape, expected INPUT:1,3,48,192");
}

TEST_CASE("nothing asked, everything open") {
  io::MemoryFileSystem disk;
  const auto signature = effective_signature(sample(disk), {});
  REQUIRE(signature);
  CHECK(signature->free == std::vector<std::string>{"x[0] (N)", "x[2] (H)", "x[3] (W)",
                                                    "ids[0] (N)", "ids[1] (L)", "same[0]",
                                                    "same[2] (?)", "same[3] (?)", "any (rank)"});
}

TEST_CASE("names and shapes are filled in everywhere") {
  io::MemoryFileSystem disk;
  const auto model = sample(disk);
  const auto signature = effective_signature(
      model, {{{"L", 7}}, {{"x", {1, 3, 48, 192}}, {"same", {2, 3, 48, 192}}, {"any", {5}}}});
  REQUIRE(signature);
  CHECK(signature->is_static());
  CHECK(shape_text(*signature, 0) == "[1, 3, 48, 192]");
  CHECK(shape_text(*signature, 1) == "[1, 7]");  // N from x's own shape
  CHECK(shape_text(*signature, 2) == "[2, 3, 48, 192]");
  CHECK(shape_text(*signature, 3) == "[5]");
  CHECK(signature->bound ==
        std::map<std::string, std::int64_t>{{"H", 48}, {"L", 7}, {"N", 1}, {"W", 192}});
}

TEST_CASE("one name for two dimensions takes one size by name and two by shape") {
  io::MemoryFileSystem disk;
  const auto model = sample(disk);
  const auto by_name = effective_signature(model, {{{"?", 32}}, {}});
  REQUIRE(by_name);
  CHECK(shape_text(*by_name, 2) == "[?, 3, 32, 32]");
  const auto by_shape = effective_signature(model, {{}, {{"same", {1, 3, 48, 192}}}});
  REQUIRE(by_shape);
  CHECK(shape_text(*by_shape, 2) == "[1, 3, 48, 192]");
  CHECK_FALSE(by_shape->bound.contains("?"));
}

TEST_CASE("requests that cannot be met") {
  io::MemoryFileSystem disk;
  const auto model = sample(disk);
  const auto error = [&](const ShapeRequest& request) {
    const auto signature = effective_signature(model, request);
    REQUIRE_FALSE(signature);
    CHECK(signature.error().kind() == ErrorKind::invalid_argument);
    return signature.error().message();
  };
  CHECK(error({{{"M", 1}}, {}}) == "no input has a dimension named 'M'");
  CHECK(error({{{"N", 1}, {"N", 2}}, {}}) == "dimension N is given two sizes, 1 and 2");
  CHECK(error({{}, {{"y", {1}}}}) == "no input is named 'y'");
  CHECK(error({{}, {{"x", {1}}}}) ==
        "input x has 4 dimensions [N, 3, H, W], --input-shape gives 1");
  CHECK(error({{}, {{"x", {1, 4, 8, 8}}}}) ==
        "dimension 1 of input x is 3 in the model, --input-shape says 4");
  CHECK(error({{{"N", 2}}, {{"x", {1, 3, 8, 8}}}}) ==
        "dimension 0 of input x is 1 by --input-shape and 2 by --free-dimension-override N=2");
  CHECK(error({{}, {{"x", {1, 3, 8, 8}}, {"x", {1, 3, 8, 8}}}}) == "input x is given two shapes");
  CHECK(error({{}, {{"s", {1}}}}) == "input s is seq(tensor(float)), which has no shape to fix");
  const auto unknown = effective_signature(model, {{{"M", 1}}, {}});
  CHECK(unknown.error().hint() ==
        "there are: ?, H, L, N, W; dimensions without a name are fixed by --input-shape");
}

}  // namespace
}  // namespace onnxpack::model
