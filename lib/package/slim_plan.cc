#include "slim_plan.h"

#include <algorithm>
#include <map>
#include <optional>

#include "extent_list.h"
#include "member_writer.h"
#include "onnxpack/extents/resolve.h"

namespace onnxpack::package {
namespace {

using manifest::Storage;
using How = SlimMember::How;

std::string map_name(const std::string& member) {
  return std::string(manifest::extents_folder) + member;
}
bool is_map(std::string_view name) {
  return name.starts_with(manifest::extents_folder);
}

class Planner {
 public:
  Planner(const PackageFile& package, const std::set<std::string>& keep,
          const std::set<std::string>& contiguous)
      : package_(package), keep_(keep), contiguous_(contiguous) {}

  Result<SlimPlan> run() {
    ONNXPACK_CHECK(find_inverted());
    ONNXPACK_CHECK(find_moved());
    find_unchanged();
    SlimPlan plan;
    for (const auto& held : package_.layout().members) {
      if (is_map(held.name)) continue;
      ONNXPACK_TRY(SlimMember member, decide(held));
      plan.members.push_back(std::move(member));
    }
    return plan;
  }

 private:
  // Stored members that become extents of contiguous ones: the same pairs of ranges, the other way
  // round.
  Status find_inverted() {
    for (const std::string& name : contiguous_) {
      const auto* held = package_.held(name);
      if (held == nullptr || held->storage != Storage::extents) continue;
      ONNXPACK_TRY(auto mapping, package_.mapping(name));
      for (std::size_t i = 0; i < held->sources.size(); ++i) {
        const std::string& source = held->sources[i];
        if (is_map(source) || !keep_.contains(source) || contiguous_.contains(source) ||
            inverted_.contains(source))
          continue;
        ONNXPACK_TRY(auto content, package_.open_member(source));
        ONNXPACK_TRY(
            auto placed,
            package::inverted(mapping.extents, static_cast<std::uint32_t>(i + 1), *content, 1));
        auto extents = assemble(std::move(placed), content->size());
        if (!extents_pay(extents, mapping.sources[i]->size)) continue;
        inverted_[source] = {source, How::mapped, std::move(extents), {name}};
        inverted_maps_.insert(map_name(source));
      }
    }
    return {};
  }

  // Dropped members of which several kept ones are made, as other forms of ternary weights: one of
  // these is stored instead, in one piece, and the others are made of it.
  Status find_moved() {
    for (const auto& held : package_.layout().members) {
      if (held.storage != Storage::stored || is_map(held.name) || keep_.contains(held.name))
        continue;
      std::string heir;
      std::size_t users = 0;
      for (const auto& user : package_.layout().members) {
        if (user.storage != Storage::extents || !keep_.contains(user.name)) continue;
        const auto number = source_number(user, held.name);
        if (number == 0) continue;
        ++users;
        ONNXPACK_TRY(bool may, holds_codes(user, number));
        if (may && (heir.empty() || size_of(user.name) < size_of(heir))) heir = user.name;
      }
      if (heir.empty() || users < 2) continue;
      ONNXPACK_TRY(auto mapping, package_.mapping(heir));
      ONNXPACK_TRY(auto content, package_.open_member(held.name));
      ONNXPACK_TRY(auto placed,
                   package::inverted(mapping.extents,
                                     source_number(*package_.held(heir), held.name), *content, 1));
      moved_[held.name] = {
          held.name, How::mapped, assemble(std::move(placed), content->size()), {heir}};
      contiguous_.insert(heir);
    }
    return {};
  }

  // 0: none.
  static std::uint32_t source_number(const manifest::LayoutMember& user, const std::string& name) {
    auto there = std::ranges::find(user.sources, name);
    return there == user.sources.end()
               ? 0
               : static_cast<std::uint32_t>(there - user.sources.begin() + 1);
  }

  std::uint64_t size_of(const std::string& member) const {
    return package_.manifest().find_member(member)->size;
  }

  // Whether the member has codes that are made of this source of its.
  Result<bool> holds_codes(const manifest::LayoutMember& member, std::uint32_t source) const {
    ONNXPACK_TRY(auto mapping, package_.mapping(member.name));
    return std::ranges::any_of(mapping.extents, [&](const extents::Extent& extent) {
      return extent.source == source && extent.transformation == extents::Transformation::ternary &&
             !extents::is_real(extent.ternary.to);
    });
  }

  bool stays_stored(const manifest::LayoutMember& held) const {
    return held.storage == Storage::stored && keep_.contains(held.name) &&
           !inverted_.contains(held.name);
  }

