#include "onnxpack/package/slim.h"

#include <algorithm>
#include <set>

#include <fmt/format.h>

#include "members.h"
#include "onnxpack/archive/writer.h"
#include "onnxpack/base/text.h"
#include "onnxpack/package/annex.h"

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

Status copy_members(const Environment& environment, const PackageFile& package,
                    const std::set<std::string>& keep, archive::ArchiveWriter& writer,
                    bool verify) {
  std::uint64_t total = 0;
  for (const auto& entry : package.archive().entries())
    total += keep.contains(entry.name) ? entry.size : 0;
  std::uint64_t done = 0;
  environment.watcher->started("copy", total);
  for (const auto& entry : package.archive().entries()) {
    if (!keep.contains(entry.name)) continue;
    archive::AddOptions options{environment.cancel, [&](std::uint64_t now) {
                                  environment.watcher->advanced("copy", done + now);
                                }};
    const auto& source = package.archive().file();
    ONNXPACK_CHECK(package.archive().check_local_header(entry));
    if (verify) {
      ONNXPACK_TRY(auto added, writer.add(entry.name, source, entry.offset, entry.size, options));
      const manifest::Member* member = package.manifest().find_member(entry.name);
      if (member != nullptr && added.hashes.sha256.hex() != member->sha256) {
        return fail(ErrorKind::untrusted,
                    fmt::format("{}: SHA-256 is {}, {} says {}", printable(entry.name),
                                added.hashes.sha256.hex(), manifest_name, member->sha256));
      }
    } else {
      ONNXPACK_CHECK(
          writer.add_known(entry.name, source, entry.offset, entry.size, entry.crc32, options));
    }
    done += entry.size;
  }
  environment.watcher->finished("copy", human_size(done));
  return {};
}

Status write_slim(const Environment& environment, const PackageFile& package,
                  const SlimRequest& request, const std::set<std::string>& keep,
                  SlimReport& report) {
  if (request.overwrite == io::Overwrite::no && environment.files->exists(request.output)) {
    return fail(ErrorKind::already_exists,
                fmt::format("{} exists", printable(request.output.string())),
                "use --force to replace it, or choose another name with -o");
  }
  ONNXPACK_TRY(auto output, environment.files->create(request.output));
  archive::ArchiveWriter writer(*output);
  auto write = [&]() -> Status {
    ONNXPACK_CHECK(in(copy_members(environment, package, keep, writer, request.verify),
                      printable(package.path().string())));
    manifest::Layout layout = package.layout();
    for (auto& member : layout.members) {
      if (!keep.contains(member.name)) member.storage = manifest::Storage::absent;
    }
    ONNXPACK_CHECK(writer.add(layout_name, as_bytes(manifest::emit(layout))));
    ONNXPACK_CHECK(writer.add(manifest_name, as_bytes(package.manifest_text())));
    return writer.finish();
  };
  if (auto written = write(); !written) {
    writer.abandon();
    return written;
  }
  report.package_size = output->position();
  return output->publish(request.overwrite);
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
  // Evidence travels along: a device that ranks again goes by the same measurements.
  for (const auto& member : package.layout().members) {
    if (member.name.starts_with("evidence/") && package.holds(member.name))
      keep.insert(member.name);
  }

  for (const auto& member : manifest.members) {
    if (keep.contains(member.name)) {
      ONNXPACK_CHECK(package.entry(member.name));
      report.kept_bytes += member.size;
    } else if (package.holds(member.name)) {
      report.dropped_members.push_back(member.name);
      report.dropped_bytes += member.size;
    }
  }
  if (!request.dry_run) ONNXPACK_CHECK(write_slim(environment, package, request, keep, report));
  return report;
}

}  // namespace onnxpack::package
