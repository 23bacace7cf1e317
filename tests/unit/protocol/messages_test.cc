#include <catch2/catch_test_macros.hpp>
#include <functional>

#include "onnxpack/protocol/compile.h"
#include "onnxpack/protocol/describe.h"
#include "onnxpack/protocol/event.h"
#include "onnxpack/protocol/run.h"
#include "samples.h"

namespace onnxpack::protocol {
namespace {

using namespace test;

// Through the bytes, as between two programs.
template <typename T, typename Read>
void check_round_trip(const T& message, Read&& read) {
  auto value = json::parse(json::canonical(to_json(message)));
  REQUIRE(value);
  auto back = read(json::Cursor(*value));
  if (!back) FAIL(back.error().message());
  CHECK(*back == message);
}

TEST_CASE("every message survives its own bytes") {
  check_round_trip(DescribeRequest{}, describe_request_from_json);
  check_round_trip(full_describe_response(), describe_response_from_json);

  check_round_trip(full_compile_request(), compile_request_from_json);
  check_round_trip(CompileResponse{.answer = {}, .variants = {full_variant()}, .notes = {"n"}},
                   compile_response_from_json);
  check_round_trip(
      CompileResponse{.answer = refused("no", "do", "import"), .variants = {}, .notes = {}},
      compile_response_from_json);
  check_round_trip(CompileResponse{.answer = no_gain("as fast"), .variants = {}, .notes = {}},
                   compile_response_from_json);

  check_round_trip(full_plan_request(), plan_request_from_json);
  check_round_trip(full_plan_response(), plan_response_from_json);

  check_round_trip(full_run_request(), run_request_from_json);
  RunRequest original = full_run_request();
  original.variant.reset();
  check_round_trip(original, run_request_from_json);
  check_round_trip(full_run_response(), run_response_from_json);
  check_round_trip(ProbeRequest{}, probe_request_from_json);
  check_round_trip(ProbeRequest{.compatibility = {{"CPUExecutionProvider", "onnx-pack/1"}}},
                   probe_request_from_json);
  check_round_trip(ProbeResponse{.answer = {},
                                 .facts = {},
                                 .lines = {},
                                 .verdicts = {{target::Verdict::unsupported, "ort 1", "older"},
                                              {target::Verdict::not_applicable, "", ""}}},
                   probe_response_from_json);
  check_round_trip(ProbeResponse{.answer = {},
                                 .facts = {{"runtime.iree", {"3.13"}}, {"amd.gfx", {}}},
                                 .lines = {"iree 3.13"}},
                   probe_response_from_json);
}

// The message of reading `text`, "" when it reads.
template <typename Read>
std::string complaint(std::string_view text, Read&& read) {
  auto value = json::parse(text);
  REQUIRE(value);
  auto back = read(json::Cursor(*value));
  return back ? "" : back.error().message();
}

// A good compile answer with one thing changed.
std::string broken_compile(const std::function<void(json::Value&)>& change) {
  json::Value value =
      to_json(CompileResponse{.answer = {}, .variants = {full_variant()}, .notes = {}});
  change(value);
  return complaint(json::canonical(value), compile_response_from_json);
}

TEST_CASE("what is wrong is named by its path") {
  auto variant = [](json::Value& value) -> json::Value& { return value["variants"].as_array()[0]; };
  auto blob = [&](json::Value& value) -> json::Value& {
    return variant(value)["partitions"].as_array()[0]["blobs"].as_array()[0];
  };
  CHECK(broken_compile([](json::Value&) {}).empty());
  CHECK(broken_compile([](json::Value& v) { v["status"] = "fine"; }) ==
        "status: expected one of ok, refused, error, no-gain, found \"fine\"");
  CHECK(broken_compile([](json::Value& v) { v["status"] = "refused"; }) ==
        "status: \"refused\" wants a \"reason\"");
  CHECK(broken_compile([](json::Value& v) { v["variants"] = json::Array{}; }) ==
        "variants: expected at least one variant in an ok answer");
  CHECK(broken_compile([](json::Value& v) { v.as_object().erase("variants"); }) ==
        "required field \"variants\" is missing");
  CHECK(broken_compile([&](json::Value& v) { v["variants"].push_back(variant(v)); }) ==
        "variants: two variants have the suffix \"-fp16\"");
  CHECK(broken_compile([&](json::Value& v) { variant(v)["ep"] = 3; }) ==
        "variants[0].ep: expected a string, found 3");
  CHECK(broken_compile([&](json::Value& v) {
          variant(v)["suffix"] = "../x";
        }).starts_with("variants[0]: suffix: expected "));
  CHECK(broken_compile([&](json::Value& v) { variant(v)["partitions"] = json::Array{}; }) ==
        "variants[0].partitions: expected at least one partition");
  CHECK(broken_compile([&](json::Value& v) { blob(v)["path"] = ""; }) ==
        "variants[0].partitions[0].blobs[0].path: expected a text, found an empty one");
  CHECK(broken_compile([&](json::Value& v) { blob(v)["size"] = -1; }) ==
        "variants[0].partitions[0].blobs[0].size: expected an integer of at least 0, found -1");
  CHECK(broken_compile([&](json::Value& v) { variant(v)["coverage"]["covered_nodes"] = 4; }) ==
        "variants[0].coverage.covered_nodes: 4 of 3 nodes is more than all");
  CHECK(broken_compile([&](json::Value& v) {
          variant(v)["fixed_shapes"]["x"] = json::Array{-1};
        }) == "variants[0].fixed_shapes.x[0]: expected an integer of at least 0, found -1");
  CHECK(broken_compile([&](json::Value& v) {
          variant(v)["requirements"].as_array()[0].as_object().erase("feature");
        }).starts_with("variants[0].requirements[0]"));
}

TEST_CASE("run requests want a variant or the original, not both") {
  json::Value value = to_json(full_run_request());
  value["original"] = true;
  const std::string both = "expected either \"variant\" or \"original\": true";
  CHECK(complaint(json::canonical(value), run_request_from_json) == both);
  value.as_object().erase("variant");
  value["original"] = false;
  CHECK(complaint(json::canonical(value), run_request_from_json) == both);
}

TEST_CASE("requests of another verb or protocol are refused") {
  CHECK(complaint(R"({"protocol": "1.0", "verb": "probe"})", describe_request_from_json) ==
        "verb: expected one of describe, found \"probe\"");
  CHECK(complaint(R"({"protocol": "2.0", "verb": "describe"})", describe_request_from_json) ==
        "protocol: the request speaks 2.0, this backend speaks 1.0");
  CHECK(
      complaint(R"({"protocol": "1.7", "verb": "describe", "new": 1})", describe_request_from_json)
          .empty());
  CHECK(complaint(R"({"protocol": "one", "verb": "describe"})", describe_request_from_json) ==
        "protocol: expected a protocol version like \"1.0\"");
}

TEST_CASE("versions are negotiated within a major") {
  auto spoken = [](VersionRange host, VersionRange backend) {
    auto version = negotiate(host, backend);
    return version ? to_string(*version) : version.error().hint();
  };
  CHECK(spoken({{1, 0}, {1, 0}}, {{1, 0}, {1, 4}}) == "1.0");
  CHECK(spoken({{1, 0}, {1, 5}}, {{1, 2}, {1, 3}}) == "1.3");
  CHECK(spoken({{1, 0}, {1, 0}}, {{1, 1}, {2, 0}}) ==
        "install a newer onnx-pack, or an older release of the backend");
  CHECK(spoken({{2, 0}, {2, 0}}, {{1, 0}, {1, 1}}) == "install a newer release of the backend");
}

TEST_CASE("a later minor version's verbs and fields do no harm") {
  CHECK(
      complaint(
          R"({"status": "ok", "name": "x", "protocol": {"min": "1.0", "max": "1.1"}, "verbs": ["describe", "dance"], "more": {}})",
          describe_response_from_json)
          .empty());
  CHECK(
      complaint(
          R"({"status": "ok", "name": "x", "protocol": {"min": "1.0", "max": "1.0"}, "verbs": ["dance"]})",
          describe_response_from_json) ==
      "verbs[0]: expected one of describe, plan, compile, run, probe, found dance");
  CHECK(
      complaint(
          R"({"status": "ok", "name": "x", "protocol": {"min": "1.0", "max": "1.0"}, "verbs": [], "available": false})",
          describe_response_from_json) == "a backend that is not available wants a \"reason\"");
  CHECK(
      complaint(
          R"({"status": "ok", "name": "x", "protocol": {"min": "1.0", "max": "1.0"}, "verbs": [], "compiles": false})",
          describe_response_from_json) == "a backend that does not compile wants a \"reason\"");
}

TEST_CASE("the host decides who serves a target, and says why not") {
  DescribeResponse backend;
  backend.name = "acme";
  backend.serves = {{.family = "CPUs",
                     .names = {},
                     .requirements = {{"x86_64.level", target::Test::any_of, {"v4"}}},
                     .absent = {},
                     .wants_backend_options = false},
                    {.family = "NPUs",
                     .names = {"npu-*"},
                     .requirements = {},
                     .absent = {},
                     .wants_backend_options = false},
                    {.family = "other",
                     .names = {},
                     .requirements = {},
                     .absent = {"os.name"},
                     .wants_backend_options = false},
                    {.family = "tuned",
                     .names = {},
                     .requirements = {},
                     .absent = {"nvidia.sm_arch"},
                     .wants_backend_options = true}};
  target::Target target = some_target();
  Served no = serves(backend, target);
  CHECK_FALSE(no.served);
  CHECK(no.reason.find("CPUs: needs x86_64.level") != std::string::npos);
  CHECK(no.reason.find("NPUs: needs a target named npu-*") != std::string::npos);
  CHECK(no.reason.find("other: does not serve targets with os.name; target has linux") !=
        std::string::npos);
  CHECK(no.reason.find("tuned: needs settings for acme in the target's backend_options") !=
        std::string::npos);
  target.backend_options["acme"] = json::Object{};
  CHECK(serves(backend, target).family == "tuned");
  target.facts["x86_64.level"] = {"v4"};
  CHECK(serves(backend, target).family == "CPUs");
  target.name = "npu-1";
  target.facts["x86_64.level"] = {"v1"};
  CHECK(serves(backend, target).family == "NPUs");
  CHECK(serves({}, target).reason == "it says it serves no target");
}

TEST_CASE("events survive their line") {
  for (const Event& event :
       {Event(Progress{"compile", 0.25}), Event(Progress{"import", std::nullopt}),
        Event(LogLine{"warning", "line\nbreak"}), Event(Heartbeat{}),
        Event(BlobWritten{"m.vmfb"})}) {
    std::string line = to_line(event);
    CHECK(line.find('\n') == std::string::npos);
    auto back = event_from_line(line);
    REQUIRE(back);
    CHECK(*back == event);
  }
  CHECK_FALSE(event_from_line("{}"));
  CHECK_FALSE(event_from_line(R"({"event": "progress", "fraction": 1.5})"));
  CHECK_FALSE(event_from_line(R"({"event": "blob"})"));
  CHECK_FALSE(event_from_line(R"({"event": "party"})"));
}

}  // namespace
}  // namespace onnxpack::protocol
