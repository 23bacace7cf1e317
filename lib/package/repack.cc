// A folder becomes a package in two steps: its files are packed as layout.json lists them, into a
// temporary file; that is opened and verified like any package, and is the result when unzip made
// the folder. `extract --all` puts shared bytes into every file, so what it made is then written
// anew from its parts.
#include <algorithm>
#include <set>

#include <fmt/format.h>

#include "annexes.h"
#include "edit_output.h"
#include "onnxpack/archive/writer.h"
#include "onnxpack/base/text.h"
#include "onnxpack/package/edit.h"
#include "onnxpack/package/verify.h"
#include "unpacked.h"

namespace onnxpack::package {
namespace {

constexpr std::uint64_t max_index_size = std::uint64_t{100} << 20;

struct Folder {
  std::string layout_text;
  std::string manifest_text;
  manifest::Layout layout;
};

Result<Folder> read_folder(io::FileSystem& files, const std::filesystem::path& folder) {
  auto text = [&](std::string_view name) -> Result<std::string> {
    auto read = files.read_text(folder / name, max_index_size);
    if (read || read.error().kind() != ErrorKind::not_found) return read;
    return fail(
        ErrorKind::not_found,
        fmt::format("{} has no {}, so it is no unpacked package", printable(folder.string()), name),
        "name a folder that `unzip` or `onnx-pack extract --all` made");
  };
  Folder out;
  ONNXPACK_TRY(out.manifest_text, text(manifest_name));
  ONNXPACK_TRY(out.layout_text, text(layout_name));
  ONNXPACK_TRY(out.layout, in(manifest::parse_layout(out.layout_text),
                              printable((folder / layout_name).string())));
  return out;
}

// Files of the folder, by member name. Links and the like are nobody's members.
Status list_files(io::FileSystem& files, const std::filesystem::path& folder,
                  const std::string& prefix, std::set<std::string>& out) {
  ONNXPACK_TRY(auto names, files.list(folder));
  for (const auto& name : names) {
    ONNXPACK_TRY(auto entry, files.status(folder / name));
    if (entry.type == io::EntryType::directory) {
      ONNXPACK_CHECK(list_files(files, folder / name, prefix + name + "/", out));
    } else {
      out.insert(prefix + name);
    }
  }
  return {};
}

Status check_no_others(io::FileSystem& files, const std::filesystem::path& folder,
                       const manifest::Layout& layout) {
  std::set<std::string> there;
  ONNXPACK_CHECK(list_files(files, folder, "", there));
  for (const auto& member : layout.members) {
    if (member.storage == manifest::Storage::stored) there.erase(member.name);
  }
  there.erase(std::string(layout_name));
  there.erase(std::string(manifest_name));
  if (there.empty()) return {};
  return fail(ErrorKind::invalid_argument,
              fmt::format("{}: {} does not list it", printable((folder / *there.begin()).string()),
                          layout_name),
              "remove it; what a package holds is decided by `build`, `add` and `merge`");
}

Status pack_files(const Environment& environment, const std::filesystem::path& folder,
                  const Folder& content, archive::ArchiveWriter& writer) {
  for (const auto& member : content.layout.members) {
    if (member.storage != manifest::Storage::stored) continue;
    ONNXPACK_TRY(auto file, environment.files->open(folder / member.name));
    ONNXPACK_CHECK(writer.add(member.name, *file, 0, file->size(), {environment.cancel, {}}));
  }
  ONNXPACK_CHECK(writer.add(layout_name, as_bytes(content.layout_text)));
  ONNXPACK_CHECK(writer.add(manifest_name, as_bytes(content.manifest_text)));
  return writer.finish();
}

Status pack(const Environment& environment, const std::filesystem::path& folder,
            const Folder& content, const std::filesystem::path& output) {
  ONNXPACK_TRY(auto file, environment.files->create(output));
  archive::ArchiveWriter writer(*file);
  if (auto packed = pack_files(environment, folder, content, writer); !packed) {
    writer.abandon();
    return packed;
  }
  return file->publish(io::Overwrite::no);
}

// The temporary file's name says nothing to anybody: the folder stands for it.
Result<PackageFile> open_packed(io::FileSystem& files, const std::filesystem::path& packed,
                                const std::filesystem::path& folder) {
  auto package = PackageFile::open(files, packed);
  if (package) return package;
  std::string message = package.error().message();
  std::string own = printable(packed.string()) + ": ";
  if (message.starts_with(own)) message.erase(0, own.size());
  return fail(package.error().kind(), fmt::format("{}: {}", printable(folder.string()), message),
              package.error().hint());
}

// A difference is most likely an edited file.
Status check_whole(const Environment& environment, const std::filesystem::path& folder,
                   const PackageFile& package) {
  ONNXPACK_TRY(auto report, verify(environment, package, {.integrity_only = true}));
  if (report.ok) return {};
  auto bad = std::ranges::find(report.integrity, CheckStatus::failed, &IntegrityCheck::status);
  return fail(
      ErrorKind::untrusted,
      fmt::format("{}: {}: {}", printable(folder.string()), printable(bad->name), bad->detail),
      "repack takes files as they came out; a changed model is packed with `build`");
}

// What `extract --all` made of a full package: nothing is shared, and nothing is missing.
bool is_spread_out(const manifest::Layout& layout) {
  return std::ranges::all_of(layout.members, [](const auto& member) {
    return member.storage == manifest::Storage::stored;
  });
}

EditReport report_of(const PackageFile& package) {
  EditReport report;
  report.package_id = package.id();
  report.package_size = package.file_size();
  for (const auto& variant : package.manifest().variants) report.variants.push_back(variant.name);
  return report;
}

}  // namespace

Result<EditReport> repack_folder(const Environment& environment,
                                 const std::filesystem::path& folder,
                                 const std::filesystem::path& output, io::Overwrite overwrite,
                                 bool compact) {
  auto& files = *environment.files;
  ONNXPACK_CHECK(check_edit_output(environment, output, overwrite));
  ONNXPACK_TRY(auto content, read_folder(files, folder));
  ONNXPACK_CHECK(check_no_others(files, folder, content.layout));

  std::string prefix = fmt::format(".{}.onnxpack-", output.filename().string());
  files.remove_abandoned(output.parent_path().empty() ? "." : output.parent_path(), prefix);
  ONNXPACK_TRY(auto beside, io::TemporaryDirectory::create(files, prefix, output));
  auto packed = beside.path() / "packed";
  ONNXPACK_CHECK(pack(environment, folder, content, packed));
  ONNXPACK_TRY(auto package, open_packed(files, packed, folder));
  ONNXPACK_CHECK(check_whole(environment, folder, package));

  if (compact) ONNXPACK_CHECK(check_editable(package));
  bool anew = compact || (is_spread_out(content.layout) && !package.manifest().variants.empty() &&
                          check_editable(package).has_value());
  if (anew) {
    auto packages = std::span(&package, 1);
    ONNXPACK_TRY(auto annexes, gather_annexes(packages, {}, SameManifest::yes));
    ONNXPACK_TRY(auto unpacked, Unpacked::take(environment, packages, package.manifest()));
    unpacked.parts().compact |= compact;
    return write_edited(environment, package, unpacked.parts(), std::move(annexes), output,
                        overwrite);
  }
  ONNXPACK_TRY(auto source, files.open(packed));
  ONNXPACK_TRY(auto file, files.create(output));
  ONNXPACK_CHECK(file->append_from(*source, 0, source->size()));
  ONNXPACK_CHECK(file->publish(overwrite));
  return report_of(package);
}

}  // namespace onnxpack::package
