#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <fstream>
#include <set>

#include "onnxpack/target/difference.h"
#include "onnxpack/target/requirement.h"
#include "onnxpack/target/target.h"
#include "onnxpack/target/vocabulary.h"

using namespace onnxpack;
using namespace onnxpack::target;

namespace {

bool suits(const char* blob_for, const char* device) {
  return target::suits(*find_profile(blob_for), *find_profile(device)).outcome == Outcome::met;
}

}  // namespace

TEST_CASE("every profile is whole", "[profiles]") {
  std::set<std::string> names;
  REQUIRE(std::ranges::is_sorted(profiles(), {}, &Target::name));
  for (const Target& profile : profiles()) {
    INFO(profile.name);
    CHECK(names.insert(profile.name).second);
    CHECK_FALSE(profile.description.empty());
    CHECK_FALSE(profile.sources.empty());
    CHECK_FALSE(profile.backend_options.empty());
    CHECK(find_fact(profile.facts, "accelerator.class") != nullptr);
    for (const auto& [feature, values] : profile.facts) {
      INFO(feature);
      CHECK(find_feature(feature) != nullptr);
      CHECK_FALSE(values.empty());
    }
    // It survives its JSON form, which also checks every value against the vocabulary.
    auto back = target_from_json(to_json(profile));
    REQUIRE(back);
    CHECK(*back == profile);
    // It has what a blob for it needs.
    auto needs = requirements_of(profile);
    CHECK_FALSE(needs.empty());
    for (const auto& requirement : needs) {
      INFO(to_text(requirement));
      CHECK(check(requirement, profile).outcome == Outcome::met);
    }
    CHECK(find_profile(profile.name)->name == profile.name);
  }
  CHECK(std::ranges::count_if(profiles(),
                              [](const auto& p) { return p.name.starts_with("qualcomm-"); }) >= 8);
}

TEST_CASE("every alias leads somewhere and hides no profile", "[profiles]") {
  std::set<std::string_view> seen;
  for (const Alias& alias : profile_aliases()) {
    INFO(alias.alias);
    CHECK(seen.insert(alias.alias).second);
    auto profile = find_profile(alias.alias);
    REQUIRE(profile);
    CHECK(profile->name == alias.profile);
    for (const Target& target : profiles()) CHECK(target.name != alias.alias);
  }
  CHECK(find_profile("Snapdragon 8 Gen 3")->name == "qualcomm-sm8650");
  CHECK(find_profile("skylake-avx512")->name == "skylake_avx512");
}

TEST_CASE("an unknown name comes with a suggestion and where to look", "[profiles]") {
  auto error = find_profile("qualcom-sm8650").error();
  CHECK(error.kind() == ErrorKind::not_found);
  CHECK(error.message() == "unknown target \"qualcom-sm8650\"; did you mean qualcomm-sm8650?");
  CHECK(error.hint().find("onnx-pack targets") != std::string::npos);
  CHECK(find_profile("toaster-2000").error().message() == "unknown target \"toaster-2000\"");
  CHECK(find_profile("hots").error().message() == "unknown target \"hots\"; did you mean host?");
}

TEST_CASE("what is compiled for one device runs on those that contain it", "[profiles]") {
  CHECK(suits("x86-64-v2", "x86-64-v4"));
  CHECK(suits("x86-64-v3", "zen3"));
  CHECK(suits("haswell", "sapphirerapids"));
  CHECK(suits("zen2", "zen4"));
  CHECK_FALSE(suits("x86-64-v4", "x86-64-v3"));
  CHECK_FALSE(suits("sapphirerapids", "icelake"));
  CHECK_FALSE(suits("x86-64-v2", "aarch64"));
  CHECK(suits("aarch64", "aarch64-v8.2"));
  CHECK(suits("aarch64-v8.2", "neoverse_n1"));
  CHECK(suits("aarch64-v8.2", "qualcomm-sm8650"));
  CHECK_FALSE(suits("aarch64-v8.6", "qualcomm-sm8650"));
  CHECK_FALSE(suits("riscv64", "aarch64"));

  CHECK(suits("qualcomm-sm8550", "qualcomm-sm8650"));
  CHECK(suits("qualcomm-sm8550",
              "qualcomm-sc8380xp"));  // a phone's blob on a laptop: the same HTP, another system
  CHECK_FALSE(suits("qualcomm-sm8750", "qualcomm-sm8650"));
  CHECK_FALSE(suits("qualcomm-sm8450", "qualcomm-sm8650"));  // below v73 does not load from v73 on
  CHECK(suits("qualcomm-sm8350", "qualcomm-sm8450"));
  CHECK_FALSE(suits("qualcomm-sm8450", "qualcomm-sm8350"));

  CHECK(suits("cuda-sm_80", "cuda-sm_86"));
  CHECK_FALSE(suits("cuda-sm_86", "cuda-sm_80"));
  CHECK_FALSE(suits("cuda-sm_80", "cuda-sm_90"));  // machine code stays within one major
  CHECK_FALSE(suits("rocm-gfx90a", "rocm-gfx942"));
  CHECK_FALSE(suits("intel-npu-3720", "intel-npu-4000"));
  CHECK_FALSE(suits("vulkan", "cuda-sm_80"));  // it does not state Vulkan
}

