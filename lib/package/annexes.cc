#include "annexes.h"

#include <algorithm>
#include <map>

#include <fmt/format.h>

#include "onnxpack/base/text.h"
#include "onnxpack/manifest/evidence.h"
#include "unpacked.h"

namespace onnxpack::package {
namespace {

constexpr std::uint64_t annex_limit = std::uint64_t{64} << 20;

bool is_annex(std::string_view name) {
  return name.starts_with("evidence/") || name.starts_with("signatures/");
}

// True when the evidence says something about a removed variant and nothing about anything else
// here.
bool is_void(const manifest::Evidence& evidence, const manifest::Manifest& manifest,
             const std::set<std::string>& removed) {
  bool of_removed = false;
  for (const auto& entry : evidence.entries) {
    for (const auto& component : manifest.components) {
      if (manifest::speaks_of_original(entry, manifest, component)) return false;
    }
    for (const auto& variant : manifest.variants) {
      if (!manifest::speaks_of(entry, manifest, variant)) continue;
      if (!removed.contains(variant.name)) return false;
      of_removed = true;
    }
  }
  return of_removed;
}

Result<bool> is_void(const PackageFile& package, const std::string& name,
                     const std::set<std::string>& removed) {
  if (removed.empty() || !name.starts_with("evidence/") || !name.ends_with(".json")) return false;
  ONNXPACK_TRY(Bytes bytes, package.read_member(name, annex_limit));
  auto read = [&]() -> Result<manifest::Evidence> {
    ONNXPACK_TRY(json::Value value, json::parse(as_text(bytes)));
    return manifest::evidence_from_json(value);
  };
  ONNXPACK_TRY(auto evidence,
               in(read(), fmt::format("{}: {}", printable(package.path().string()), name)));
  return is_void(evidence, package.manifest(), removed);
}

}  // namespace

Result<Annexes> gather_annexes(std::span<const PackageFile> packages,
                               const std::set<std::string>& removed, SameManifest same_manifest) {
  std::map<std::string, SourceFile> kept;
  std::set<std::string> dropped;
  for (const PackageFile& package : packages) {
    for (const auto& member : package.layout().members) {
      if (!is_annex(member.name) || !package.holds(member.name)) continue;
      ONNXPACK_TRY(bool gone, is_void(package, member.name, removed));
      if (member.name.starts_with("signatures/") && same_manifest == SameManifest::no) gone = true;
      if (gone) {
        dropped.insert(member.name);
        continue;
      }
      ONNXPACK_TRY(auto file, take_member(std::span(&package, 1), member.name));
      auto [there, added] = kept.emplace(member.name, std::move(file));
      if (added || there->second.sha256 == member.sha256) continue;
      return fail(ErrorKind::invalid_argument,
                  fmt::format("{}: {} has other bytes than in the packages before",
                              printable(package.path().string()), printable(member.name)));
    }
  }
  Annexes out;
  for (auto& [name, file] : kept) out.kept.push_back(std::move(file));
  out.dropped.assign(dropped.begin(), dropped.end());
  return out;
}

}  // namespace onnxpack::package
