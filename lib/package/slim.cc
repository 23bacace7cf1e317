#include "onnxpack/package/slim.h"

#include <algorithm>
#include <set>

#include <fmt/format.h>

#include "member_writer.h"
#include "members.h"
#include "onnxpack/archive/writer.h"
#include "onnxpack/base/text.h"
#include "onnxpack/package/annex.h"
#include "slim_plan.h"

namespace onnxpack::package {
namespace {

Result<std::vector<ComponentSelection>> rank_components(const manifest::Manifest& manifest,
                                                        select::Request request) {
  std::optional<std::string> forced = std::exchange(request.forced_variant, std::nullopt);
  const manifest::Variant* forced_variant = forced ? manifest.find_variant(*forced) : nullptr;
  std::vector<ComponentSelection> out;
  for (const auto& component : manifest.components) {
    request.component = component.name;
    // An unknown name goes to rank(), which knows how to complain about it.
    bool here =
        forced && (forced_variant == nullptr || forced_variant->component == component.name);
    request.forced_variant = here ? forced : std::nullopt;
    ONNXPACK_TRY(auto selection, select::rank(manifest, request));
    out.push_back({component.name, std::move(selection)});
  }
  return out;
}

// What the caller knows, and what lies in the package.
Result<select::Request> with_own_evidence(const PackageFile& package, select::Request request) {
  ONNXPACK_TRY(auto own, evidence_in(package));
  std::ranges::move(own, std::back_inserter(request.evidence));
  return request;
}

// Variants above the original graph, at most `keep` of each component.
std::vector<const manifest::Variant*> kept_variants(
    const manifest::Manifest& manifest, const std::vector<ComponentSelection>& selections,
    std::size_t keep) {
  std::vector<const manifest::Variant*> out;
  for (const auto& [component, selection] : selections) {
    std::size_t count = 0;
    for (const auto& rung : selection.ladder) {
      // What stands below the original would never be tried before it: carrying it costs and helps
      // nobody.
      if (rung.variant.empty() || count == keep) break;
      out.push_back(manifest.find_variant(rung.variant));
      ++count;
    }
  }
  return out;
}

// Writes the members of a slim package as planned, and its layout.
class SlimWriter {
 public:
  SlimWriter(const Environment& environment, const PackageFile& package, bool verify,
             io::WritableFile& output)
      : environment_(environment), package_(package), verify_(verify), archive_(output) {}

  Status run(const SlimPlan& plan) {
    layout_.version = package_.layout().version;
    layout_.unknown = package_.layout().unknown;
    environment_.watcher->started("copy", package_.file_size());
    for (const SlimMember& member : plan.members)
      ONNXPACK_CHECK(in(write(member), printable(package_.path().string())));
    environment_.watcher->finished("copy", human_size(done_));
    ONNXPACK_CHECK(archive_.add(layout_name, as_bytes(manifest::emit(layout_))));
    ONNXPACK_CHECK(archive_.add(manifest_name, as_bytes(package_.manifest_text())));
    return archive_.finish();
  }
  void abandon() { archive_.abandon(); }

 private:
  using How = SlimMember::How;

  Status write(const SlimMember& member) {
    const manifest::LayoutMember& before = *package_.layout().find(member.name);
    manifest::LayoutMember now = before;
    now.sources.clear();
    switch (member.how) {
      case How::absent:
        now.storage = manifest::Storage::absent;
        layout_.members.push_back(std::move(now));
        return {};
      case How::copied:
        return copy(before);
      case How::whole:
        now.storage = manifest::Storage::stored;
        layout_.members.push_back(std::move(now));
        return write_whole(member.name);
      case How::mapped:
        now.storage = manifest::Storage::extents;
        now.sources = member.sources;
        layout_.members.push_back(std::move(now));
        return write_map(member);
    }
    return {};
  }

  Status copy(const manifest::LayoutMember& held) {
    layout_.members.push_back(held);
    if (held.storage == manifest::Storage::stored) return copy_entry(held.name);
    std::string map = std::string(manifest::extents_folder) + held.name;
    layout_.members.push_back(*package_.layout().find(map));
    return copy_entry(map);
  }

  Status copy_entry(const std::string& name) {
    ONNXPACK_TRY(const archive::Entry* entry, package_.entry(name));
    const auto& source = package_.archive().file();
    ONNXPACK_CHECK(package_.archive().check_local_header(*entry));
    if (verify_) {
      ONNXPACK_TRY(auto added, archive_.add(name, source, entry->offset, entry->size, options()));
      ONNXPACK_CHECK(check_digest(name, added.hashes));
    } else {
      ONNXPACK_CHECK(
          archive_.add_known(name, source, entry->offset, entry->size, entry->crc32, options()));
    }
    done_ += entry->size;
    return {};
  }

  Status check_digest(const std::string& name, const crypto::ContentHashes& hashes) const {
    const manifest::Member* member = package_.manifest().find_member(name);
    std::string_view expected =
        member != nullptr ? member->sha256 : package_.layout().find(name)->sha256;
    if (hashes.sha256.hex() == expected) return {};
    return fail(ErrorKind::untrusted,
                fmt::format("{}: SHA-256 is {}, {} says {}", printable(name), hashes.sha256.hex(),
                            member != nullptr ? manifest_name : layout_name, expected));
  }

