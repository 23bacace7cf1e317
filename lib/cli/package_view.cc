#include "package_view.h"

#include <algorithm>
#include <set>

#include <fmt/format.h>

#include "onnxpack/base/text.h"

namespace onnxpack::cli {
namespace {

std::set<std::string> members_of(const manifest::Variant& variant) {
  std::set<std::string> out;
  for (const manifest::Partition& partition : variant.partitions) {
    for (const manifest::Blob& blob : partition.blobs) out.insert(blob.member);
  }
  return out;
}

// The heading under which a member's bytes are counted, by its folder.
std::string part_of(std::string_view member) {
  auto parts = split(member, '/');
  if (parts.size() >= 3 && parts[0] == "components") return fmt::format("component {}", parts[1]);
  if (parts.size() >= 3 && parts[0] == "variants") return fmt::format("variant {}", parts[1]);
  return std::string(parts[0]);
}

}  // namespace

HostAnswer answer_for(const manifest::Variant& variant, const target::Target& host) {
  HostAnswer out;
  for (const target::Requirement& requirement : variant.requirements) {
    target::Check check = target::check(requirement, host);
    if (check.outcome == target::Outcome::not_met) return {check.outcome, check.reason};
    if (check.outcome == target::Outcome::unknown && out.outcome == target::Outcome::met) {
      out = {check.outcome, check.reason};
    }
  }
  return out;
}

std::string_view to_string(target::Outcome outcome) {
  switch (outcome) {
    case target::Outcome::met:
      return "yes";
    case target::Outcome::not_met:
      return "no";
    case target::Outcome::unknown:
      return "unknown";
  }
  return "unknown";
}

std::uint64_t variant_size(const manifest::Manifest& manifest, const manifest::Variant& variant) {
  std::uint64_t out = 0;
  for (const std::string& name : members_of(variant)) {
    if (const manifest::Member* member = manifest.find_member(name)) out += member->size;
  }
  return out;
}

std::uint64_t variant_own_size(const package::PackageFile& package,
                               const manifest::Variant& variant) {
  std::uint64_t out = 0;
  for (const std::string& name : members_of(variant)) out += package.stored_size(name);
  return out;
}

std::uint64_t original_size(const package::PackageFile& package) {
  std::uint64_t out = 0;
  for (const auto& component : package.manifest().components) {
    out += component.original.size;
    for (const auto& data : component.external_data) {
      const manifest::Member* member = package.manifest().find_member(data.member);
      out += member == nullptr ? 0 : member->size;
    }
  }
  return out;
}

bool holds_variant(const package::PackageFile& package, const manifest::Variant& variant) {
  return std::ranges::all_of(members_of(variant),
                             [&](const std::string& member) { return package.holds(member); });
}

bool stands_as_files(const package::PackageFile& package, const manifest::Component& component) {
  const auto plain = [&](const std::string& member) {
    const auto* held = package.held(member);
    return held == nullptr || held->storage == manifest::Storage::stored;
  };
  return plain(component.model) &&
         std::ranges::all_of(component.external_data,
                             [&](const auto& data) { return plain(data.member); });
}

std::vector<SizeLine> size_breakdown(const package::PackageFile& package) {
  std::vector<SizeLine> out;
  std::uint64_t stored = 0;
  for (const manifest::Member& member : package.manifest().members) {
    bool held = package.holds(member.name);
    std::uint64_t size = held ? package.stored_size(member.name) : member.size;
    if (held) stored += size;
    std::string part = part_of(member.name);
    auto line = std::ranges::find_if(
        out, [&](const SizeLine& known) { return known.part == part && known.held == held; });
    if (line == out.end()) {
      out.push_back({part, size, held});
    } else {
      line->size += size;
    }
  }
  out.push_back(
      {"index and padding", package.file_size() - std::min(stored, package.file_size()), true});
  return out;
}

}  // namespace onnxpack::cli
