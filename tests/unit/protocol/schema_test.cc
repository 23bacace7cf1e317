// schemas/backend-*.schema.json against the typed code: the same fields, and the same ones
// required.
#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <fstream>
#include <functional>
#include <iterator>
#include <set>

#include "samples.h"

namespace onnxpack::protocol {
namespace {

using namespace test;

json::Value read_schema(const std::string& name) {
  std::ifstream file(std::string(ONNXPACK_TEST_DATA) + "/../../schemas/backend-" + name +
                     ".schema.json");
  auto value = json::parse(
      std::string(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()));
  if (!value) FAIL(name + ": " + value.error().message());
  return std::move(*value);
}

// Required always, or when the status is ok.
std::set<std::string> required_of(const json::Value& schema) {
  std::set<std::string> out;
  auto add = [&](const json::Value& part) {
    if (const auto* list = part.find("required")) {
      for (const auto& key : list->as_array()) out.insert(key.as_string());
    }
  };
  add(schema);
  if (const auto* parts = schema.find("allOf")) {
    for (const auto& part : parts->as_array()) {
      if (const auto* then = part.find("then")) add(*then);
    }
  }
  return out;
}

// One message: its complete sample, and whether a changed one still reads.
class Comparison {
 public:
  Comparison(const std::string& name, json::Value sample,
             std::function<bool(const json::Value&)> reads)
      : sample_(std::move(sample)), reads_(std::move(reads)) {
    INFO(name);
    REQUIRE(reads_(sample_));
    json::Value schema = read_schema(name);
    compare(schema, sample_, "$");
  }

 private:
  // `at` is a part of sample_, changed in place and put back.
  void compare(const json::Value& schema, json::Value& at, const std::string& path) {
    if (const auto* items = schema.find("items"); items != nullptr && at.is(json::Kind::array)) {
      for (auto& item : at.as_array()) compare(*items, item, path + "[]");
      return;
    }
    const auto* properties = schema.find("properties");
    if (properties == nullptr || !at.is(json::Kind::object)) return;
    compare_fields(*properties, at, path);
    std::set<std::string> required = required_of(schema);
    json::Object whole = at.as_object();
    for (const auto& [key, value] : whole) {
      if (exempt(key)) continue;
      INFO(path << "." << key);
      at.as_object().erase(key);
      CHECK(reads_(sample_) == !required.contains(key));
      at = whole;
      if (const auto* inner = properties->find(key)) compare(*inner, at[key], path + "." + key);
    }
  }

  void compare_fields(const json::Value& properties, const json::Value& at,
                      const std::string& path) {
    for (const auto& [key, value] : at.as_object()) {
      INFO(path << "." << key << " is written, but not in the schema");
      CHECK(properties.find(key) != nullptr);
    }
    for (const auto& [key, value] : properties.as_object()) {
      INFO(path << "." << key << " is in the schema, but not in the complete sample");
      CHECK((exempt(key) || at.find(key) != nullptr));
    }
  }

  // The answer's own words, the either-or of run requests, and requirements, which the schema of
  // targets is about.
  static bool exempt(const std::string& key) {
    static const std::set<std::string> keys = {"status",   "reason",  "hint",        "stage",
                                               "original", "variant", "requirements"};
    return keys.contains(key);
  }

  json::Value sample_;
  std::function<bool(const json::Value&)> reads_;
};

template <typename T, typename Read>
void compare(const std::string& name, const T& sample, Read read) {
  Comparison(name, to_json(sample),
             [read](const json::Value& value) { return read(json::Cursor(value)).has_value(); });
}

TEST_CASE("schemas and code agree on every message") {
  compare("describe-request", DescribeRequest{}, describe_request_from_json);
  DescribeResponse describe = full_describe_response();
  describe.available = true;
  compare("describe-response", describe, describe_response_from_json);
  compare("compile-request", full_compile_request(), compile_request_from_json);
  CompileResponse compiled{.answer = {}, .variants = {full_variant()}, .notes = {"n"}};
  compiled.variants[0].partitions[0].blobs[0].sha256 = std::string(64, 'a');
  compiled.variants[0].partitions[0].outputs = compiled.variants[0].partitions[0].inputs;
  compare("compile-response", compiled, compile_response_from_json);
  compare("plan-request", full_plan_request(), plan_request_from_json);
  compare("plan-response", full_plan_response(), plan_response_from_json);
  compare("run-request", full_run_request(), run_request_from_json);
  compare("run-response", full_run_response(), run_response_from_json);
  compare("probe-request", ProbeRequest{.compatibility = {{"e", "text"}}}, probe_request_from_json);
  compare("probe-response",
          ProbeResponse{.answer = {},
                        .facts = {{"runtime.iree", {"3"}}},
                        .lines = {"l"},
                        .verdicts = {{target::Verdict::optimal, "iree 3", "w"}}},
          probe_response_from_json);
}

}  // namespace
}  // namespace onnxpack::protocol
