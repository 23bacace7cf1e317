#include "values.h"

#include <catch2/catch_test_macros.hpp>

namespace onnxpack::cli {
namespace {

template <typename T>
std::string message(const Result<T>& result) {
  return result ? "no error" : result.error().message();
}

TEST_CASE("pairs split at the first equals sign") {
  auto pair = parse_pair("x=a=b", "NAME=VALUE");
  REQUIRE(pair);
  CHECK(pair->first == "x");
  CHECK(pair->second == "a=b");
  for (const char* bad : {"", "x", "=a", "x="})
    CHECK(message(parse_pair(bad, "NAME=VALUE")).starts_with("expected NAME=VALUE, found"));
}

TEST_CASE("values of backend options are JSON where they read as JSON") {
  auto value = [](const char* text) {
    auto option = parse_backend_option(text);
    return option ? option->value : json::Value("error: " + option.error().message());
  };
  CHECK(value("iree.level=3") == json::Value(3));
  CHECK(value("iree.fast=true") == json::Value(true));
  CHECK(value("iree.text=\"3\"") == json::Value("3"));
  CHECK(value("iree.list=[1, 2]") == json::Value(json::Array{1, 2}));
  CHECK(value("iree.precision=f32") == json::Value("f32"));
  CHECK(value("iree.path=a=b.c") == json::Value("a=b.c"));
  CHECK(value("iree.empty=") == json::Value(""));
  auto dotted = parse_backend_option("onnxruntime.session.intra=1");
  REQUIRE(dotted);
  CHECK(dotted->backend == "onnxruntime");
  CHECK(dotted->key == "session.intra");
  for (const char* bad : {"", "iree", "iree.level", "level=3", ".level=3", "iree.=3"})
    CHECK_FALSE(parse_backend_option(bad));
}

TEST_CASE("ranges are two numbers in order") {
  auto range = parse_range("-1.5:2e3");
  REQUIRE(range);
  CHECK(range->first == -1.5);
  CHECK(range->second == 2000);
  for (const char* bad : {"", "1", "2:1", "a:b", "nan:1", "0:inf", "1:2:3"})
    CHECK_FALSE(parse_range(bad));
}

TEST_CASE("shares are fractions or percent") {
  CHECK(parse_share("0.25").value() == 0.25);
  CHECK(parse_share("90%").value() == 0.9);
  CHECK(parse_share("0").value() == 0);
  CHECK(parse_share("100%").value() == 1);
  for (const char* bad : {"", "%", "1.01", "101%", "-0.1", "90", "x"})
    CHECK_FALSE(parse_share(bad));
}

TEST_CASE("durations have a unit of seconds, minutes or hours") {
  CHECK(parse_duration("90").value() == std::chrono::seconds(90));
  CHECK(parse_duration("90s").value() == std::chrono::seconds(90));
  CHECK(parse_duration("10m").value() == std::chrono::minutes(10));
  CHECK(parse_duration("2h").value() == std::chrono::hours(2));
  for (const char* bad : {"", "s", "0", "-1s", "1d", "1.5h", "99999999999h"})
    CHECK_FALSE(parse_duration(bad));
}

TEST_CASE("only the name of a requested target is taken off the front") {
  using Split = std::pair<std::string, std::string>;
  std::vector<std::string> targets{"x86-64-v3", "lab", "lab/phone"};
  CHECK(split_target("x:1,3", targets) == Split("", "x:1,3"));
  CHECK(split_target("x86-64-v3/x:1,3", targets) == Split("x86-64-v3", "x:1,3"));
  CHECK(split_target("encoder/x:1,3", targets) == Split("", "encoder/x:1,3"));
  CHECK(split_target("lab/phone/x:1", targets) == Split("lab/phone", "x:1"));
  CHECK(split_target("lab", targets) == Split("", "lab"));
}

}  // namespace
}  // namespace onnxpack::cli
