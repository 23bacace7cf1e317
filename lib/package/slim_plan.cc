#include "slim_plan.h"

#include <algorithm>
#include <map>
#include <optional>

#include "member_writer.h"

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

// Extents one after the other; neighbours that go on in the same source are joined.
class ExtentList {
 public:
  void add(extents::Extent extent) {
    if (extent.size == 0) return;
    if (!out_.empty() && goes_on(out_.back(), extent)) {
      out_.back().size += extent.size;
      return;
    }
    out_.push_back(extent);
  }
  void add_residual(std::uint64_t size) {
    add({.size = size, .offset = residual_});
    residual_ += size;
  }
  std::vector<extents::Extent> take() { return std::move(out_); }

 private:
  static bool goes_on(const extents::Extent& last, const extents::Extent& next) {
    return last.source == next.source && last.offset + last.size == next.offset &&
           last.transformation == extents::Transformation::copy &&
           next.transformation == extents::Transformation::copy;
  }

  std::vector<extents::Extent> out_;
  std::uint64_t residual_ = 0;
};

class Planner {
 public:
  Planner(const PackageFile& package, const std::set<std::string>& keep,
          const std::set<std::string>& contiguous)
      : package_(package), keep_(keep), contiguous_(contiguous) {}

  Result<SlimPlan> run() {
    ONNXPACK_CHECK(find_inverted());
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
        auto extents =
            invert(mapping.extents, static_cast<std::uint32_t>(i + 1), mapping.sources[i]->size);
        if (!extents_pay(extents, mapping.sources[i]->size)) continue;
        inverted_[source] = {source, How::mapped, std::move(extents), {name}};
      }
    }
    return {};
  }

  static std::vector<extents::Extent> invert(const std::vector<extents::Extent>& of_blob,
                                             std::uint32_t source, std::uint64_t size) {
    struct Pair {
      std::uint64_t in_source, in_blob, size;
    };
    std::vector<Pair> pairs;
    std::uint64_t at = 0;
    for (const auto& extent : of_blob) {
      if (extent.source == source && extent.transformation == extents::Transformation::copy)
        pairs.push_back({extent.offset, at, extent.size});
      at += extent.size;
    }
    std::ranges::sort(pairs, {},
                      [](const Pair& pair) { return std::pair(pair.in_source, pair.in_blob); });
    ExtentList out;
    std::uint64_t done = 0;
    for (const Pair& pair : pairs) {
      // A tensor that stands in the blob twice is needed once.
      std::uint64_t skip = done > pair.in_source ? done - pair.in_source : 0;
      if (skip >= pair.size) continue;
      out.add_residual(pair.in_source + skip - done);
      out.add({.size = pair.size - skip, .offset = pair.in_blob + skip, .source = 1});
      done = pair.in_source + pair.size;
    }
    out.add_residual(size - done);
    return out.take();
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

  // What stood in dropped members moves into the member's own residual.
  Result<SlimMember> carry_over(const manifest::LayoutMember& held) {
    ONNXPACK_TRY(auto mapping, package_.mapping(held.name));
    ExtentList list;
    for (const auto& extent : mapping.extents) {
      bool stays = extent.source != extents::residual_source &&
                   unchanged_.contains(held.sources[extent.source - 1]);
      if (stays) {
        list.add(extent);
      } else {
        list.add_residual(extent.size);
      }
    }
    SlimMember out{held.name, How::mapped, list.take(), {}};
    if (!extents_pay(out.extents, package_.manifest().find_member(held.name)->size))
      return SlimMember{held.name, How::whole, {}, {}};
    renumber_sources(out.extents, held.sources, out.sources);
    return out;
  }

  const PackageFile& package_;
  const std::set<std::string>& keep_;
  const std::set<std::string>& contiguous_;
  std::map<std::string, SlimMember> inverted_;
  std::set<std::string> unchanged_;
};

}  // namespace

Result<SlimPlan> plan_slim(const PackageFile& package, const std::set<std::string>& keep,
                           const std::set<std::string>& contiguous) {
  return Planner(package, keep, contiguous).run();
}

}  // namespace onnxpack::package
