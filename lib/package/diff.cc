#include "onnxpack/package/diff.h"

#include <algorithm>
#include <filesystem>
#include <map>
#include <set>

#include <fmt/format.h>

#include "onnxpack/base/text.h"
#include "onnxpack/json/value.h"

namespace onnxpack::package {
namespace {

using How = Change::How;

// The objects of one list of a manifest, by their name.
using Items = std::map<std::string, const json::Value*>;

Items items_of(const json::Value& manifest, std::string_view list, std::string_view key) {
  Items out;
  const json::Value* found = manifest.find(list);
  if (found == nullptr) return out;
  for (const json::Value& item : found->as_array()) out[item.find(key)->as_string()] = &item;
  return out;
}

// Names of the fields that are not equal.
std::vector<std::string> unequal_fields(const json::Value& a, const json::Value& b) {
  std::set<std::string> keys;
  for (const auto* value : {&a, &b}) {
    for (const auto& [key, field] : value->as_object()) keys.insert(key);
  }
  std::vector<std::string> out;
  for (const auto& key : keys) {
    const json::Value* one = a.find(key);
    const json::Value* other = b.find(key);
    if (one == nullptr || other == nullptr || *one != *other) out.push_back(key);
  }
  return out;
}

std::string held_text(const PackageFile& package, const std::string& member) {
  const manifest::LayoutMember* held = package.held(member);
  if (held == nullptr) return "not in this file";
  return held->storage == manifest::Storage::extents ? "held as extents" : "stored";
}

class Comparison {
 public:
  Comparison(const PackageFile& a, const PackageFile& b, const json::Value& manifest_a,
             const json::Value& manifest_b)
      : a_(a), b_(b), manifest_a_(manifest_a), manifest_b_(manifest_b) {}

  std::vector<Change> run() {
    auto fields = unequal_fields(*manifest_a_.find("package"), *manifest_b_.find("package"));
    if (!fields.empty()) out_.push_back({How::changed, "package", std::move(fields)});
    // The model of a component carries the table of variants; what matters is the original's
    // digest, which is a field.
    compare("components", "component_name", "component ", "components/");
    compare("attachments", "member", "", "");
    compare("variants", "name", "variant ", "variants/");
    compare_annexes();
    compare_held();
    return std::move(out_);
  }

 private:
  void compare(std::string_view list, std::string_view key, const std::string& title,
               const std::string& folder) {
    Items a = items_of(manifest_a_, list, key);
    Items b = items_of(manifest_b_, list, key);
    std::set<std::string> names;
    for (const auto* items : {&a, &b}) {
      for (const auto& [name, item] : *items) names.insert(name);
    }
    for (const auto& name : names) {
      std::string below = folder.empty() ? name : folder + name + "/";
      if (!a.contains(name)) {
        out_.push_back({How::added, title + name, {size_text(b_, below)}});
      } else if (!b.contains(name)) {
        out_.push_back({How::removed, title + name, {size_text(a_, below)}});
      } else {
        auto details = unequal_fields(*a.at(name), *b.at(name));
        add_members(below, details);
        if (!details.empty()) out_.push_back({How::changed, title + name, std::move(details)});
      }
    }
  }

  static std::string size_text(const PackageFile& package, const std::string& below) {
    std::uint64_t size = 0;
    for (const auto& member : package.manifest().members)
      size += member.name.starts_with(below) ? member.size : 0;
    return human_size(size);
  }

  // Members below a folder, or of that very name, whose bytes differ.
  void add_members(const std::string& below, std::vector<std::string>& details) const {
    for (const auto& member : a_.manifest().members) {
      if (!member.name.starts_with(below) || is_model(member.name)) continue;
      const manifest::Member* other = b_.manifest().find_member(member.name);
      if (other == nullptr || other->sha256 == member.sha256) continue;
      std::string name = std::filesystem::path(member.name).filename().string();
      details.push_back(
          member.size == other->size
              ? fmt::format("{}: other bytes, {} as before", name, human_size(other->size))
              : fmt::format("{}: {}, was {}", name, human_size(other->size),
                            human_size(member.size)));
    }
  }

  bool is_model(const std::string& member) const {
    return std::ranges::any_of(a_.manifest().components,
                               [&](const auto& component) { return component.model == member; });
  }

  void compare_annexes() {
    auto annexes = [](const PackageFile& package) {
      std::map<std::string, std::string> out;
      for (const auto& member : package.layout().members) {
        if (member.name.starts_with("evidence/") || member.name.starts_with("signatures/"))
          out[member.name] = member.sha256;
      }
      return out;
    };
    auto a = annexes(a_);
    auto b = annexes(b_);
    for (const auto& [name, digest] : a) {
      if (!b.contains(name)) {
        out_.push_back({How::removed, name, {}});
      } else if (b.at(name) != digest) {
        out_.push_back({How::changed, name, {}});
      }
    }
    for (const auto& [name, digest] : b) {
      if (!a.contains(name)) out_.push_back({How::added, name, {}});
    }
  }

  // Of members that both know: two files of one package may hold different parts of it.
  void compare_held() {
    for (const auto& member : a_.manifest().members) {
      if (b_.manifest().find_member(member.name) == nullptr) continue;
      std::string one = held_text(a_, member.name);
      std::string other = held_text(b_, member.name);
      if (one == other) continue;
      How how = other == "not in this file" ? How::removed
                : one == "not in this file" ? How::added
                                            : How::changed;
      out_.push_back({how, member.name, {fmt::format("{}, was {}", other, one)}});
    }
  }

  const PackageFile& a_;
  const PackageFile& b_;
  const json::Value& manifest_a_;
  const json::Value& manifest_b_;
  std::vector<Change> out_;
};

}  // namespace

std::string_view to_string(Change::How how) {
  switch (how) {
    case How::removed:
      return "removed";
    case How::added:
      return "added";
    case How::changed:
      return "changed";
  }
  return "changed";
}

Result<PackageDiff> compare_packages(const PackageFile& a, const PackageFile& b) {
  ONNXPACK_TRY(json::Value manifest_a, json::parse(a.manifest_text()));
  ONNXPACK_TRY(json::Value manifest_b, json::parse(b.manifest_text()));
  return PackageDiff{a.id(), b.id(), Comparison(a, b, manifest_a, manifest_b).run()};
}

}  // namespace onnxpack::package
