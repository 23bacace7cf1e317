#include <fstream>
#include <set>
#include <sstream>

#include <fmt/format.h>
#include <catch2/catch_test_macros.hpp>

#include "onnxpack/io/memory_file_system.h"
#include "onnxpack/json/value.h"
#include "onnxpack/package/build.h"

namespace onnxpack::package {
namespace {

Result<BuildRequest> read(std::string_view text) {
  io::MemoryFileSystem files;
  files.put("/ci/onnx-pack.json", as_bytes(text));
  files.put("/ci/lab.json",
            as_bytes(json::canonical(target::to_json({.name = "lab-phone",
                                                      .description = "",
                                                      .facts = {{"os.name", {"linux"}}},
                                                      .backend_options = {},
                                                      .sources = {}}))));
  return read_build_file(files, "/ci/onnx-pack.json");
}

std::string message(std::string_view text) {
  auto request = read(text);
  if (request) return "no error";
  CHECK(request.error().message().starts_with("/ci/onnx-pack.json: "));
  return request.error().message().substr(std::string("/ci/onnx-pack.json: ").size());
}

constexpr std::string_view everything = R"({
  "$schema": "build.schema.json",
  "version": 1,
  "model": "det.onnx",
  "components": {"rec": "/abs/rec.onnx"},
  "attach": ["data/vocab.txt", {"name": "labels.txt", "file": "labels-v2.txt"}],
  "targets": ["x86-64-v3", "host", "lab.json",
              {"target": "qualcomm-sm8650", "input_shapes": {"x": [1, 3, 48, 192]}, "free_dimension_overrides": {"n": 2},
               "backend_options": {"onnxruntime": {"level": 3}}, "allow_missing": true,
               "source": {"rec": "int8.onnx"}, "source_precision": "int8",
               "transform": [{"name": "lower-flex-attention/1", "component": "rec", "parameters": {"form": "expanded"}},
                             {"name": "lower-flex-attention", "label": "second"}],
               "ternarize": ["u2"]}],
  "output": "out/det.onnxpkg",
  "force": true,
  "backends": ["onnxruntime"],
  "input_shapes": {"y": []},
  "free_dimension_overrides": {"batch": 1},
  "backend_options": {"iree": {"fast": true}},
  "jobs": 2,
  "fail_fast": true,
  "compact": true,
  "allow_missing": ["x86-64-v3"],
  "min_coverage": 0.5,
  "timeout": 600,
  "heartbeat_timeout": 30,
  "memory_limit": "2GiB",
  "package": {"name": "detector", "version": "1.0", "description": "finds text", "licenses": ["Apache-2.0"]}
})";

TEST_CASE("a build file says all that the flags can say") {
  auto request = read(everything);
  REQUIRE(request);
  REQUIRE(request->components.size() == 2);
  CHECK(request->components[0].name == "model");
  CHECK(request->components[0].model == "/ci/det.onnx");
  CHECK(request->components[1].model == "/abs/rec.onnx");
  REQUIRE(request->attachments.size() == 2);
  CHECK(request->attachments[0].name == "vocab.txt");
  CHECK(request->attachments[0].file == "/ci/data/vocab.txt");
  CHECK(request->attachments[1].name == "labels.txt");
  REQUIRE(request->targets.size() == 4);
  CHECK(request->targets[0].name == "x86-64-v3");
  CHECK_FALSE(request->targets[0].facts.empty());
  CHECK(request->targets[1].name == "host");
  CHECK(request->targets[1].facts.empty());  // resolved by whoever can probe this machine
  CHECK(request->targets[2].name == "lab-phone");
  const CompileSettings& own = request->target_settings.at("qualcomm-sm8650");
  CHECK(own.input_shapes.at("x") == std::vector<std::int64_t>{1, 3, 48, 192});
  CHECK(own.free_dimensions.at("n") == 2);
  CHECK(own.backend_options.at("onnxruntime").at("level") == json::Value(3));
  REQUIRE(request->sources.size() == 3);
  CHECK(request->sources[0].target == "qualcomm-sm8650");
  CHECK(request->sources[0].component == "rec");
  CHECK(request->sources[0].model == "/ci/int8.onnx");
  CHECK(request->sources[0].precision == "int8");
  REQUIRE(request->sources[0].transformations.size() == 1);
  CHECK(request->sources[0].transformations[0].parameters.at("form") == json::Value("expanded"));
  CHECK(request->sources[1].model.empty());
  CHECK(request->sources[1].label == "second");
  CHECK(request->sources[1].transformations.at(0).name == "lower-flex-attention");
  CHECK(request->sources[2].label == "u2");
  CHECK(request->sources[2].instead);
  CHECK(request->sources[2].transformations.at(0).parameters.at("encoding") == json::Value("u2"));
  CHECK(request->settings.input_shapes.at("y").empty());
  CHECK(request->settings.free_dimensions.at("batch") == 1);
  CHECK(request->output == "/ci/out/det.onnxpkg");
  CHECK(request->overwrite == io::Overwrite::yes);
  CHECK(request->backends == std::vector<std::string>{"onnxruntime"});
  CHECK(request->allow_missing == std::vector<std::string>{"qualcomm-sm8650", "x86-64-v3"});
  CHECK(request->jobs == 2);
  CHECK(request->fail_fast);
  CHECK(request->compact);
  CHECK(request->min_coverage == 0.5);
  CHECK(request->compile_timeout == std::chrono::seconds(600));
  CHECK(request->heartbeat_timeout == std::chrono::seconds(30));
  CHECK(request->memory_limit == std::uint64_t{2} << 30);
  CHECK(request->info.licenses == std::vector<std::string>{"Apache-2.0"});
}