TEST_CASE("a target's accelerator decides what a blob for it needs", "[profiles]") {
  Target phone = *find_profile("qualcomm-sm8650");
  CHECK(primary_accelerator(phone) == "npu");
  auto about_cpu = [](const Requirement& r) {
    return r.feature == "arch.name" || r.feature == "os.name";
  };
  CHECK(std::ranges::none_of(requirements_of(phone), about_cpu));
  auto cpu = requirements_of(phone, "cpu");
  CHECK(std::ranges::any_of(cpu, about_cpu));
  CHECK(
      std::ranges::none_of(cpu, [](const auto& r) { return r.feature.starts_with("qualcomm."); }));
  CHECK(primary_accelerator(Target{}) == "cpu");
}

TEST_CASE("user targets: base, closure and checks", "[target-json]") {
  auto read = [](std::string_view text) {
    auto value = json::parse(text);
    REQUIRE(value);
    return target_from_json(*value);
  };
  auto kiosk = read(R"({"name": "kiosk", "base": "x86-64-v2",
                        "facts": {"x86_64.level": "v3", "memory.host_bytes": 4294967296, "acme.chip": ["a7"]}})");
  REQUIRE(kiosk);
  CHECK(kiosk->facts["x86_64.level"] == std::vector<std::string>{"v1", "v2", "v3"});
  CHECK(kiosk->facts["memory.host_bytes"] == std::vector<std::string>{"4294967296"});
  CHECK(kiosk->facts["arch.name"] == std::vector<std::string>{"amd64"});
  CHECK(kiosk->backend_options.contains("iree"));
  // A backend's own feature may resemble a known one; only a slip of one letter is refused.
  CHECK(read(R"({"name": "a", "facts": {"intel.npu": ["4000"], "intel.npu_driver": ["1.32"]}})"));

  auto error = [&](std::string_view text) {
    auto target = read(text);
    REQUIRE_FALSE(target);
    return target.error().message();
  };
  CHECK(error(R"({"facts": {}})") == "required field \"name\" is missing");
  CHECK(error(R"({"name": "a"})") == "required field \"facts\" is missing");
  CHECK(error(R"({"name": "", "facts": {}})") ==
        "name: expected a name without control characters, found none");
  CHECK(error(R"({"name": "a", "fact": {}})") == "unknown field \"fact\"; did you mean \"facts\"?");
  CHECK(error(R"({"name": "a", "facts": {"x86_64.levels": ["v3"]}})") ==
        "facts.x86_64.levels: unknown feature; did you mean x86_64.level?");
  CHECK(error(R"({"name": "a", "facts": {"Level": ["v3"]}})") ==
        "facts.Level: expected a feature name of the form namespace.feature in lower case");
  CHECK(error(R"({"name": "a", "facts": {"x86_64.level": ["v5"]}})") ==
        "facts.x86_64.level[0]: expected one of v1, v2, v3, v4, found \"v5\"");
  CHECK(error(R"({"name": "a", "facts": {"memory.host_bytes": ["8GB"]}})") ==
        "facts.memory.host_bytes[0]: expected a decimal number, found \"8GB\"");
  CHECK(
      error(R"({"name": "a", "facts": {"runtime.openvino": ["new"]}})").find("is not a version") !=
      std::string::npos);
  CHECK(error(R"({"name": "a", "facts": {"os.name": [""]}})") ==
        "facts.os.name[0]: expected a value, found an empty string");
  CHECK(error(R"({"name": "a", "base": "x86-64-v9", "facts": {}})") ==
        "base: unknown target \"x86-64-v9\"; did you mean x86-64-v2?");
  CHECK(error(R"({"name": "a", "facts": {}, "backend_options": {"iree": 3}})") ==
        "backend_options.iree: expected an object, found 3");
  CHECK(error(R"({"name": "a", "facts": {}, "format": "onnx-pack/manifest"})") ==
        "format: expected one of onnx-pack/target, found \"onnx-pack/manifest\"");
  auto newer = read(R"({"name": "a", "facts": {}, "schema_version": "2.0"})");
  REQUIRE_FALSE(newer);
  CHECK(newer.error().kind() == ErrorKind::unsupported);
}

