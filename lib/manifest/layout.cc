// layout.json, version 1: format "onnx-pack/layout", schema_version, members[] {name, storage,
// size, sha256, sources}.
#include <algorithm>
#include <map>
#include <set>

#include <fmt/format.h>

#include "fields.h"
#include "onnxpack/base/text.h"
#include "onnxpack/io/safe_path.h"
#include "onnxpack/manifest/manifest.h"
#include "value_info.h"

namespace onnxpack::manifest {
namespace {

using json::Cursor;
using target::UnknownFields;

std::string_view to_string(Storage storage) {
  switch (storage) {
    case Storage::stored:
      return "stored";
    case Storage::extents:
      return "extents";
    case Storage::absent:
      return "absent";
  }
  return "absent";
}

bool is_annex(std::string_view name) {
  return name.starts_with("evidence/") || name.starts_with("signatures/");
}

Result<Storage> read_storage(const Cursor& cursor, UnknownFields mode) {
  ONNXPACK_TRY(auto field, cursor.at("storage"));
  ONNXPACK_TRY(std::string text, field.string());
  for (Storage storage : {Storage::stored, Storage::extents, Storage::absent}) {
    if (text == to_string(storage)) return storage;
  }
  auto error =
      field.error(fmt::format("expected stored, extents or absent, found \"{}\"", printable(text)));
  if (mode == UnknownFields::refuse) return std::unexpected(std::move(error));
  // A later minor version may know another way of holding bytes; guessing would read the wrong
  // ones.
  return fail(ErrorKind::unsupported, error.message(),
              "a newer onnx-pack made this package: update");
}

// Only where the bytes are held as extents. None are needed where all of them stand in the map, as
// ternary codes do.
Result<std::vector<std::string>> read_sources(const Cursor& cursor, Storage storage) {
  ONNXPACK_TRY(auto out, json::read_optional_array(
                             cursor, "sources", [](const Cursor& item) { return item.string(); }));
  if (storage == Storage::extents || out.empty()) return out;
  return std::unexpected(cursor.error("only a member that is held as extents has sources"));
}

Result<LayoutMember> read_member(const Cursor& cursor, UnknownFields mode) {
  LayoutMember out;
  ONNXPACK_TRY(out.unknown,
               read_unknown(cursor, {"name", "storage", "size", "sha256", "sources"}, mode));
  ONNXPACK_TRY(auto name, cursor.at("name"));
  ONNXPACK_TRY(out.name, name.string());
  if (auto status = io::check_relative_name(out.name); !status) {
    return std::unexpected(name.error(status.error().message()));
  }
  ONNXPACK_TRY(out.storage, read_storage(cursor, mode));
  ONNXPACK_TRY(auto size, cursor.find("size"));
  if (size) {
    ONNXPACK_TRY(out.size, size->size());
  }
  if (cursor.value().find("sha256") != nullptr) {
    ONNXPACK_TRY(out.sha256, read_digest(cursor, "sha256"));
  }
  ONNXPACK_TRY(out.sources, read_sources(cursor, out.storage));
  return out;
}

std::unexpected<Error> bad(std::string text) {
  return fail(ErrorKind::corrupt, std::move(text));
}

using Placed = std::map<std::string_view, const LayoutMember*>;

// What the manifest does not know: annexes, and the maps of members that are held as extents.
Status check_extra(const LayoutMember& member, const Placed& placed) {
  std::string_view name = member.name;
  bool is_map = name.starts_with(extents_folder);
  if (is_map) {
    auto whose = placed.find(name.substr(extents_folder.size()));
    if (whose == placed.end() || whose->second->storage != Storage::extents) {
      return bad(fmt::format("\"{}\" is the extent map of a member that is not held as extents",
                             printable(name)));
    }
  } else if (!is_annex(name)) {
    return bad(fmt::format("\"{}\" is not in the manifest", printable(name)));
  }
  if (!member.size || member.sha256.empty()) {
    return bad(
        fmt::format("\"{}\" is not in the manifest, so the layout must give its size and sha256",
                    printable(name)));
  }
  return {};
}

Status check_extents(const LayoutMember& member, const Placed& placed) {
  auto is_stored = [&](std::string_view name) {
    auto found = placed.find(name);
    return found != placed.end() && found->second->storage == Storage::stored;
  };
  if (!is_stored(std::string(extents_folder) + member.name)) {
    return bad(fmt::format("\"{}\" is held as extents, but its map \"{}{}\" is not stored",
                           printable(member.name), extents_folder, printable(member.name)));
  }
  std::set<std::string_view> seen;
  for (const std::string& source : member.sources) {
    if (source == std::string(extents_folder) + member.name) {
      return bad(fmt::format("\"{}\" names its own map as a source; the map's residual is source 0",
                             printable(member.name)));
    }
    if (!seen.insert(source).second) {
      return bad(fmt::format("\"{}\" names its source \"{}\" twice", printable(member.name),
                             printable(source)));
    }
    if (!is_stored(source)) {
      return bad(fmt::format("\"{}\" is held as extents of \"{}\", which is not stored",
                             printable(member.name), printable(source)));
    }
  }
  return {};
}

}  // namespace

std::string emit(const Layout& layout) {
  json::Value out = json::Object();
  write_header(out, layout_format, layout.version);
  put_array(out, "members", layout.members, [](const LayoutMember& member) {
    json::Value item =
        json::object({{"name", member.name}, {"storage", to_string(member.storage)}});
    if (member.size) item["size"] = *member.size;
    put(item, "sha256", member.sha256);
    if (!member.sources.empty())
      item["sources"] = json::Array(member.sources.begin(), member.sources.end());
    write_unknown(item, member.unknown);
    return item;
  });
  write_unknown(out, layout.unknown);
  return json::canonical(out);
}

Result<Layout> parse_layout(std::string_view text) {
  ONNXPACK_TRY(json::Value document, json::parse(text));
  Cursor root(document);
  ONNXPACK_TRY(Header header, read_header(root, layout_format));
  Layout out;
  out.version = header.version;
  ONNXPACK_TRY(out.unknown,
               read_unknown(root, {"format", "schema_version", "members"}, header.unknown));
  ONNXPACK_TRY(out.members, json::read_optional_array(root, "members", [&](const Cursor& item) {
                 return read_member(item, header.unknown);
               }));
  std::set<std::string> names;
  for (std::size_t i = 0; i < out.members.size(); ++i) {
    if (!names.insert(io::fold_case(out.members[i].name)).second) {
      return fail(
          ErrorKind::corrupt,
          fmt::format(
              "members[{}].name: \"{}\" appears twice, or differs from another only by case", i,
              printable(out.members[i].name)));
    }
  }
  return out;
}

const LayoutMember* Layout::find(std::string_view name) const {
  auto found = std::ranges::find(members, name, &LayoutMember::name);
  return found == members.end() ? nullptr : &*found;
}

Status check_layout(const Layout& layout, const Manifest& manifest) {
  std::set<std::string_view> described;
  for (const Member& member : manifest.members) described.insert(member.name);
  Placed placed;
  for (const LayoutMember& member : layout.members) placed.emplace(member.name, &member);
  for (const LayoutMember& member : layout.members) {
    if (!described.contains(member.name)) {
      ONNXPACK_CHECK(check_extra(member, placed));
      if (member.storage == Storage::extents) {
        return bad(fmt::format("\"{}\" is held as extents, but is not in the manifest",
                               printable(member.name)));
      }
    }
    if (member.storage == Storage::extents) ONNXPACK_CHECK(check_extents(member, placed));
  }
  for (const Member& member : manifest.members) {
    if (!placed.contains(member.name)) {
      return bad(
          fmt::format("\"{}\" is in the manifest, but the layout does not say how it is held",
                      printable(member.name)));
    }
  }
  return {};
}

}  // namespace onnxpack::manifest