TEST_CASE("what is left out keeps its default") {
  auto request = read(R"({"version": 1})");
  REQUIRE(request);
  BuildRequest defaults;
  CHECK(request->components.empty());
  CHECK(request->output.empty());
  CHECK(request->heartbeat_timeout == defaults.heartbeat_timeout);
  CHECK_FALSE(request->compile_timeout);
  CHECK(request->overwrite == io::Overwrite::no);
}

TEST_CASE("mistakes are named with the field's path") {
  CHECK(message("{}").find("version") != std::string::npos);
  CHECK(message(R"({"version": 2})").find("expected 1") != std::string::npos);
  CHECK(message(R"({"version": 1, "modle": "x"})").find("modle") != std::string::npos);
  CHECK(message(R"({"version": 1, "model": ""})").starts_with("model: "));
  CHECK(message(R"({"version": 1, "targets": [{"target": "aarch64", "transform": [{"form": 1}]}]})")
            .find("targets[0].transform[0]") != std::string::npos);
  CHECK(message(R"({"version": 1, "targets": [{"target": "aarch64", "ternarize": ["t6"]}]})")
            .find("targets[0].ternarize[0]") != std::string::npos);
  CHECK(message(R"({"version": 1, "model": "a", "components": {"model": "b"}})")
            .starts_with("components.model: "));
  CHECK(message(R"({"version": 1, "attach": [{"name": "a"}]})").starts_with("attach[0]"));
  CHECK(message(R"({"version": 1, "targets": ["x86-64-v3", "x86-64-v3"]})")
            .starts_with("targets[1]: "));
  CHECK(message(R"({"version": 1, "targets": ["x86-64-v33"]})").starts_with("targets[0]: "));
  CHECK(message(R"({"version": 1, "targets": ["missing.json"]})")
            .starts_with("targets[0]: /ci/missing.json: "));
  CHECK(message(R"({"version": 1, "targets": [{"target": "host", "shapes": {}}]})")
            .starts_with("targets[0]"));
  CHECK(
      message(R"({"version": 1, "input_shapes": {"x": [0]}})").starts_with("input_shapes.x[0]: "));
  CHECK(message(R"({"version": 1, "free_dimension_overrides": {"n": "1"}})")
            .starts_with("free_dimension_overrides.n: "));
  CHECK(message(R"({"version": 1, "backend_options": {"iree": 3}})")
            .starts_with("backend_options.iree: "));
  CHECK(message(R"({"version": 1, "min_coverage": 1.5})").starts_with("min_coverage: "));
  CHECK(message(R"({"version": 1, "timeout": 0})").starts_with("timeout: "));
  CHECK(message(R"({"version": 1, "memory_limit": "much"})").starts_with("memory_limit: "));
  CHECK(message("{\"version\": 1,").find("line 1") != std::string::npos);
}

TEST_CASE("schema and reader know the same fields") {
  std::ifstream file(ONNXPACK_TEST_DATA "/../../schemas/build.schema.json");
  std::stringstream text;
  text << file.rdbuf();
  auto schema = json::parse(text.str());
  REQUIRE(schema);
  // A field of the schema that the reader did not know would be an error of `everything`, which
  // holds each of them once.
  auto sample = json::parse(everything);
  REQUIRE(sample);
  const json::Object& known = schema->find("properties")->as_object();
  std::set<std::string> in_schema;
  std::set<std::string> in_sample;
  for (const auto& [name, unused] : known) in_schema.insert(name);
  for (const auto& [name, unused] : sample->as_object()) in_sample.insert(name);
  CHECK(in_schema == in_sample);
}

}  // namespace
}  // namespace onnxpack::package
