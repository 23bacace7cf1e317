// The order is total, and the properties that follow from it, on generated packages, targets and
// measurements.
#include "order.h"

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <random>

#include "world.h"

using namespace onnxpack;
using namespace onnxpack::select;
using namespace onnxpack::select::testing;

namespace {

constexpr const char* cpu_targets[] = {"x86-64-v2", "x86-64-v3", "x86-64-v4", "haswell",
                                       "zen3",      "zen4",      "aarch64",   "riscv64"};
constexpr const char* npu_targets[] = {"qualcomm-sm8550", "qualcomm-sm8650", "qualcomm-sm8750",
                                       "vulkan", "cuda-sm_80"};
constexpr const char* devices[] = {"x86-64-v3",       "x86-64-v4",       "zen3",      "zen4",
                                   "qualcomm-sm8650", "qualcomm-sm8750", "cuda-sm_86"};

struct World {
  manifest::Manifest manifest;
  Request request;
};

template <std::size_t N>
std::string pick(std::mt19937& random, const char* const (&names)[N]) {
  return names[random() % N];
}

World random_world(unsigned seed) {
  std::mt19937 random(seed);
  World out;
  std::vector<manifest::Variant> variants;
  for (std::size_t n = 3 + random() % 6; n > 0; --n) {
    bool cpu = random() % 3 != 0;
    auto made = variant("v" + std::to_string(random() % 1000) + "-" + std::to_string(n),
                        cpu ? pick(random, cpu_targets) : pick(random, npu_targets),
                        random() % 4 == 0 ? "other" : "onnxpack.iree");
    if (random() % 4 == 0) made.fixed_shapes = {{"x", {1, 3, 48, 192}}};
    if (random() % 4 == 0)
      made.compatibility_string = random() % 2 == 0 ? "onnx-pack/1;x86_64.level=v3" : "opaque";
    if (random() % 5 == 0)
      made.requirements.push_back({"runtime.iree", target::Test::version, {">=3.13"}});
    variants.push_back(std::move(made));
  }
  out.manifest = package(std::move(variants));
  for (auto& member : out.manifest.members) member.size = 100 * (1 + random() % 3);
  out.request = request_for(pick(random, devices));
  if (random() % 2 == 0) out.request.target.facts["runtime.iree"] = {"3.13.0"};
  if (random() % 2 == 0) out.request.target.facts["vulkan.version"] = {"1.3"};
  if (random() % 4 == 0) out.request.ep_order = {"onnxpack.iree"};
  if (random() % 4 == 0) out.request.input_shapes["x"] = {1, 3, 48, 192};
  if (random() % 4 == 0) out.request.unmeasured = Unmeasured::above_original;
  for (std::size_t n = random() % 8; n > 0; --n) {
    const auto& subject = out.manifest.variants[random() % out.manifest.variants.size()].name;
    auto evidence = measured(
        out.manifest, random() % 2 == 0 ? out.request.target.name : pick(random, devices),
        random() % 3 == 0 ? "" : subject, static_cast<double>(1 + random() % 5), random() % 2);
    if (random() % 12 == 0) evidence.entries[0].equivalence = "failed";
    out.request.evidence.push_back(std::move(evidence));
  }
  return out;
}

std::string everything(const Result<Selection>& selection) {
  if (!selection) return selection.error().message();
  std::string out = ladder_text(selection) + "\n" + selection->decided_by;
  for (const auto* list : {&selection->ladder, &selection->refused}) {
    for (const auto& ranked : *list) {
      out += "\n" + ranked.variant + ": " + std::string(to_string(ranked.place)) + ": " +
             ranked.reason;
      for (const auto& note : ranked.notes) out += "; " + note;
    }
  }
  return out;
}

constexpr unsigned worlds = 1500;

}  // namespace

TEST_CASE("declaration order plays no part", "[order]") {
  std::mt19937 random(1);
  std::size_t long_ladders = 0;
  for (unsigned seed = 0; seed < worlds; ++seed) {
    World world = random_world(seed);
    auto before = everything(rank(world.manifest, world.request));
    long_ladders += rank(world.manifest, world.request)->ladder.size() > 2 ? 1U : 0U;
    std::shuffle(world.manifest.variants.begin(), world.manifest.variants.end(), random);
    std::shuffle(world.manifest.members.begin(), world.manifest.members.end(), random);
    std::shuffle(world.request.evidence.begin(), world.request.evidence.end(), random);
    INFO(seed);
    REQUIRE(everything(rank(world.manifest, world.request)) == before);
  }
  CHECK(long_ladders > worlds / 4);  // otherwise these worlds prove little
}

