#include "onnxpack/target/requirement.h"

#include <catch2/catch_test_macros.hpp>

#include "version.h"

using namespace onnxpack;
using namespace onnxpack::target;

namespace {

Target machine() {
  Target out;
  out.name = "machine";
  out.facts = {{"arch.name", {"amd64"}},
               {"x86_64.level", {"v1", "v2", "v3"}},
               {"cpu.features", {"avx2", "fma"}},
               {"runtime.onnxruntime", {"1.31.1"}},
               {"memory.host_bytes", {"8589934592"}},
               {"libc.glibc", {}},
               {"acme.chip", {"a7"}},
               {"qualcomm.htp_arch", {"seventy"}},
               {"nvidia.driver", {"unknown"}}};
  return out;
}

}  // namespace

TEST_CASE("each test has its outcome and shows both sides", "[requirement]") {
  struct Row {
    Requirement needs;
    Outcome outcome;
    std::string reason;
  };
  const Row rows[] = {
      {{"x86_64.level", Test::any_of, {"v3"}},
       Outcome::met,
       "needs x86_64.level v3; target has v1, v2, v3"},
      {{"x86_64.level", Test::any_of, {"v4"}},
       Outcome::not_met,
       "needs x86_64.level v4; target has v1, v2, v3"},
      {{"arch.name", Test::any_of, {"arm64", "amd64"}},
       Outcome::met,
       "needs arch.name any of arm64, amd64; target has amd64"},
      {{"cpu.features", Test::all_of, {"avx2", "avx512f", "avx512vl"}},
       Outcome::not_met,
       "needs cpu.features all of avx2, avx512f, avx512vl; target has avx2, fma (missing avx512f, "
       "avx512vl)"},
      {{"cpu.features", Test::all_of, {"avx2", "fma"}},
       Outcome::met,
       "needs cpu.features all of avx2, fma; target has avx2, fma"},
      {{"runtime.onnxruntime", Test::version, {">=1.31,<1.32"}},
       Outcome::met,
       "needs runtime.onnxruntime >=1.31,<1.32; target has 1.31.1"},
      {{"runtime.onnxruntime", Test::version, {"<1.30", ">=1.32"}},
       Outcome::not_met,
       "needs runtime.onnxruntime <1.30 or >=1.32; target has 1.31.1"},
      {{"memory.host_bytes", Test::at_least, {"4294967296"}},
       Outcome::met,
       "needs memory.host_bytes at least 4294967296; target has 8589934592"},
      {{"memory.host_bytes", Test::at_most, {"1"}},
       Outcome::not_met,
       "needs memory.host_bytes at most 1; target has 8589934592"},
      // Known to have none is not the same as not known.
      {{"libc.glibc", Test::version, {">=2.31"}},
       Outcome::not_met,
       "needs libc.glibc >=2.31; target has none"},
      {{"amd.gfx", Test::any_of, {"gfx942"}},
       Outcome::unknown,
       "needs amd.gfx gfx942; the target does not state it"},
      {{"x86_64.levle", Test::any_of, {"v3"}},
       Outcome::unknown,
       "needs x86_64.levle v3; the target does not state it, nor is it a known feature; did you "
       "mean x86_64.level?"},
      // A feature of somebody's own matches by equality.
      {{"acme.chip", Test::any_of, {"a7"}}, Outcome::met, "needs acme.chip a7; target has a7"},
      {{"qualcomm.htp_arch", Test::at_least, {"73"}},
       Outcome::unknown,
       "needs qualcomm.htp_arch at least 73; the target's \"seventy\" is not a number"},
      {{"nvidia.driver", Test::version, {">=1"}},
       Outcome::unknown,
       "needs nvidia.driver >=1; the target's \"unknown\" is not a version; expected numbers with "
       "dots, such as 1.31.1"},
  };
  for (const Row& row : rows) {
    auto answer = check(row.needs, machine());
    INFO(to_text(row.needs));
    CHECK(answer.outcome == row.outcome);
    CHECK(answer.reason == row.reason);
  }
}

