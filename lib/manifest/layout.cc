// layout.json, version 1: format "onnx-pack/layout", schema_version, members[] {name, storage,
// size, sha256}.
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

bool is_annex(std::string_view name) {
  return name.starts_with("evidence/") || name.starts_with("signatures/");
}

Result<Storage> read_storage(const Cursor& cursor, UnknownFields mode) {
  ONNXPACK_TRY(auto field, cursor.at("storage"));
  ONNXPACK_TRY(std::string text, field.string());
  if (text == "stored") return Storage::stored;
  if (text == "absent") return Storage::absent;
  auto error = field.error(fmt::format("expected stored or absent, found \"{}\"", printable(text)));
  if (mode == UnknownFields::refuse) return std::unexpected(std::move(error));
  // A later minor version may know another way of holding bytes; guessing would read the wrong
  // ones.
  return fail(ErrorKind::unsupported, error.message(),
              "a newer onnx-pack made this package: update");
}

Result<LayoutMember> read_member(const Cursor& cursor, UnknownFields mode) {
  LayoutMember out;
  ONNXPACK_TRY(out.unknown, read_unknown(cursor, {"name", "storage", "size", "sha256"}, mode));
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
  return out;
}

}  // namespace

std::string emit(const Layout& layout) {
  json::Value out = json::Object();
  write_header(out, layout_format, layout.version);
  put_array(out, "members", layout.members, [](const LayoutMember& member) {
    json::Value item =
        json::object({{"name", member.name},
                      {"storage", member.storage == Storage::stored ? "stored" : "absent"}});
    if (member.size) item["size"] = *member.size;
    put(item, "sha256", member.sha256);
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

Status check_layout(const Layout& layout, const Manifest& manifest) {
  std::set<std::string_view> described;
  for (const Member& member : manifest.members) described.insert(member.name);
  std::set<std::string_view> placed;
  for (const LayoutMember& member : layout.members) {
    placed.insert(member.name);
    if (described.contains(member.name)) continue;
    if (!is_annex(member.name)) {
      return fail(ErrorKind::corrupt,
                  fmt::format("\"{}\" is not in the manifest", printable(member.name)));
    }
    if (!member.size || member.sha256.empty()) {
      return fail(
          ErrorKind::corrupt,
          fmt::format("\"{}\" is not in the manifest, so the layout must give its size and sha256",
                      printable(member.name)));
    }
  }
  for (const Member& member : manifest.members) {
    if (!placed.contains(member.name)) {
      return fail(
          ErrorKind::corrupt,
          fmt::format("\"{}\" is in the manifest, but the layout does not say how it is held",
                      printable(member.name)));
    }
  }
  return {};
}

}  // namespace onnxpack::manifest