TEST_CASE(
    "every ladder has the original once, every variant is somewhere, and each refusal has a reason",
    "[order]") {
  for (unsigned seed = 0; seed < worlds; ++seed) {
    World world = random_world(seed);
    auto selection = rank(world.manifest, world.request);
    INFO(seed);
    REQUIRE(selection);
    REQUIRE(std::ranges::count(selection->ladder, "", &Ranked::variant) == 1);
    REQUIRE(selection->ladder.size() + selection->refused.size() ==
            world.manifest.variants.size() + 1);
    REQUIRE(std::ranges::count(selection->ladder, Place::selected, &Ranked::place) == 1);
    REQUIRE(selection->ladder.front().place == Place::selected);
    REQUIRE_FALSE(selection->decided_by.empty());
    REQUIRE(selection->decided_by.find('\n') == std::string::npos);
    REQUIRE(std::ranges::is_sorted(selection->refused, {}, &Ranked::variant));
    for (const auto* list : {&selection->ladder, &selection->refused}) {
      for (const auto& ranked : *list) REQUIRE_FALSE(ranked.reason.empty());
    }
  }
}

TEST_CASE("an incompatible variant more changes nothing", "[order]") {
  for (unsigned seed = 0; seed < worlds; ++seed) {
    World world = random_world(seed);
    auto before = rank(world.manifest, world.request);
    auto stranger = variant("a-stranger", "intel-npu-4000");
    World larger = world;
    larger.manifest.members.push_back({"variants/a-stranger/blob", 1, digest_of("stranger"), ""});
    larger.manifest.variants.insert(larger.manifest.variants.begin(), stranger);
    auto after = rank(larger.manifest, larger.request);
    INFO(seed);
    REQUIRE(ladder_text(after) == ladder_text(before));
    if (before->ladder.size() > 1) REQUIRE(after->decided_by == before->decided_by);
    REQUIRE(after->refused.size() == before->refused.size() + 1);
  }
}

TEST_CASE(
    "taking an entry away leaves the order of the others, and without the winner the second wins",
    "[order]") {
  for (unsigned seed = 0; seed < worlds; ++seed) {
    World world = random_world(seed);
    auto before = rank(world.manifest, world.request);
    for (std::size_t i = 0; i < before->ladder.size(); ++i) {
      World smaller = world;
      if (before->ladder[i].variant.empty()) {
        smaller.request.fallback = Fallback::drop;
        if (before->ladder.size() == 1) continue;
      } else {
        std::erase_if(smaller.manifest.variants,
                      [&](const auto& v) { return v.name == before->ladder[i].variant; });
      }
      std::vector<std::string> expected;
      for (std::size_t k = 0; k < before->ladder.size(); ++k) {
        if (k != i) expected.push_back(before->ladder[k].variant);
      }
      auto after = rank(smaller.manifest, smaller.request);
      INFO(seed << ", without " << before->ladder[i].variant);
      REQUIRE(after);
      std::vector<std::string> found;
      for (const auto& ranked : after->ladder) found.push_back(ranked.variant);
      REQUIRE(found == expected);
    }
  }
}

TEST_CASE("the order of keys is antisymmetric, transitive and total", "[order]") {
  std::mt19937 random(3);
  std::vector<Key> keys;
  for (int i = 0; i < 120; ++i) {
    Key key;
    key.tier = static_cast<Tier>(random() % 5);
    if (random() % 2 == 0) key.median_ms = static_cast<double>(random() % 3);
    key.accelerator = random() % 2;
    for (auto& value : key.specificity.values) value = random() % 2;
    key.verdict = static_cast<target::Verdict>(random() % 4);
    key.exact = random() % 2 == 0;
    key.download = random() % 2;
    key.label = "v" + std::to_string(i);
    keys.push_back(key);
  }
  for (const Key& a : keys) {
    CHECK(compare(a, a) == 0);
    for (const Key& b : keys) {
      auto ab = compare(a, b);
      REQUIRE((ab == 0) == (a.label == b.label));
      REQUIRE((ab < 0) == (compare(b, a) > 0));
      for (const Key& c : keys) {
        if (ab < 0 && compare(b, c) < 0 && !(compare(a, c) < 0))
          FAIL("not transitive: " << a.label << b.label << c.label);
      }
      if (ab < 0) REQUIRE_FALSE(difference(a, b).empty());
    }
  }
}

TEST_CASE("what is closer to the device is more specific", "[order]") {
  auto less = [](const char* a, const char* b) {
    return specificity_of(variant("a", a)) < specificity_of(variant("b", b));
  };
  CHECK(less("x86-64-v2", "x86-64-v3"));
  CHECK(less("x86-64-v3", "x86-64-v4"));
  CHECK(less("x86-64-v3", "haswell"));
  CHECK(less("haswell", "x86-64-v4"));
  CHECK(less("x86-64-v4", "zen4"));
  CHECK(less("aarch64", "aarch64-v8.2"));
  CHECK(less("qualcomm-sm8550", "qualcomm-sm8650"));
  CHECK(less("vulkan", "cuda-sm_80"));
  CHECK(less("cuda-sm_80", "cuda-sm_86"));
}