TEST_CASE("long lists are cut, what is missing never", "[requirement]") {
  Target target = machine();
  auto& features = target.facts["cpu.features"];
  features.clear();
  for (int i = 0; i < 40; ++i) features.push_back("f" + std::to_string(i));
  auto answer = check({"cpu.features", Test::all_of, {"f3", "missing"}}, target);
  CHECK(answer.outcome == Outcome::not_met);
  CHECK(answer.reason.find("(40 in all)") != std::string::npos);
  CHECK(answer.reason.find("f20") == std::string::npos);
  CHECK(answer.reason.ends_with("(missing missing)"));
}

TEST_CASE("the JSON form is its own inverse", "[requirement]") {
  for (Test test : {Test::any_of, Test::all_of, Test::version, Test::at_least, Test::at_most}) {
    Requirement requirement{"runtime.onnxruntime", test, {"1"}};
    auto back = requirement_from_json(to_json(requirement));
    REQUIRE(back);
    CHECK(*back == requirement);
  }
}

TEST_CASE("bad requirements are refused with the field's path", "[requirement]") {
  auto error = [](std::string_view text) {
    auto value = json::parse(text);
    REQUIRE(value);
    auto requirement = requirement_from_json(*value, "variants[0].requirements[1]");
    REQUIRE_FALSE(requirement);
    CHECK(requirement.error().kind() == ErrorKind::corrupt);
    return requirement.error().message();
  };
  CHECK(error(R"({"any_of": ["a"]})") ==
        "variants[0].requirements[1]: required field \"feature\" is missing");
  CHECK(error(R"({"feature": "a.b"})") ==
        "variants[0].requirements[1]: expected one of any_of, all_of, version, at_least, at_most "
        "beside \"feature\"");
  CHECK(error(R"({"feature": "a.b", "any_of": ["x"], "all_of": ["x"]})")
            .find("expected one of any_of") != std::string::npos);
  CHECK(error(R"({"feature": "a.b", "any-of": ["x"]})") ==
        "variants[0].requirements[1]: unknown field \"any-of\"; did you mean \"any_of\"?");
  CHECK(error(R"({"feature": "a.b", "any_of": []})") ==
        "variants[0].requirements[1].any_of: expected at least one value, found none");
  CHECK(error(R"({"feature": "a.b", "version": [">>1"]})").find("is not a version range") !=
        std::string::npos);
  CHECK(error(R"({"feature": "a.b", "at_least": ["many"]})") ==
        "variants[0].requirements[1].at_least: expected decimal numbers, found \"many\"");
  CHECK(error(R"({"feature": "a.b", "any_of": "x"})") ==
        "variants[0].requirements[1].any_of: expected an array, found \"x\"");
}

TEST_CASE("a test of a later version is kept verbatim and never met", "[requirement]") {
  auto value = json::parse(R"({"feature": "arch.name", "near": ["amd64"], "weight": 3})");
  CHECK_FALSE(requirement_from_json(*value));
  auto kept = requirement_from_json(*value, "", UnknownFields::keep);
  REQUIRE(kept);
  CHECK(to_json(*kept) == *value);
  auto answer = check(*kept, machine());
  CHECK(answer.outcome == Outcome::unknown);
  CHECK(answer.reason.find("this version does not know that test") != std::string::npos);
}

TEST_CASE("versions compare as people read them", "[version]") {
  auto v = [](const char* text) { return *Version::parse(text); };
  CHECK(v("1.31.1") > v("1.31"));
  CHECK(v("1.31") == v("1.31.0"));
  CHECK(v("1.9") < v("1.10"));
  CHECK(v("v2.0") == v("2.0"));
  CHECK(v("2026.4.1+local") == v("2026.4.1"));
  CHECK(v("5.0rc1") < v("5.0"));
  CHECK(v("5.0rc1") < v("5.0rc2"));
  CHECK_FALSE(Version::parse(""));
  CHECK_FALSE(Version::parse("1..2"));
  CHECK_FALSE(Version::parse("latest"));
  CHECK(VersionRange::parse("!=1.30")->contains(v("1.31")));
  CHECK_FALSE(VersionRange::parse("1.30")->contains(v("1.31")));
  CHECK(VersionRange::parse(" >1.29 , <=1.31 ")->contains(v("1.31")));
  CHECK_FALSE(VersionRange::parse(">=1.31,"));
}