  // What can be a source in the slim package: members that stay stored, and maps that stay as they
  // are. A map falls when one of its sources does; what remains when none falls any more, stays.
  void find_unchanged() {
    for (const auto& held : package_.layout().members) {
      if (is_map(held.name)) continue;
      if (stays_stored(held)) unchanged_.insert(held.name);
      if (held.storage == Storage::extents && keep_.contains(held.name) &&
          !contiguous_.contains(held.name))
        unchanged_.insert(map_name(held.name));
    }
    for (bool fell = true; fell;) {
      fell = false;
      for (const auto& held : package_.layout().members) {
        if (held.storage != Storage::extents || !unchanged_.contains(map_name(held.name))) continue;
        bool whole = std::ranges::all_of(
            held.sources, [&](const auto& source) { return unchanged_.contains(source); });
        if (whole) continue;
        unchanged_.erase(map_name(held.name));
        fell = true;
      }
    }
  }

  Result<SlimMember> decide(const manifest::LayoutMember& held) {
    if (held.storage == Storage::absent || !keep_.contains(held.name))
      return SlimMember{held.name, How::absent, {}, {}};
    if (auto inverted = inverted_.find(held.name); inverted != inverted_.end())
      return inverted->second;
    if (held.storage == Storage::stored || unchanged_.contains(map_name(held.name)))
      return SlimMember{held.name, How::copied, {}, {}};
    if (contiguous_.contains(held.name)) return SlimMember{held.name, How::whole, {}, {}};
    return carry_over(held);
  }

  // Whether that is in the slim package, stored.
  bool stays(const std::vector<std::string>& names, std::uint32_t source) const {
    if (source == extents::residual_source) return true;
    const std::string& name = names[source - 1];
    return unchanged_.contains(name) || contiguous_.contains(name) || inverted_maps_.contains(name);
  }

  // What stood in dropped members moves into the member's own residual. What stood in members that
  // are now extents of another refers to that one.
  Result<SlimMember> carry_over(const manifest::LayoutMember& held) {
    ONNXPACK_TRY(auto mapping, package_.mapping(held.name));
    std::vector<std::string> names = held.sources;
    auto extents = extents::resolve(mapping.extents, inverted_sources(held, names));
    std::vector<PlacedExtent> placed;
    std::uint64_t at = 0;
    for (extents::Extent extent : extents) {
      const bool has_source = stays(names, extent.source);
      const bool has_scales = stays(names, extent.ternary.scale_source);
      const bool real = extents::is_real(extent.ternary.to);
      if ((has_source && has_scales) || real) {
        // Trits times scales, whose codes are dropped: the member takes the codes over, not the
        // values.
        if (!has_source) extent.source = extents::residual_source;
        if (!has_scales) extent.ternary.scale_source = extents::residual_source;
        placed.push_back({at, extent});
      }
      at += extent.size;
    }
    SlimMember out{held.name, How::mapped, assemble(std::move(placed), at), {}};
    if (!extents_pay(out.extents, at)) return SlimMember{held.name, How::whole, {}, {}};
    renumber_sources(out.extents, names, out.sources);
    return out;
  }

  // How a member is made that was stored and no longer is. Nothing when it is not like that.
  const SlimMember* find_elsewhere(const std::string& name) const {
    for (const auto* list : {&inverted_, &moved_}) {
      if (auto there = list->find(name); there != list->end()) return &there->second;
    }
    return nullptr;
  }

  // The member's sources that are no longer stored but held as extents, in its own numbering; to
  // `names` comes what those lie in.
  std::map<std::uint32_t, extents::HeldAs> inverted_sources(const manifest::LayoutMember& held,
                                                            std::vector<std::string>& names) const {
    std::map<std::uint32_t, extents::HeldAs> out;
    const auto number_of = [&](const std::string& name) {
      auto there = std::ranges::find(names, name);
      if (there == names.end()) there = names.insert(names.end(), name);
      return static_cast<std::uint32_t>(there - names.begin() + 1);
    };
    for (std::size_t i = 0; i < held.sources.size(); ++i) {
      const SlimMember* elsewhere = find_elsewhere(held.sources[i]);
      if (elsewhere == nullptr) continue;
      extents::HeldAs how{elsewhere->extents, number_of(map_name(elsewhere->name))};
      for (auto& extent : how.extents) {
        if (extent.source != extents::residual_source)
          extent.source = number_of(elsewhere->sources.front());
      }
      out.emplace(static_cast<std::uint32_t>(i + 1), std::move(how));
    }
    return out;
  }

  const PackageFile& package_;
  const std::set<std::string>& keep_;
  std::set<std::string> contiguous_;
  std::map<std::string, SlimMember> inverted_;
  std::set<std::string> inverted_maps_;
  // Dropped members, as extents of the kept ones that take their place. What these lack is
  // residual, of a map that is nowhere.
  std::map<std::string, SlimMember> moved_;
  std::set<std::string> unchanged_;
};

}  // namespace

Result<SlimPlan> plan_slim(const PackageFile& package, const std::set<std::string>& keep,
                           const std::set<std::string>& contiguous) {
  return Planner(package, keep, contiguous).run();
}

}  // namespace onnxpack::package
