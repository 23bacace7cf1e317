// The smallest cover against trying all subsets, and what a plan for a fleet promises.
#include "onnxpack/select/fleet.h"

#include <algorithm>
#include <bit>
#include <catch2/catch_test_macros.hpp>
#include <random>
#include <set>

#include "cover.h"
#include "world.h"

using namespace onnxpack;
using namespace onnxpack::select;
using namespace onnxpack::select::testing;

namespace {

std::set<std::size_t> served_by(const CoverProblem& problem, unsigned subset) {
  std::set<std::size_t> out;
  for (std::size_t u = 0; u < problem.units.size(); ++u) {
    if ((subset >> u & 1U) != 0) out.insert(problem.units[u].begin(), problem.units[u].end());
  }
  return out;
}

std::size_t smallest_by_trying(const CoverProblem& problem) {
  unsigned subsets = 1U << problem.units.size();
  auto everybody = served_by(problem, subsets - 1);
  std::size_t best = problem.units.size();
  for (unsigned subset = 0; subset < subsets; ++subset) {
    if (served_by(problem, subset) == everybody)
      best = std::min<std::size_t>(best, static_cast<std::size_t>(std::popcount(subset)));
  }
  return best;
}

CoverProblem random_problem(std::mt19937& random) {
  CoverProblem out{1 + random() % 12, {}};
  for (std::size_t u = random() % 9; u > 0; --u) {
    auto& unit = out.units.emplace_back();
    for (std::size_t consumer = 0; consumer < out.consumers; ++consumer) {
      if (random() % 3 == 0) unit.push_back(consumer);
    }
  }
  return out;
}

constexpr const char* kinds[] = {
    "x86-64-v2",       "x86-64-v3",       "x86-64-v4",   "zen2",    "zen4",
    "icelake",         "aarch64",         "neoverse_n1", "riscv64", "qualcomm-sm8450",
    "qualcomm-sm8550", "qualcomm-sm8650", "cuda-sm_86"};
constexpr const char* targets[] = {"x86-64-v2",       "x86-64-v3",       "zen4",
                                   "haswell",         "aarch64",         "m1",
                                   "qualcomm-sm8450", "qualcomm-sm8550", "cuda-sm_80"};

struct Fleet {
  manifest::Manifest manifest;
  FleetRequest request;
};

Fleet random_fleet(unsigned seed) {
  std::mt19937 random(seed);
  Fleet out;
  std::vector<manifest::Variant> variants;
  for (const char* target : targets) {
    if (random() % 4 != 0) variants.push_back(variant(std::string("v-") + target, target));
  }
  out.manifest = package(std::move(variants));
  for (std::size_t i = 0; i < 100; ++i) {
    std::string kind = kinds[random() % std::size(kinds)];
    out.request.devices.push_back({kind + "-" + std::to_string(i), *target::find_profile(kind)});
  }
  if (random() % 3 != 0) out.request.ranking.unmeasured = Unmeasured::above_original;
  if (random() % 2 == 0) out.request.unit = Unit::target;
  if (random() % 2 == 0 && !out.manifest.variants.empty()) {
    const auto& subject = out.manifest.variants.front().name;
    out.request.ranking.evidence = {
        measured(out.manifest, "zen4", "", 10),
        measured(out.manifest, "zen4", subject, static_cast<double>(1 + random() % 20))};
  }
  return out;
}

std::string unit_name(const Fleet& fleet, const manifest::Variant& variant) {
  return fleet.request.unit == Unit::target ? variant.target : variant.name;
}

// The package with these units only.
manifest::Manifest only(const Fleet& fleet, const std::vector<std::string>& units) {
  manifest::Manifest out = fleet.manifest;
  std::erase_if(out.variants, [&](const auto& variant) {
    return std::ranges::find(units, unit_name(fleet, variant)) == units.end();
  });
  return out;
}

}  // namespace

TEST_CASE("the cover serves everybody whom anybody serves, and none is smaller", "[fleet]") {
  std::mt19937 random(5);
  for (int i = 0; i < 3000; ++i) {
    auto problem = random_problem(random);
    auto cover = smallest_cover(problem);
    unsigned subset = 0;
    for (std::size_t unit : cover.units) subset |= 1U << unit;
    INFO(i);
    REQUIRE(cover.smallest);
    REQUIRE(served_by(problem, subset) == served_by(problem, (1U << problem.units.size()) - 1));
    REQUIRE(cover.units.size() == smallest_by_trying(problem));
  }
}

TEST_CASE("a cover that is cut short still serves everybody, and says that it may be too large",
          "[fleet]") {
  std::mt19937 random(6);
  bool seen = false;
  for (int i = 0; i < 500; ++i) {
    auto problem = random_problem(random);
    auto cover = smallest_cover(problem, 1);
    unsigned subset = 0;
    for (std::size_t unit : cover.units) subset |= 1U << unit;
    REQUIRE(served_by(problem, subset) == served_by(problem, (1U << problem.units.size()) - 1));
    seen = seen || !cover.smallest;
  }
  CHECK(seen);
}

