#include "onnxpack/package/edit.h"

#include <algorithm>
#include <set>

#include <fmt/format.h>

#include "annexes.h"
#include "edit_output.h"
#include "members.h"
#include "onnxpack/base/text.h"
#include "unpacked.h"

namespace onnxpack::package {
namespace {

std::string shown(const PackageFile& package) {
  return printable(package.path().string());
}

std::vector<std::string> names_of(const manifest::Manifest& manifest) {
  std::vector<std::string> out;
  for (const auto& variant : manifest.variants) out.push_back(variant.name);
  return out;
}

Status check_names(const PackageFile& package, const std::vector<std::string>& names) {
  auto known = names_of(package.manifest());
  for (const auto& name : names) {
    if (std::ranges::find(known, name) != known.end()) continue;
    auto near = did_you_mean(name, known);
    return fail(ErrorKind::not_found,
                fmt::format("{}: no variant '{}'", shown(package), printable(name)),
                near            ? fmt::format("did you mean '{}'?", *near)
                : known.empty() ? "the package has no variants"
                                : fmt::format("it has {}", join(known, ", ")));
  }
  return {};
}

// What stays must not read the files of what goes.
Status check_references(const manifest::Manifest& manifest, const std::set<std::string>& removed) {
  std::set<std::string> gone;
  for (const auto& variant : manifest.variants) {
    if (removed.contains(variant.name)) gone.merge(own_members(variant));
  }
  for (const auto& variant : manifest.variants) {
    if (removed.contains(variant.name)) continue;
    for (const auto& reference : variant.references) {
      if (!gone.contains(reference)) continue;
      return fail(ErrorKind::invalid_argument,
                  fmt::format("variant {} reads {}, which would be removed",
                              printable(variant.name), printable(reference)),
                  fmt::format("remove {} as well", printable(variant.name)));
    }
  }
  return {};
}

std::unexpected<Error> differ(const PackageFile& a, const PackageFile& b, std::string_view what,
                              std::string_view why, std::string hint) {
  return fail(
      ErrorKind::invalid_argument,
      fmt::format("{} and {} cannot become one package: {} {}", shown(a), shown(b), what, why),
      std::move(hint));
}

bool same_member(const PackageFile& a, const PackageFile& b, const std::string& name) {
  const manifest::Member* one = a.manifest().find_member(name);
  const manifest::Member* other = b.manifest().find_member(name);
  return one != nullptr && other != nullptr && one->sha256 == other->sha256;
}

Status check_same_component(const PackageFile& a, const PackageFile& b,
                            const manifest::Component& component) {
  const manifest::Component* other = b.manifest().find_component(component.name);
  std::string what = fmt::format("component {}", printable(component.name));
  if (other == nullptr)
    return differ(a, b, what, "is in one of them only", "merge packages of the same models");
  if (component.original.sha256 != other->original.sha256) {
    return differ(
        a, b, what,
        fmt::format("was made from different models (SHA-256 {} and {})",
                    component.original.sha256.substr(0, 12), other->original.sha256.substr(0, 12)),
        "build both from the same file");
  }
  bool same = component == *other &&
              std::ranges::all_of(component.external_data,
                                  [&](const auto& data) { return same_member(a, b, data.member); });
  if (same) return {};
  return differ(a, b, what, "has the same graph, but other data or names",
                "build both from the same files with the same onnx-pack");
}

// Everything but variants, attachments and annexes must be the same.
Status check_same_base(const PackageFile& a, const PackageFile& b) {
  for (const auto& component : a.manifest().components)
    ONNXPACK_CHECK(check_same_component(a, b, component));
  for (const auto& component : b.manifest().components) {
    if (a.manifest().find_component(component.name) == nullptr)
      ONNXPACK_CHECK(check_same_component(b, a, component));
  }
  if (a.manifest().package == b.manifest().package) return {};
  return differ(a, b, "name, version, description or licenses", "are not the same",
                "build both with the same --package-name, --package-version, ...");
}

Status add_variant(const PackageFile& first, const PackageFile& package,
                   const manifest::Variant& variant, manifest::Manifest& out) {
  const manifest::Variant* there = out.find_variant(variant.name);
  if (there == nullptr) {
    out.variants.push_back(variant);
    return {};
  }
  bool same = *there == variant && std::ranges::all_of(own_members(variant), [&](const auto& name) {
    auto of = [&](const manifest::Manifest& manifest) { return manifest.find_member(name); };
    const manifest::Member* one = of(out);
    const manifest::Member* other = of(package.manifest());
    return one != nullptr && other != nullptr && one->sha256 == other->sha256;
  });
  if (same) return {};
  return differ(first, package, fmt::format("variant {}", printable(variant.name)),
                "is not the same in both",
                "remove one of them first: onnx-pack remove PACKAGE VARIANT -o OUT");
}

// `out.members` collects what is known of every member, for comparison.
Status merge_into(const PackageFile& first, const PackageFile& package, manifest::Manifest& out) {
  ONNXPACK_CHECK(check_same_base(first, package));
  for (const auto& variant : package.manifest().variants)
    ONNXPACK_CHECK(add_variant(first, package, variant, out));
  for (const auto& attachment : package.manifest().attachments) {
    auto there =
        std::ranges::find(out.attachments, attachment.member, &manifest::Attachment::member);
    const manifest::Member* known = out.find_member(attachment.member);
    if (there == out.attachments.end()) {
      out.attachments.push_back(attachment);
    } else if (known->sha256 != package.manifest().find_member(attachment.member)->sha256) {
      return differ(first, package, printable(attachment.member), "has other bytes in each",
                    "attach the same file to both");
    }
  }
  for (const auto& member : package.manifest().members) {
    if (out.find_member(member.name) == nullptr) out.members.push_back(member);
  }
  return {};
}

void sort_parts(manifest::Manifest& manifest) {
  std::ranges::sort(manifest.variants, {}, &manifest::Variant::name);
  std::ranges::sort(manifest.attachments, {}, &manifest::Attachment::member);
}

}  // namespace

Result<EditReport> write_edited(const Environment& environment, const PackageFile& before,
                                PackageParts& parts, Annexes annexes,
                                const std::filesystem::path& output, io::Overwrite overwrite) {
  EditReport report;
  report.variants = names_of(parts.manifest);
  auto old = names_of(before.manifest());
  std::ranges::set_difference(report.variants, old, std::back_inserter(report.added));
  std::ranges::set_difference(old, report.variants, std::back_inserter(report.removed));
  report.dropped_annexes = std::move(annexes.dropped);
  parts.annexes = std::move(annexes.kept);
  ONNXPACK_TRY(auto written, write_package(environment, parts, output, overwrite));
  report.package_id = written.id;
  report.package_size = written.size;
  return report;
}

Result<EditReport> remove_variants(const Environment& environment, const PackageFile& package,
                                   const std::vector<std::string>& names,
                                   const std::filesystem::path& output, io::Overwrite overwrite) {
  ONNXPACK_CHECK(check_edit_output(environment, output, overwrite));
  ONNXPACK_CHECK(check_editable(package));
  ONNXPACK_CHECK(check_names(package, names));
  std::set<std::string> removed(names.begin(), names.end());
  manifest::Manifest manifest = package.manifest();
  ONNXPACK_CHECK(check_references(manifest, removed));
  std::erase_if(manifest.variants,
                [&](const auto& variant) { return removed.contains(variant.name); });
  auto packages = std::span(&package, 1);
  ONNXPACK_TRY(auto annexes, gather_annexes(packages, removed, SameManifest::no));
  ONNXPACK_TRY(auto unpacked, Unpacked::take(environment, packages, std::move(manifest)));
  return write_edited(environment, package, unpacked.parts(), std::move(annexes), output,
                      overwrite);
}

Result<EditReport> merge_packages(const Environment& environment,
                                  std::span<const PackageFile> packages,
                                  const std::filesystem::path& output, io::Overwrite overwrite) {
  ONNXPACK_CHECK(check_edit_output(environment, output, overwrite));
  if (packages.empty()) return fail(ErrorKind::invalid_argument, "no packages to merge");
  for (const auto& package : packages) ONNXPACK_CHECK(check_editable(package));
  const PackageFile& first = packages.front();
  manifest::Manifest manifest = first.manifest();
  SameManifest same = SameManifest::yes;
  for (const auto& package : packages.subspan(1)) {
    ONNXPACK_CHECK(merge_into(first, package, manifest));
    if (package.id() != first.id()) same = SameManifest::no;
  }
  sort_parts(manifest);
  ONNXPACK_TRY(auto annexes, gather_annexes(packages, {}, same));
  ONNXPACK_TRY(auto unpacked, Unpacked::take(environment, packages, std::move(manifest)));
  return write_edited(environment, first, unpacked.parts(), std::move(annexes), output, overwrite);
}

}  // namespace onnxpack::package
