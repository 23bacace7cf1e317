#include "onnxpack/select/fleet.h"

#include <algorithm>
#include <map>
#include <set>

#include <fmt/format.h>

#include "cover.h"
#include "onnxpack/base/text.h"
#include "order.h"

namespace onnxpack::select {
namespace {

std::string unit_of(const manifest::Variant& variant, Unit unit) {
  return unit == Unit::target ? variant.target : variant.name;
}

Status check_devices(const FleetRequest& request) {
  if (request.devices.empty()) {
    return fail(ErrorKind::invalid_argument, "the fleet has no device",
                "name device files: `onnx-pack targets show host > device.json` writes one");
  }
  std::set<std::string> names;
  for (const auto& device : request.devices) {
    if (names.insert(device.name).second) continue;
    return fail(ErrorKind::invalid_argument,
                fmt::format("two devices are called {}", printable(device.name)),
                "a device is called as its file is, without .json");
  }
  return {};
}

// Why the original serves: a variant that would run but nobody measured says more than one that is
// for other hardware, and what the device file leaves out more than what the device lacks.
std::string why_original(const Selection& selection) {
  for (const auto& rung : selection.ladder) {
    if (!rung.variant.empty()) return fmt::format("{}: {}", rung.variant, rung.reason);
  }
  if (selection.refused.empty()) return "there is no variant";
  auto telling = [](const Ranked& miss) {
    bool other_hardware = miss.reason.starts_with("needs arch.name") ||
                          miss.reason.starts_with("needs accelerator.class");
    return miss.place == Place::unknown ? 0 : other_hardware ? 2 : 1;
  };
  const Ranked& best = *std::ranges::min_element(selection.refused, {}, telling);
  if (telling(best) == 2) return "nothing is made for such hardware; " + best.reason;
  return fmt::format("{}: {}", best.variant, best.reason);
}

class Planner {
 public:
  Planner(const manifest::Manifest& manifest, const FleetRequest& request)
      : manifest_(manifest), request_(request) {
    for (const auto& variant : manifest.variants) {
      if (variant.component != request.ranking.component) continue;
      UnitUse& use = uses_[unit_of(variant, request.unit)];
      use.unit = unit_of(variant, request.unit);
      use.device = variant.device;
      auto& specificity = specificity_[use.unit];
      specificity = std::max(specificity, specificity_of(variant));
    }
  }

  Result<FleetPlan> make() {
    FleetPlan out;
    for (const auto& device : request_.devices) {
      ONNXPACK_TRY(auto selection, rank_for(manifest_, device));
      out.devices.push_back(look(device.name, selection));
      if (out.devices.back().unit.empty()) out.originals.push_back(device.name);
    }
    choose_smallest(out);
    ONNXPACK_CHECK(pick_from_smallest(out));
    for (auto& [name, use] : uses_) {
      if (use.picks.empty() && use.reason.empty())
        use.reason = "every device that it suits takes another";
      if (!use.picks.empty()) use.reason.clear();
      out.units.push_back(std::move(use));
    }
    return out;
  }

 private:
  Result<Selection> rank_for(const manifest::Manifest& manifest, const FleetDevice& device) {
    Request ranking = request_.ranking;
    ranking.target = device.target;
    ranking.fallback = Fallback::keep;
    return in(rank(manifest, ranking), printable(device.name));
  }

  // Notes who would serve the device, and who is taken.
  DevicePick look(const std::string& device, const Selection& selection) {
    DevicePick out{device, "", ""};
    std::string accelerator;
    for (const auto& rung : selection.ladder) {
      if (rung.variant.empty()) break;
      const auto& variant = *manifest_.find_variant(rung.variant);
      UnitUse& use = uses_.at(unit_of(variant, request_.unit));
      if (out.unit.empty()) {
        out.unit = use.unit;
        accelerator = variant.device;
        use.picks.push_back(device);
      }
      if (variant.device != accelerator) continue;
      if (use.serves.empty() || use.serves.back() != device) use.serves.push_back(device);
    }
    if (out.unit.empty()) out.reason = why_original(selection);
    for (const auto& miss : selection.refused) {
      UnitUse& use = uses_.at(unit_of(*manifest_.find_variant(miss.variant), request_.unit));
      if (use.reason.empty() || miss.place == Place::unknown)
        use.reason = fmt::format("{}: {}", device, miss.reason);
    }
    for (const auto& rung : selection.ladder) {
      if (rung.variant.empty()) continue;
      UnitUse& use = uses_.at(unit_of(*manifest_.find_variant(rung.variant), request_.unit));
      if (std::ranges::find(use.serves, device) == use.serves.end())
        use.reason = fmt::format("{}: {}", device, rung.reason);
    }
    return out;
  }

  void choose_smallest(FleetPlan& out) {
    // The most specific first: what cover() prefers among equals.
    std::vector<UnitUse*> order;
    for (auto& [name, use] : uses_) order.push_back(&use);
    std::ranges::stable_sort(order, std::ranges::greater(),
                             [&](const UnitUse* use) { return specificity_.at(use->unit); });
    CoverProblem problem{request_.devices.size(), {}};
    for (const UnitUse* use : order) {
      auto& served = problem.units.emplace_back();
      for (std::size_t i = 0; i < request_.devices.size(); ++i) {
        if (std::ranges::find(use->serves, request_.devices[i].name) != use->serves.end())
          served.push_back(i);
      }
    }
    Cover cover = smallest_cover(problem);
    out.proved = cover.smallest;
    for (std::size_t unit : cover.units) {
      order[unit]->needed = true;
      out.smallest.push_back(order[unit]->unit);
    }
    std::ranges::sort(out.smallest);
  }

  Status pick_from_smallest(FleetPlan& out) {
    manifest::Manifest small = manifest_;
    std::erase_if(small.variants, [&](const auto& variant) {
      return std::ranges::find(out.smallest, unit_of(variant, request_.unit)) == out.smallest.end();
    });
    for (const auto& device : request_.devices) {
      ONNXPACK_TRY(auto selection, rank_for(small, device));
      const std::string& first = selection.ladder.front().variant;
      if (first.empty()) continue;
      uses_.at(unit_of(*small.find_variant(first), request_.unit)).set_picks.push_back(device.name);
    }
    return {};
  }

  const manifest::Manifest& manifest_;
  const FleetRequest& request_;
  std::map<std::string, UnitUse> uses_;
  std::map<std::string, Specificity> specificity_;
};

}  // namespace

Result<FleetPlan> plan_fleet(const manifest::Manifest& manifest, const FleetRequest& request) {
  ONNXPACK_CHECK(check_devices(request));
  return Planner(manifest, request).make();
}

}  // namespace onnxpack::select