TEST_CASE("among equally small covers the earlier units are preferred", "[fleet]") {
  CHECK(smallest_cover({2, {{0, 1}, {0, 1}, {0}}}).units == std::vector<std::size_t>{0});
  // The last serves both as well, but what is needed of it the first gives too.
  CHECK(smallest_cover({3, {{0, 1}, {2}, {0, 1, 2}}}).units == std::vector<std::size_t>{2});
  CHECK(smallest_cover({3, {{0, 1}, {1, 2}, {0, 1}, {2}}}).units == std::vector<std::size_t>{0, 1});
}

TEST_CASE("a fleet's plan agrees with select on every device", "[fleet]") {
  std::size_t several = 0;
  for (unsigned seed = 0; seed < 60; ++seed) {
    Fleet fleet = random_fleet(seed);
    auto plan = plan_fleet(fleet.manifest, fleet.request);
    INFO(seed);
    REQUIRE(plan);
    REQUIRE(plan->proved);
    several += plan->smallest.size() > 2 ? 1U : 0U;
    auto small = only(fleet, plan->smallest);
    for (std::size_t i = 0; i < fleet.request.devices.size(); ++i) {
      Request request = fleet.request.ranking;
      request.target = fleet.request.devices[i].target;
      auto full = rank(fleet.manifest, request);
      auto least = rank(small, request);
      const std::string& first = full->ladder.front().variant;
      std::string unit = first.empty() ? "" : unit_name(fleet, *fleet.manifest.find_variant(first));
      REQUIRE(plan->devices[i].unit == unit);
      REQUIRE(plan->devices[i].reason.empty() == !unit.empty());
      // Whoever takes a variant of the whole package takes one of the smallest set, for the same
      // accelerator.
      REQUIRE(least->ladder.front().variant.empty() == first.empty());
      if (!first.empty()) {
        REQUIRE(fleet.manifest.find_variant(first)->device ==
                small.find_variant(least->ladder.front().variant)->device);
      }
    }
    std::size_t takers = 0;
    for (const auto& use : plan->units) {
      takers += use.picks.size();
      REQUIRE(use.picks.empty() == !use.reason.empty());
    }
    REQUIRE(takers + plan->originals.size() == fleet.request.devices.size());
  }
  CHECK(several > 20);  // otherwise these fleets prove little
}

TEST_CASE("no smaller set of units serves as many of the fleet", "[fleet]") {
  for (unsigned seed = 0; seed < 12; ++seed) {
    Fleet fleet = random_fleet(seed);
    auto plan = plan_fleet(fleet.manifest, fleet.request);
    std::vector<std::string> names;
    for (const auto& use : plan->units) names.push_back(use.unit);
    CoverProblem problem{fleet.request.devices.size(), {}};
    for (const auto& use : plan->units) {
      auto& unit = problem.units.emplace_back();
      for (std::size_t i = 0; i < fleet.request.devices.size(); ++i) {
        if (std::ranges::find(use.serves, fleet.request.devices[i].name) != use.serves.end())
          unit.push_back(i);
      }
    }
    INFO(seed);
    REQUIRE(plan->smallest.size() == smallest_by_trying(problem));
  }
}

TEST_CASE("the order of devices and of variants plays no part in a plan", "[fleet]") {
  std::mt19937 random(2);
  for (unsigned seed = 0; seed < 20; ++seed) {
    Fleet fleet = random_fleet(seed);
    auto before = plan_fleet(fleet.manifest, fleet.request);
    std::shuffle(fleet.request.devices.begin(), fleet.request.devices.end(), random);
    std::shuffle(fleet.manifest.variants.begin(), fleet.manifest.variants.end(), random);
    auto after = plan_fleet(fleet.manifest, fleet.request);
    INFO(seed);
    REQUIRE(after->smallest == before->smallest);
    std::ranges::sort(before->devices, {}, &DevicePick::device);
    std::ranges::sort(after->devices, {}, &DevicePick::device);
    REQUIRE(after->devices == before->devices);
  }
}

TEST_CASE("a fleet needs devices, each with a name of its own", "[fleet]") {
  auto manifest = package({variant("v", "x86-64-v3")});
  CHECK(plan_fleet(manifest, {}).error().kind() == ErrorKind::invalid_argument);
  FleetRequest twice;
  twice.devices = {{"a", *target::find_profile("zen2")}, {"a", *target::find_profile("zen3")}};
  CHECK(plan_fleet(manifest, twice).error().kind() == ErrorKind::invalid_argument);
}
