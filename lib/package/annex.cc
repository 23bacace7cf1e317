#include "onnxpack/package/annex.h"

#include <fmt/format.h>

#include "onnxpack/archive/writer.h"
#include "onnxpack/base/text.h"
#include "onnxpack/crypto/digest.h"

namespace onnxpack::package {
namespace {

constexpr std::uint64_t evidence_limit = std::uint64_t{64} << 20;
constexpr std::string_view folder = "evidence/";

Result<manifest::Evidence> read_annex(const PackageFile& package,
                                      const manifest::LayoutMember& member) {
  ONNXPACK_TRY(Bytes bytes, package.read_member(member.name, evidence_limit));
  if (std::string found = crypto::sha256(bytes).hex(); found != member.sha256) {
    return fail(ErrorKind::untrusted,
                fmt::format("SHA-256 is {}, {} says {}", found, layout_name, member.sha256));
  }
  ONNXPACK_TRY(json::Value value, json::parse(as_text(bytes)));
  return manifest::evidence_from_json(value);
}

// Everything but the two index entries, which are written anew.
Status copy_members(const Environment& environment, const PackageFile& package,
                    archive::ArchiveWriter& writer) {
  for (const auto& entry : package.archive().entries()) {
    if (entry.name == layout_name || entry.name == manifest_name) continue;
    ONNXPACK_CHECK(package.archive().check_local_header(entry));
    ONNXPACK_CHECK(writer.add_known(entry.name, package.archive().file(), entry.offset, entry.size,
                                    entry.crc32, {environment.cancel, {}}));
  }
  return {};
}

// Named after its digest, so what is there already is there under this name.
Status add_annex(const manifest::Evidence& evidence, archive::ArchiveWriter& writer,
                 manifest::Layout& layout) {
  std::string text = json::canonical(manifest::to_json(evidence));
  std::string digest = crypto::sha256(text).hex();
  std::string name = fmt::format("{}{}.json", folder, digest.substr(0, 16));
  const manifest::LayoutMember* there = layout.find(name);
  if (there != nullptr && there->storage == manifest::Storage::stored) return {};
  ONNXPACK_CHECK(writer.add(name, as_bytes(text)));
  std::erase_if(layout.members, [&](const auto& member) { return member.name == name; });
  layout.members.push_back({name, manifest::Storage::stored, text.size(), digest, {}, {}});
  return {};
}

}  // namespace

Result<std::vector<manifest::Evidence>> read_evidence(
    io::FileSystem& files, const std::vector<std::filesystem::path>& paths) {
  std::vector<manifest::Evidence> out;
  for (const auto& path : paths) {
    auto read = [&]() -> Result<manifest::Evidence> {
      ONNXPACK_TRY(std::string text, files.read_text(path, evidence_limit));
      ONNXPACK_TRY(json::Value value, json::parse(text));
      return manifest::evidence_from_json(value);
    };
    ONNXPACK_TRY(auto evidence, in(read(), printable(path.string())));
    out.push_back(std::move(evidence));
  }
  return out;
}

Result<std::vector<manifest::Evidence>> evidence_in(const PackageFile& package) {
  std::vector<manifest::Evidence> out;
  for (const auto& member : package.layout().members) {
    if (!member.name.starts_with(folder) || !package.holds(member.name)) continue;
    ONNXPACK_TRY(auto evidence, in(read_annex(package, member),
                                   fmt::format("{}: {}", printable(package.path().string()),
                                               printable(member.name))));
    out.push_back(std::move(evidence));
  }
  return out;
}

Status write_with_evidence(const Environment& environment, const PackageFile& package,
                           std::span<const manifest::Evidence> evidence,
                           const std::filesystem::path& output, io::Overwrite overwrite) {
  ONNXPACK_TRY(auto file, environment.files->create(output));
  archive::ArchiveWriter writer(*file);
  auto write = [&]() -> Status {
    ONNXPACK_CHECK(copy_members(environment, package, writer));
    manifest::Layout layout = package.layout();
    for (const auto& one : evidence) ONNXPACK_CHECK(add_annex(one, writer, layout));
    ONNXPACK_CHECK(writer.add(layout_name, as_bytes(manifest::emit(layout))));
    ONNXPACK_CHECK(writer.add(manifest_name, as_bytes(package.manifest_text())));
    return writer.finish();
  };
  if (auto written = write(); !written) {
    writer.abandon();
    return written;
  }
  return file->publish(overwrite);
}

}  // namespace onnxpack::package