TEST_CASE("facts merge as a union and keep their order", "[target]") {
  Facts facts = {{"accelerator.class", {"cpu"}}, {"os.name", {"linux"}}};
  merge_facts(facts, {{"accelerator.class", {"gpu", "cpu"}}, {"runtime.onnxruntime", {"1.31.1"}}});
  CHECK(facts["accelerator.class"] == std::vector<std::string>{"cpu", "gpu"});
  CHECK(facts["runtime.onnxruntime"] == std::vector<std::string>{"1.31.1"});
  CHECK(facts.size() == 3);
}

TEST_CASE("the environment overrides facts, and only those", "[target]") {
  Target target = *find_profile("x86-64-v4");
  auto replaced = apply_overrides(target, {{"ONNX_PACK_OVERRIDE_X86_64__LEVEL", "v3"},
                                           {"ONNX_PACK_OVERRIDE_RUNTIME__ONNXRUNTIME", "1.30"},
                                           {"ONNX_PACK_OVERRIDE_LIBC__GLIBC", "-"},
                                           {"ONNX_PACK_OVERRIDE_CPU__FEATURES", "avx2, fma"},
                                           {"ONNX_PACK_CACHE", "elsewhere"},
                                           {"HOME", "/"}});
  REQUIRE(replaced);
  CHECK(*replaced == std::vector<std::string>{"cpu.features", "libc.glibc", "runtime.onnxruntime",
                                              "x86_64.level"});
  CHECK(target.facts["x86_64.level"] == std::vector<std::string>{"v1", "v2", "v3"});
  CHECK(target.facts["libc.glibc"].empty());
  CHECK(target.facts["cpu.features"] == std::vector<std::string>{"avx2", "fma"});

  auto error = [&](const char* variable, const char* value) {
    auto result = apply_overrides(target, {{variable, value}});
    REQUIRE_FALSE(result);
    CHECK(result.error().kind() == ErrorKind::invalid_argument);
    return result.error().message();
  };
  CHECK(error("ONNX_PACK_OVERRIDE_X86_64_LEVEL", "v3") ==
        "ONNX_PACK_OVERRIDE_X86_64_LEVEL: there is no feature x86_64_level; did you mean "
        "x86_64.level?");
  CHECK(error("ONNX_PACK_OVERRIDE_X86_64__LEVEL", "v9") ==
        "ONNX_PACK_OVERRIDE_X86_64__LEVEL[0]: expected one of v1, v2, v3, v4, found \"v9\"");
  CHECK(error("ONNX_PACK_OVERRIDE_OS__NAME", "").find("expected values with commas between") !=
        std::string::npos);
}

TEST_CASE("the vocabulary has no name twice and its ladders close downwards", "[vocabulary]") {
  CHECK(std::ranges::is_sorted(vocabulary(), {}, &Feature::name));
  CHECK(find_feature("runtime.anything") != nullptr);
  CHECK(find_feature("runtime.") == nullptr);
  CHECK(find_feature("runtime") == nullptr);
  for (std::string_view ladder : {"x86_64.level", "aarch64.version"}) {
    std::vector<std::string> before;
    for (std::string_view step : ladder_steps(ladder)) {
      auto closure = ladder_closure(ladder, step);
      CHECK(closure.back() == step);
      CHECK(ladder_height(ladder, closure) == ladder_height(ladder, {std::string(step)}));
    }
  }
  // Armv9.0 grew from 8.5.
  CHECK(ladder_closure("aarch64.version", "v9.0").at(5) == "v8.5");
  CHECK(ladder_closure("aarch64.version", "v9.0").at(6) == "v9.0");
}

TEST_CASE("code for a profile suits that profile, and what differs is symmetric") {
  for (const auto& a : profiles()) {
    INFO(a.name);
    CHECK(target::suits(a, a).outcome == Outcome::met);
    CHECK(differences(a, a).empty());
    for (const auto& b : profiles()) {
      auto there = differences(a, b);
      auto back = differences(b, a);
      REQUIRE(there.size() == back.size());
      for (std::size_t i = 0; i < there.size(); ++i) {
        REQUIRE(there[i].feature == back[i].feature);
        REQUIRE(there[i].only_a == back[i].only_b);
        REQUIRE(there[i].in_a == back[i].in_b);
      }
    }
  }
}
