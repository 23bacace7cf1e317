#include "integrity.h"

#include <future>
#include <map>

#include <fmt/format.h>

#include "onnxpack/base/text.h"
#include "onnxpack/model/annotate.h"
#include "onnxpack/model/scope.h"
#include "package_file_system.h"

namespace onnxpack::package {
namespace {

// What stops a verification is the world (a broken disk, Ctrl-C); what is wrong with the bytes is a
// finding.
bool is_finding(const Error& error) {
  switch (error.kind()) {
    case ErrorKind::io:
    case ErrorKind::cancelled:
    case ErrorKind::internal:
      return false;
    default:
      return true;
  }
}

// Runs one check: a finding becomes a failed line, anything else stops.
template <typename Check>
Status record(VerifyReport& report, std::string name, Check&& check) {
  Result<std::string> detail = check();
  if (detail) {
    report.integrity.push_back({std::move(name), CheckStatus::passed, std::move(*detail)});
    return {};
  }
  if (!is_finding(detail.error())) return std::unexpected(std::move(detail.error()));
  report.integrity.push_back({std::move(name), CheckStatus::failed, detail.error().message()});
  return {};
}

Status check_chunks(const PackageFile& package, const manifest::Member& member,
                    const crypto::ContentHashes& hashes) {
  if (member.chunk_digests.empty()) return {};
  // An absent list cannot be compared, and nothing is lost: the whole digest covers the same bytes.
  if (!package.holds(member.chunk_digests)) return {};
  ONNXPACK_TRY(Bytes packed, package.read_member(member.chunk_digests, std::uint64_t{1} << 30));
  if (packed != crypto::pack_digests(hashes.chunks)) {
    return fail(ErrorKind::untrusted, fmt::format("{} does not fit the content of {}",
                                                  member.chunk_digests, member.name));
  }
  return {};
}

Result<std::string> check_member(const Environment& environment, const PackageFile& package,
                                 const archive::Entry& entry, VerifyReport& report) {
  auto progress = [&](std::uint64_t done) {
    environment.watcher->advanced("hash", report.bytes_hashed + done);
  };
  ONNXPACK_TRY(auto hashes, package.archive().hash(entry, environment.cancel, progress));
  report.bytes_hashed += entry.size;
  const manifest::Member* member = package.manifest().find_member(entry.name);
  std::string expected = member != nullptr ? member->sha256 : std::string();
  if (member == nullptr) {
    for (const auto& extra : package.layout().members) {
      if (extra.name == entry.name) expected = extra.sha256;
    }
  }
  std::string found = hashes.sha256.hex();
  if (found != expected) {
    return fail(ErrorKind::untrusted,
                fmt::format("SHA-256 is {}, {} says {}", found,
                            member != nullptr ? manifest_name : layout_name, expected));
  }
  if (member != nullptr) ONNXPACK_CHECK(check_chunks(package, *member, hashes));
  return fmt::format("{}, SHA-256 {}", human_size(entry.size), found.substr(0, 12));
}

// A member that is held as extents: they must give the bytes that the manifest speaks of.
Result<std::string> check_mapped(const Environment& environment, const PackageFile& package,
                                 const manifest::Member& member, VerifyReport& report) {
  ONNXPACK_TRY(auto content, package.open_member(member.name));
  auto progress = [&](std::uint64_t done) {
    environment.watcher->advanced("hash", report.bytes_hashed + done);
  };
  ONNXPACK_TRY(auto hashes,
               crypto::hash_content(*content, 0, content->size(), environment.cancel, progress));
  report.bytes_hashed += member.size;
  std::string found = hashes.sha256.hex();
  if (found != member.sha256) {
    return fail(ErrorKind::untrusted, fmt::format("its extents give SHA-256 {}, {} says {}", found,
                                                  manifest_name, member.sha256));
  }
  ONNXPACK_CHECK(check_chunks(package, member, hashes));
  return fmt::format("{}, of which {} here, SHA-256 {}", human_size(member.size),
                     human_size(package.stored_size(member.name)), found.substr(0, 12));
}

// Parsing has checked the manifest's form; here what needs a digest.
Result<std::string> check_manifest(const PackageFile& package) {
  for (const auto& variant : package.manifest().variants) {
    if (variant.compatibility_string.empty()) continue;
    std::string hash = crypto::sha256(variant.compatibility_string).hex();
    if (hash != variant.compatibility_hash) {
      return fail(
          ErrorKind::untrusted,
          fmt::format(
              "variant {}: its compatibility string has SHA-256 {}, compatibility_hash says {}",
              variant.name, hash, variant.compatibility_hash));
    }
  }
  return fmt::format("package id {}", package.id());
}

Status check_members(const Environment& environment, const PackageFile& package,
                     VerifyReport& report) {
  environment.watcher->started("hash", package.file_size());
  for (const auto& entry : package.archive().entries()) {
    if (entry.name == manifest_name || entry.name == layout_name) continue;
    ONNXPACK_CHECK(record(report, entry.name,
                          [&] { return check_member(environment, package, entry, report); }));
  }
  for (const auto& member : package.manifest().members) {
    const manifest::LayoutMember* held = package.held(member.name);
    if (held != nullptr && held->storage == manifest::Storage::extents) {
      ONNXPACK_CHECK(record(report, member.name,
                            [&] { return check_mapped(environment, package, member, report); }));
    }
    if (held == nullptr) {
      report.integrity.push_back(
          {member.name, CheckStatus::absent, "not in this package: dropped by select"});
    }
  }
  environment.watcher->finished("hash", human_size(report.bytes_hashed));
  return {};
}

Result<std::string> check_original(const Environment& environment, const PackageFile& package,
                                   const manifest::Component& component) {
  if (component.original.transformation != model::strip_transformation) {
    return fail(ErrorKind::unsupported,
                fmt::format("held as '{}', which this version does not know",
                            printable(component.original.transformation)));
  }
  ONNXPACK_TRY(auto packaged, package.open_member(component.model));
  ONNXPACK_TRY(auto splice, model::strip(*packaged));
  auto original = model::splice_view(packaged, std::move(splice));
  ONNXPACK_TRY(auto digest, crypto::sha256_file(*original, environment.cancel));
  if (digest.hex() != component.original.sha256 || original->size() != component.original.size) {
    return fail(
        ErrorKind::untrusted,
        fmt::format("without annotations it is {} bytes with SHA-256 {}; {} says {} bytes with {}",
                    original->size(), digest.hex(), manifest_name, component.original.size,
                    component.original.sha256));
  }
  return fmt::format("{} comes back byte for byte", component.original.file_name);
}

Result<std::string> check_scopes(const Environment& environment, const PackageFile& package,
                                 const manifest::Component& component) {
  auto files = package_file_system(package);
  ONNXPACK_TRY(auto model, model::ModelFile::open(*files, component.model));
  for (const auto& scope : component.scopes) {
    if (scope.name != model::whole_graph_name) {
      return fail(ErrorKind::unsupported,
                  fmt::format("scope {} is a part of the graph, which this version cannot check",
                              printable(scope.name)));
    }
    ONNXPACK_TRY(auto found,
                 model::whole_graph_scope(model, {.threads = 2, .cancel = environment.cancel}));
    if (found.digest != scope.digest) {
      return fail(ErrorKind::untrusted,
                  fmt::format("scope {} has digest {}, {} says {}", scope.name, found.digest,
                              manifest_name, scope.digest));
    }
  }
  return fmt::format("{} {} match", component.scopes.size(),
                     component.scopes.size() == 1 ? "scope digest" : "scope digests");
}

}  // namespace

Status check_integrity(const Environment& environment, const PackageFile& package,
                       VerifyReport& report) {
  // Beside the members: both read the model whole, and neither uses all cores.
  std::map<std::string, std::future<Result<std::string>>> originals;
  for (const auto& component : package.manifest().components) {
    if (!package.holds(component.model)) continue;
    originals[component.name] = std::async(
        std::launch::async, [&] { return check_original(environment, package, component); });
  }
  ONNXPACK_CHECK(record(report, "container", [&]() -> Result<std::string> {
    ONNXPACK_CHECK(package.archive().check_local_headers(environment.cancel));
    return fmt::format("{} members, no gaps, no overlaps", package.archive().entries().size());
  }));
  ONNXPACK_CHECK(record(report, "manifest", [&] { return check_manifest(package); }));
  ONNXPACK_CHECK(check_members(environment, package, report));
  for (const auto& component : package.manifest().components) {
    if (!package.holds(component.model)) continue;
    ONNXPACK_CHECK(record(report, fmt::format("original of {}", component.name),
                          [&] { return originals.at(component.name).get(); }));
    bool whole = true;
    for (const auto& data : component.external_data) whole = whole && package.holds(data.member);
    if (!whole) continue;
    ONNXPACK_CHECK(record(report, fmt::format("scopes of {}", component.name),
                          [&] { return check_scopes(environment, package, component); }));
  }
  return {};
}

}  // namespace onnxpack::package