  Status write_whole(const std::string& name) {
    ONNXPACK_TRY(auto content, package_.content(name));
    std::vector<io::Segment> segments(content.ranges.begin(), content.ranges.end());
    ONNXPACK_TRY(auto added, archive_.add(name, segments, options()));
    done_ += added.hashes.size;
    // Its bytes pass by anyway, so they are checked whether asked to or not.
    return check_digest(name, added.hashes);
  }

  Status write_map(const SlimMember& member) {
    ONNXPACK_TRY(auto whole, package_.open_member(member.name));
    ONNXPACK_TRY(MapContent content, map_content(member.extents, *whole));
    std::string name = std::string(manifest::extents_folder) + member.name;
    ONNXPACK_TRY(auto added, archive_.add(name, content.segments, options()));
    done_ += added.hashes.size;
    layout_.members.push_back({.name = name,
                               .storage = manifest::Storage::stored,
                               .size = added.hashes.size,
                               .sha256 = added.hashes.sha256.hex()});
    return {};
  }

  archive::AddOptions options() {
    return {environment_.cancel,
            [this](std::uint64_t now) { environment_.watcher->advanced("copy", done_ + now); }};
  }

  const Environment& environment_;
  const PackageFile& package_;
  bool verify_;
  archive::ArchiveWriter archive_;
  manifest::Layout layout_;
  std::uint64_t done_ = 0;
};

Status write_slim(const Environment& environment, const PackageFile& package,
                  const SlimRequest& request, const SlimPlan& plan, SlimReport& report) {
  if (request.overwrite == io::Overwrite::no && environment.files->exists(request.output)) {
    return fail(ErrorKind::already_exists,
                fmt::format("{} exists", printable(request.output.string())),
                "use --force to replace it, or choose another name with -o");
  }
  ONNXPACK_TRY(auto output, environment.files->create(request.output));
  SlimWriter writer(environment, package, request.verify, *output);
  if (auto written = writer.run(plan); !written) {
    writer.abandon();
    return written;
  }
  report.package_size = output->position();
  return output->publish(request.overwrite);
}

// The members of the variants that shall stand in one piece, mappable: those of the best one of
// each component.
std::set<std::string> contiguous_members(const manifest::Manifest& manifest,
                                         const std::vector<const manifest::Variant*>& variants) {
  std::set<std::string> out;
  std::set<std::string> served;
  for (const manifest::Variant* variant : variants) {
    if (!served.insert(variant->component).second) continue;
    for (const auto& partition : variant->partitions) {
      for (const auto& blob : partition.blobs) out.insert(blob.member);
    }
  }
  for (const auto& variant : variants) {
    // What a blob reads by offset must be there as a file.
    for (const auto& member : variant->references) {
      if (manifest.find_member(member) != nullptr) out.insert(member);
    }
  }
  return out;
}

}  // namespace

Result<SlimReport> select_package(const Environment& environment, const PackageFile& package,
                                  const SlimRequest& request) {
  const manifest::Manifest& manifest = package.manifest();
  SlimReport report;
  report.package_id = package.id();
  ONNXPACK_TRY(auto ranking, with_own_evidence(package, request.selection));
  ONNXPACK_TRY(report.selections, rank_components(manifest, std::move(ranking)));
  report.kept_original = request.selection.fallback == select::Fallback::keep;

  auto variants = kept_variants(manifest, report.selections, request.keep);
  std::set<std::string> keep;
  for (const auto& attachment : manifest.attachments) keep.insert(attachment.member);
  if (report.kept_original) {
    for (const auto& component : manifest.components) keep.merge(members_of(component));
  }
  for (const manifest::Variant* variant : variants) {
    report.kept_variants.push_back(variant->name);
    keep.merge(members_of(manifest, *variant));
  }
  add_chunk_digests(manifest, keep);
  // Evidence travels along: a device that ranks again goes by the same measurements. Signatures
  // speak of the manifest, which stays.
  for (const auto& member : package.layout().members) {
    if ((member.name.starts_with("evidence/") || member.name.starts_with("signatures/")) &&
        package.holds(member.name))
      keep.insert(member.name);
  }

  for (const auto& member : manifest.members) {
    if (keep.contains(member.name)) {
      if (!package.holds(member.name)) ONNXPACK_CHECK(package.entry(member.name));
      report.kept_bytes += member.size;
    } else if (package.holds(member.name)) {
      report.dropped_members.push_back(member.name);
      report.dropped_bytes += member.size;
    }
  }
  if (request.dry_run) return report;
  std::set<std::string> contiguous;
  if (request.prefer_mapped) contiguous = contiguous_members(manifest, variants);
  ONNXPACK_TRY(SlimPlan plan, plan_slim(package, keep, contiguous));
  ONNXPACK_CHECK(write_slim(environment, package, request, plan, report));
  return report;
}

}  // namespace onnxpack::package
