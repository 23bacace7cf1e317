#include "onnxpack/package/extract.h"

#include <algorithm>
#include <set>

#include <fmt/format.h>

#include "folder_output.h"
#include "members.h"
#include "onnxpack/base/text.h"
#include "onnxpack/io/segment_file.h"
#include "onnxpack/model/annotate.h"

namespace onnxpack::package {
namespace {

// One file to write: where its bytes come from, its name below the output, the digest that it must
// have.
struct Item {
  std::string name;
  std::shared_ptr<const io::ReadableFile> source;
  std::string sha256;
};

Result<Item> member_item(const PackageFile& package, const std::string& member, std::string name) {
  ONNXPACK_TRY(auto source, package.open_member(member));
  const manifest::Member* listed = package.manifest().find_member(member);
  return Item{std::move(name), std::move(source), listed != nullptr ? listed->sha256 : ""};
}

// The model as it was given to build: the packaged one with its annotation taken out.
Result<Item> original_item(const PackageFile& package, const manifest::Component& component,
                           const std::string& folder) {
  if (component.original.transformation != model::strip_transformation) {
    return fail(
        ErrorKind::unsupported,
        fmt::format(
            "{}: the original of component {} is held as '{}', which this version does not know",
            printable(package.path().string()), component.name,
            printable(component.original.transformation)),
        "use a newer onnx-pack");
  }
  ONNXPACK_TRY(auto packaged, package.open_member(component.model));
  ONNXPACK_TRY(auto splice, in(model::strip(*packaged), printable(component.model)));
  return Item{folder + component.original.file_name,
              model::splice_view(packaged, std::move(splice)), component.original.sha256};
}

Result<std::vector<Item>> original_items(
    const PackageFile& package, const std::vector<const manifest::Component*>& components) {
  std::vector<Item> out;
  for (const manifest::Component* component : components) {
    // Several models may have external files of one name, so each then gets its folder.
    std::string folder = package.manifest().components.size() > 1 ? component->name + "/" : "";
    ONNXPACK_TRY(Item original, original_item(package, *component, folder));
    out.push_back(std::move(original));
    for (const auto& data : component->external_data) {
      ONNXPACK_TRY(Item item, member_item(package, data.member, folder + data.location));
      out.push_back(std::move(item));
    }
  }
  return out;
}

// Where a variant's file goes when it is extracted to be run: as in the package, but a graph that
// names its weights from the package's root stands at that root, since ONNX Runtime looks for
// weights at and below the graph's own folder only.
std::string extracted_name(const manifest::Variant& variant, const std::string& member) {
  bool entry_point = std::ranges::any_of(variant.partitions, [&](const auto& partition) {
    return !partition.blobs.empty() && partition.blobs[0].member == member;
  });
  auto own = variant.executor_info.find("onnx_pack");
  const json::Value* base =
      own == variant.executor_info.end() ? nullptr : own->second.find("external_data_base");
  if (!entry_point || base == nullptr || *base != json::Value("package")) return member;
  return std::filesystem::path(member).filename().string();
}

Result<std::vector<Item>> variant_items(const PackageFile& package, const std::string& name) {
  const manifest::Variant* variant = package.manifest().find_variant(name);
  if (variant == nullptr) {
    std::vector<std::string> known;
    for (const auto& other : package.manifest().variants) known.push_back(other.name);
    auto near = did_you_mean(name, known);
    return fail(
        ErrorKind::not_found,
        fmt::format("{}: no variant '{}'", printable(package.path().string()), printable(name)),
        near            ? fmt::format("did you mean '{}'?", *near)
        : known.empty() ? "the package has no variants"
                        : fmt::format("it has {}", join(known, ", ")));
  }
  std::vector<Item> out;
  for (const auto& member : members_of(package.manifest(), *variant)) {
    ONNXPACK_TRY(Item item, member_item(package, member, extracted_name(*variant, member)));
    out.push_back(std::move(item));
  }
  return out;
}

// The layout of the folder that `extract --all` makes: every member is a file of its own there.
Item folder_layout(const PackageFile& package) {
  manifest::Layout layout = package.layout();
  std::erase_if(layout.members, [](const auto& member) {
    return member.name.starts_with(manifest::extents_folder);
  });
  for (auto& member : layout.members) {
    if (member.storage == manifest::Storage::extents) member.storage = manifest::Storage::stored;
    member.sources.clear();
  }
  auto text = std::make_shared<const std::string>(manifest::emit(layout));
  return {std::string(layout_name),
          io::segment_file({as_bytes(*text)}, std::string(layout_name), {text}), ""};
}

Result<std::vector<Item>> all_items(const PackageFile& package) {
  std::vector<Item> out;
  for (const auto& member : package.layout().members) {
    if (!package.holds(member.name) || member.name.starts_with(manifest::extents_folder)) continue;
    ONNXPACK_TRY(Item item, member_item(package, member.name, member.name));
    if (item.sha256.empty()) item.sha256 = member.sha256;
    out.push_back(std::move(item));
  }
  out.push_back(folder_layout(package));
  ONNXPACK_TRY(Item manifest,
               member_item(package, std::string(manifest_name), std::string(manifest_name)));
  manifest.sha256 = package.id();
  out.push_back(std::move(manifest));
  return out;
}

Result<std::vector<const manifest::Component*>> chosen_components(
    const PackageFile& package, const std::vector<std::string>& names) {
  std::vector<const manifest::Component*> out;
  for (const auto& component : package.manifest().components) {
    if (names.empty() || std::ranges::find(names, component.name) != names.end())
      out.push_back(&component);
  }
  for (const auto& name : names) {
    if (package.manifest().find_component(name) == nullptr) {
      return fail(ErrorKind::not_found,
                  fmt::format("{}: no component '{}'", printable(package.path().string()),
                              printable(name)));
    }
  }
  return out;
}

// `-o model.onnx` for one model without external data means a file, not a folder.
bool wants_one_file(const Environment& environment, const ExtractRequest& request,
                    const std::vector<Item>& items) {
  if (request.what != ExtractWhat::original || items.size() != 1) return false;
  auto there = environment.files->status(request.output);
  return there ? there->type == io::EntryType::file : request.output.extension() == ".onnx";
}

}  // namespace

Result<ExtractReport> extract(const Environment& environment, const PackageFile& package,
                              const ExtractRequest& request) {
  ONNXPACK_TRY(auto components, chosen_components(package, request.components));
  auto gather = [&]() -> Result<std::vector<Item>> {
    if (request.what == ExtractWhat::original) return original_items(package, components);
    if (request.what == ExtractWhat::variant) return variant_items(package, request.variant);
    return all_items(package);
  };
  ONNXPACK_TRY(auto items, gather());

  std::uint64_t total = 0;
  for (const Item& item : items) total += item.source->size();
  environment.watcher->started("extract", total);
  ExtractReport report;
  auto progress = [&](std::uint64_t done) {
    environment.watcher->advanced("extract", report.bytes + done);
  };

  if (wants_one_file(environment, request, items)) {
    auto overwrite = request.overwrite ? io::Overwrite::yes : io::Overwrite::no;
    if (!request.overwrite && environment.files->exists(request.output)) {
      return fail(ErrorKind::already_exists,
                  fmt::format("{} exists", printable(request.output.string())),
                  "use --force to replace it, or choose another name with -o");
    }
    ONNXPACK_CHECK(write_checked(*environment.files, request.output, *items[0].source,
                                 items[0].sha256, overwrite, environment.cancel, progress));
    report.files.push_back(request.output.filename().string());
    report.bytes = total;
  } else {
    ONNXPACK_TRY(auto folder,
                 FolderOutput::start(*environment.files, request.output, request.overwrite));
    for (const Item& item : items) {
      ONNXPACK_CHECK(
          folder.write(item.name, *item.source, item.sha256, environment.cancel, progress));
      report.bytes += item.source->size();
    }
    report.files = folder.names();
    ONNXPACK_CHECK(std::move(folder).publish());
  }
  environment.watcher->finished("extract", human_size(report.bytes));
  return report;
}

namespace {

Status materialise(const Environment& environment, const PackageFile& package,
                   const std::set<std::string>& members, const std::filesystem::path& root) {
  for (const auto& member : members) {
    ONNXPACK_TRY(auto content, package.content(member));
    auto path = root / member;
    // A component and a variant that refers to it may both be asked for.
    if (environment.files->exists(path)) continue;
    if (environment.cancel != nullptr) ONNXPACK_CHECK(environment.cancel->check());
    ONNXPACK_CHECK(environment.files->make_directories(path.parent_path()));
    ONNXPACK_TRY(auto file, environment.files->create(path));
    for (const io::FileRange& range : content.ranges)
      ONNXPACK_CHECK(file->append_from(*range.file, range.offset, range.size));
    ONNXPACK_CHECK(file->publish_unsynced(io::Overwrite::no));
  }
  return {};
}

}  // namespace

Status materialise_variant(const Environment& environment, const PackageFile& package,
                           const manifest::Variant& variant, const std::filesystem::path& root) {
  return materialise(environment, package, members_of(package.manifest(), variant), root);
}

Status materialise_component(const Environment& environment, const PackageFile& package,
                             const manifest::Component& component,
                             const std::filesystem::path& root) {
  return materialise(environment, package, members_of(component), root);
}

}  // namespace onnxpack::package
