#include "onnxpack/package/package_file.h"

#include <array>
#include <set>
#include <utility>

#include <fmt/format.h>

#include "onnxpack/base/text.h"
#include "onnxpack/extents/content.h"
#include "onnxpack/io/segment_file.h"

namespace onnxpack::package {
namespace {

// A manifest describes members, it does not contain them; safetensors caps its header likewise.
constexpr std::uint64_t max_index_size = std::uint64_t{100} << 20;

// The index entries stand last, so that one read of the tail finds them.
Status check_index_position(const archive::ArchiveReader& archive) {
  auto entries = archive.entries();
  bool right = entries.size() >= 2 && entries[entries.size() - 1].name == manifest_name &&
               entries[entries.size() - 2].name == layout_name;
  if (right) return {};
  if (archive.find(manifest_name) == nullptr) {
    return fail(
        ErrorKind::corrupt,
        fmt::format("this zip archive has no {}, so it is no onnx-pack package", manifest_name),
        "build one with `onnx-pack build MODEL --target ... -o OUT.onnxpkg`");
  }
  return fail(
      ErrorKind::corrupt,
      fmt::format("the last two members must be {} and {}; found {}", layout_name, manifest_name,
                  entries.empty() ? "none" : printable(entries.back().name)));
}

// Container, layout and manifest must speak of the same members, or two readers would see two
// packages.
Status check_container(const archive::ArchiveReader& archive, const manifest::Manifest& manifest,
                       const manifest::Layout& layout) {
  std::set<std::string_view> stored;
  for (const auto& member : layout.members) {
    if (member.storage == manifest::Storage::stored) stored.insert(member.name);
  }
  for (const archive::Entry& entry : archive.entries()) {
    if (entry.name == manifest_name || entry.name == layout_name) continue;
    if (!stored.contains(entry.name)) {
      return fail(ErrorKind::corrupt,
                  fmt::format("{}: is in the container, but {} does not list it as stored",
                              printable(entry.name), layout_name));
    }
  }
  for (const auto& name : stored) {
    if (archive.find(name) == nullptr) {
      return fail(ErrorKind::corrupt,
                  fmt::format("{}: {} lists it as stored, but the container does not hold it",
                              printable(name), layout_name));
    }
  }
  for (const auto& member : layout.members) {
    const archive::Entry* entry = archive.find(member.name);
    if (entry != nullptr && member.size && entry->size != *member.size) {
      return fail(ErrorKind::corrupt,
                  fmt::format("{}: {} bytes in the container, {} in {}", printable(member.name),
                              entry->size, *member.size, layout_name));
    }
  }
  for (const auto& member : manifest.members) {
    if (!stored.contains(member.name)) continue;
    const archive::Entry* entry = archive.find(member.name);
    if (entry->size != member.size) {
      return fail(ErrorKind::corrupt,
                  fmt::format("{}: {} bytes in the container, {} in {}", printable(member.name),
                              entry->size, member.size, manifest_name));
    }
  }
  return {};
}

}  // namespace

Result<PackageFile> PackageFile::open(io::FileSystem& files, const std::filesystem::path& path) {
  ONNXPACK_TRY(auto opened, files.open(path));
  std::shared_ptr<const io::ReadableFile> file = std::move(opened);
  auto read = [&]() -> Result<PackageFile> {
    ONNXPACK_TRY(auto archive, archive::ArchiveReader::open(file));
    ONNXPACK_CHECK(check_index_position(archive));
    PackageFile out(path, file, archive);
    ONNXPACK_TRY(Bytes layout_bytes, archive.read(layout_name, max_index_size));
    ONNXPACK_TRY(Bytes manifest_bytes, archive.read(manifest_name, max_index_size));
    out.manifest_text_ = std::string(as_text(manifest_bytes));
    ONNXPACK_TRY(out.manifest_, in(manifest::parse(out.manifest_text_), manifest_name));
    ONNXPACK_TRY(out.layout_, in(manifest::parse_layout(as_text(layout_bytes)), layout_name));
    ONNXPACK_CHECK(in(manifest::check_layout(out.layout_, out.manifest_), layout_name));
    ONNXPACK_CHECK(check_container(archive, out.manifest_, out.layout_));
    out.id_ = crypto::sha256(as_bytes(out.manifest_text_)).hex();
    return out;
  };
  return in(read(), printable(path.string()));
}

const manifest::LayoutMember* PackageFile::held(std::string_view member) const {
  const manifest::LayoutMember* found = layout_.find(member);
  return found == nullptr || found->storage == manifest::Storage::absent ? nullptr : found;
}

bool PackageFile::holds(std::string_view member) const {
  return held(member) != nullptr || member == manifest_name || member == layout_name;
}

Result<const archive::Entry*> PackageFile::entry(std::string_view member) const {
  if (const archive::Entry* found = archive_.find(member)) return found;
  if (manifest_.find_member(member) == nullptr) {
    return fail(ErrorKind::not_found,
                fmt::format("{}: no member {}", printable(path_.string()), printable(member)));
  }
  if (held(member) != nullptr) {
    return fail(ErrorKind::not_found,
                fmt::format("{}: {}: this package holds it as extents of other members",
                            printable(path_.string()), printable(member)));
  }
  return fail(
      ErrorKind::not_found,
      fmt::format("{}: {}: this package was slimmed and no longer holds this member",
                  printable(path_.string()), printable(member)),
      fmt::format("take it from the full package with the same id ({})", id_.substr(0, 12)));
}

std::uint64_t PackageFile::Mapping::place(std::uint32_t source, std::uint64_t offset) const {
  if (source != extents::residual_source) return sources[source - 1]->offset + offset;
  return map->offset + extents::map_size(extents.size()) + offset;
}

std::unique_ptr<io::ReadableFile> PackageFile::transformed(const Mapping& mapping,
                                                           const extents::Extent& extent) const {
  const std::uint64_t place = mapping.place(extent.source, extent.offset);
  if (extent.transformation == extents::Transformation::transpose)
    return extents::transposed(*file_, place, extents::matrix_of(extent.size, extent.parameters));
  extents::Ternary ternary = extent.ternary;
  ternary.scale_offset = mapping.place(ternary.scale_source, ternary.scale_offset);
  return extents::ternary_file(*file_, place, file_.get(), ternary);
}

Result<PackageFile::Mapping> PackageFile::mapping(std::string_view member) const {
  const manifest::LayoutMember& how = *held(member);
  Mapping out;
  std::vector<std::uint64_t> sizes;
  auto read = [&]() -> Status {
    std::string map_name = std::string(manifest::extents_folder) + std::string(member);
    ONNXPACK_TRY(out.map, entry(map_name));
    for (const std::string& source : how.sources) {
      ONNXPACK_TRY(const archive::Entry* found, entry(source));
      ONNXPACK_CHECK(archive_.check_local_header(*found));
      out.sources.push_back(found);
      sizes.push_back(found->size);
    }
    ONNXPACK_TRY(auto file, archive_.open_entry(*out.map));
    ONNXPACK_TRY(out.extents,
                 in(extents::parse(*file, manifest_.find_member(member)->size, sizes),
                    fmt::format("{}: {}", printable(path_.string()), printable(map_name))));
    return {};
  };
  ONNXPACK_CHECK(read());
  return out;
}

Result<PackageFile::Content> PackageFile::content(std::string_view member) const {
  const manifest::LayoutMember* how = held(member);
  Content out;
  out.files.push_back(file_);
  if (how == nullptr || how->storage == manifest::Storage::stored) {
    ONNXPACK_TRY(const archive::Entry* found, entry(member));
    ONNXPACK_CHECK(archive_.check_local_header(*found));
    out.ranges.push_back({file_.get(), found->offset, found->size});
    return out;
  }
  ONNXPACK_TRY(Mapping mapping, this->mapping(member));
  out.ranges.reserve(mapping.extents.size());
  for (const extents::Extent& extent : mapping.extents) {
    if (extent.transformation == extents::Transformation::copy) {
      out.ranges.push_back({file_.get(), mapping.place(extent.source, extent.offset), extent.size});
      continue;
    }
    out.files.push_back(transformed(mapping, extent));
    out.ranges.push_back({out.files.back().get(), 0, extent.size});
  }
  return out;
}

Result<std::shared_ptr<const io::ReadableFile>> PackageFile::open_member(
    std::string_view member) const {
  const manifest::LayoutMember* how = held(member);
  if (how != nullptr && how->storage == manifest::Storage::extents) {
    ONNXPACK_TRY(Content content, this->content(member));
    return io::segment_file({content.ranges.begin(), content.ranges.end()}, std::string(member),
                            {content.files.begin(), content.files.end()});
  }
  ONNXPACK_TRY(const archive::Entry* found, entry(member));
  return in(archive_.open_entry(*found),
            fmt::format("{}: {}", printable(path_.string()), printable(member)));
}

std::uint64_t PackageFile::stored_size(std::string_view member) const {
  const manifest::LayoutMember* how = held(member);
  if (how == nullptr) return 0;
  const archive::Entry* found =
      how->storage == manifest::Storage::stored
          ? archive_.find(member)
          : archive_.find(std::string(manifest::extents_folder) + std::string(member));
  return found == nullptr ? 0 : found->size;
}

Result<Bytes> PackageFile::read_member(std::string_view member, std::uint64_t limit) const {
  ONNXPACK_TRY(const archive::Entry* found, entry(member));
  ONNXPACK_TRY(Bytes out, in(archive_.read(*found, limit), printable(path_.string())));
  const manifest::Member* listed = manifest_.find_member(member);
  if (listed != nullptr && crypto::sha256(out).hex() != listed->sha256) {
    return fail(
        ErrorKind::untrusted,
        fmt::format("{}: {}: SHA-256 is {}, {} says {}", printable(path_.string()),
                    printable(member), crypto::sha256(out).hex(), manifest_name, listed->sha256));
  }
  return out;
}

bool looks_like_package(io::FileSystem& files, const std::filesystem::path& path) {
  auto file = files.open(path);
  if (!file) return false;
  std::array<std::byte, 4> head{};
  if (!(*file)->read_at(0, head)) return false;
  // A local file header: no protobuf message starts with 'P' 'K' as ModelProto (field 10, wire type
  // 0 then field 9, type 3 is a group).
  return as_text(head) == std::string_view("PK\x03\x04", 4);
}

}  // namespace onnxpack::package
