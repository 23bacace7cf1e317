// Member order: components (model, then its external data), attachments, variants, digest lists,
// layout.json, manifest.json. The two index entries stand last, beside the central directory, so
// that one read of the tail opens a package.
#include "writer.h"

#include <algorithm>
#include <map>

#include <fmt/format.h>

#include "compact.h"
#include "component_files.h"
#include "member_writer.h"
#include "onnxpack/base/text.h"
#include "onnxpack/crypto/digest.h"
#include "onnxpack/model/scope_table.h"
#include "onnxpack/package/package_file.h"

namespace onnxpack::package {
namespace {

// The files of the component as they are packaged, with their tensors.
Result<std::vector<ComponentFile>> files_of(const PreparedComponent& component,
                                            model::Splice splice) {
  std::vector<ComponentFile> out;
  out.push_back({component.description.model,
                 model::splice_view(component.model.shared_file(), std::move(splice)),
                 {}});
  for (std::size_t i = 0; i < component.description.external_data.size(); ++i) {
    ONNXPACK_TRY(auto file, component.model.open_external(i));
    out.push_back({component.description.external_data[i].member, std::move(file), {}});
  }
  ONNXPACK_TRY(auto codes, transform::ternary_codes(component.model));
  for (std::size_t i = 0; i < component.model.constants().size(); ++i) {
    const model::Constant& constant = component.model.constants()[i];
    if (constant.size == 0) continue;
    const auto described = std::ranges::find(codes, i, &transform::TernaryCodes::constant);
    const auto range_at = [&](std::uint64_t offset) {
      return described == codes.end() ? range_of(constant, offset)
                                      : range_of(constant, offset, *described);
    };
    if (const auto* here = std::get_if<model::InlineData>(&constant.data)) {
      out[0].ranges.push_back(range_at(component.annotated.annotated_offset(here->range.offset)));
    } else if (const auto* there = std::get_if<model::ExternalData>(&constant.data)) {
      out[1 + there->file].ranges.push_back(range_at(there->range.offset));
    }
  }
  return out;
}

Result<std::vector<ComponentFile>> files_of(const PackageParts& parts,
                                            const std::map<std::string, std::string>& blobs) {
  std::vector<ComponentFile> out;
  for (const auto& component : parts.components) {
    ONNXPACK_TRY(auto table, scope_table(component.description, parts.manifest, blobs));
    ONNXPACK_TRY(auto splice, component.annotated.with_table(table));
    ONNXPACK_TRY(auto files, files_of(component, std::move(splice)));
    std::ranges::move(files, std::back_inserter(out));
  }
  return out;
}

Status write_component(MemberWriter& writer, const PreparedComponent& component,
                       const manifest::Manifest& manifest,
                       const std::map<std::string, std::string>& blob_digests, bool share) {
  ONNXPACK_TRY(auto table, scope_table(component.description, manifest, blob_digests));
  ONNXPACK_TRY(auto splice, component.annotated.with_table(table));
  std::vector<io::Segment> content;
  for (const auto& segment : splice.segments) {
    if (const auto* bytes = std::get_if<Bytes>(&segment)) {
      content.emplace_back(ByteView(*bytes));
    } else {
      const auto& range = std::get<model::FileRange>(segment);
      content.emplace_back(io::FileRange{&component.model.file(), range.offset, range.size});
    }
  }
  ONNXPACK_CHECK(writer.add(component.description.model, content));
  for (std::size_t i = 0; i < component.description.external_data.size(); ++i) {
    ONNXPACK_TRY(auto file, component.model.open_external(i));
    ONNXPACK_CHECK(writer.add_file(component.description.external_data[i].member, *file));
  }
  if (!share) return {};
  ONNXPACK_TRY(auto files, files_of(component, std::move(splice)));
  for (auto& file : files) {
    ONNXPACK_TRY(auto number, writer.add_source(file.member, std::move(file.content), file.ranges));
    (void)number;
  }
  return {};
}

Result<std::shared_ptr<const io::ReadableFile>> open_source(const Environment& environment,
                                                            const SourceFile& source) {
  if (source.content) return source.content;
  ONNXPACK_TRY(auto file, environment.files->open(source.path));
  return std::shared_ptr<const io::ReadableFile>(std::move(file));
}

// Bytes of a package that are not what its manifest says.
std::unexpected<Error> damaged(const std::string& member, const std::string& found,
                               const std::string& expected) {
  return fail(ErrorKind::untrusted,
              fmt::format("{}: SHA-256 is {}, the manifest that it comes from says {}",
                          printable(member), found, expected),
              "a package is damaged: `onnx-pack verify --integrity-only` says which");
}

Status check_written(const MemberWriter& writer, const SourceFile& source) {
  const std::string& found = writer.written(source.member).sha256;
  if (source.sha256.empty() || found == source.sha256) return {};
  if (source.content) return damaged(source.member, found, source.sha256);
  return fail(ErrorKind::untrusted,
              fmt::format("{}: changed after it was hashed: SHA-256 was {}, is {}",
                          printable(source.path.string()), source.sha256, found),
              "a backend process may still write to it, or the build cache was edited: run "
              "`onnx-pack cache verify`");
}

std::uint64_t components_size(const std::vector<PreparedComponent>& components) {
  std::uint64_t out = 0;
  for (const auto& component : components) {
    out += component.model.file().size();
    for (const auto& file : component.model.external_files()) out += file.size;
  }
  return out;
}

Status write_attachments(const Environment& environment, MemberWriter& writer,
                         const std::vector<SourceFile>& attachments) {
  for (const SourceFile& attachment : attachments) {
    ONNXPACK_TRY(auto file, open_source(environment, attachment));
    ONNXPACK_CHECK(writer.add_file(attachment.member, *file));
    ONNXPACK_CHECK(check_written(writer, attachment));
  }
  return {};
}

Status write_plain(const Environment& environment, MemberWriter& writer, const PackageParts& parts,
                   const std::map<std::string, std::string>& blob_digests) {
  const bool share = !parts.blobs.empty();
  if (share) writer.share(components_size(parts.components));
  for (const auto& component : parts.components)
    ONNXPACK_CHECK(write_component(writer, component, parts.manifest, blob_digests, share));
  ONNXPACK_CHECK(write_attachments(environment, writer, parts.attachments));
  for (const SourceFile& blob : parts.blobs) {
    ONNXPACK_TRY(auto file, open_source(environment, blob));
    ONNXPACK_CHECK(writer.add_blob(blob.member, std::move(file)));
    ONNXPACK_CHECK(check_written(writer, blob));
  }
  return {};
}

std::vector<std::string> member_order(const std::vector<ComponentFile>& files,
                                      const PackageParts& parts) {
  std::vector<std::string> out;
  for (const auto& file : files) out.push_back(file.member);
  for (const auto& attachment : parts.attachments) out.push_back(attachment.member);
  for (const auto& blob : parts.blobs) out.push_back(blob.member);
  return out;
}

Status write_compact(const Environment& environment, MemberWriter& writer,
                     const PackageParts& parts,
                     const std::map<std::string, std::string>& blob_digests) {
  writer.share(components_size(parts.components));
  ONNXPACK_TRY(auto files, files_of(parts, blob_digests));
  writer.list_in_order(member_order(files, parts));
  std::vector<CompactBlob> blobs;
  for (const SourceFile& blob : parts.blobs) {
    ONNXPACK_TRY(auto file, open_source(environment, blob));
    blobs.push_back({blob.member, std::move(file)});
  }
  ONNXPACK_TRY(auto stored, write_compact_components(writer, files, blobs));
  ONNXPACK_CHECK(write_attachments(environment, writer, parts.attachments));
  for (std::size_t i = 0; i < blobs.size(); ++i) {
    if (!stored.contains(i)) ONNXPACK_CHECK(writer.add_blob(blobs[i].member, blobs[i].content));
  }
  // All of them at once: the first are written before anything else.
  for (const SourceFile& blob : parts.blobs) ONNXPACK_CHECK(check_written(writer, blob));
  return {};
}

Status add_annexes(const Environment& environment, MemberWriter& writer,
                   const std::vector<SourceFile>& annexes) {
  for (const SourceFile& annex : annexes) {
    ONNXPACK_TRY(auto file, open_source(environment, annex));
    ONNXPACK_TRY(Bytes bytes, file->read(0, file->size()));
    std::string found = crypto::sha256(bytes).hex();
    if (!annex.sha256.empty() && found != annex.sha256)
      return damaged(annex.member, found, annex.sha256);
    writer.add_annex(annex.member, std::move(bytes));
  }
  return {};
}

Status check_expected(const manifest::Manifest& manifest,
                      const std::map<std::string, std::string>& expected) {
  for (const auto& [name, sha256] : expected) {
    const manifest::Member* member = manifest.find_member(name);
    if (member != nullptr && member->sha256 != sha256) return damaged(name, member->sha256, sha256);
  }
  return {};
}

std::uint64_t blobs_size(const Environment& environment, const std::vector<SourceFile>& blobs) {
  std::uint64_t out = 0;
  for (const auto& blob : blobs) {
    auto file = open_source(environment, blob);
    out += file ? (*file)->size() : 0;
  }
  return out;
}

}  // namespace

Result<std::vector<model::MetadataEntry>> scope_table(
    const manifest::Component& component, const manifest::Manifest& manifest,
    const std::map<std::string, std::string>& blob_digests) {
  std::vector<model::TableScope> out;
  for (const auto& scope : component.scopes) {
    model::TableScope row{scope.name, scope.digest, static_cast<std::size_t>(scope.node_count), {}};
    for (const auto& variant : manifest.variants) {
      if (variant.component != component.name) continue;
      for (const auto& partition : variant.partitions) {
        if (partition.scope != scope.name) continue;
        model::TableVariant entry{
            variant.name, variant.backend, variant.ep, variant.compatibility_hash, {}};
        for (const auto& blob : partition.blobs)
          entry.blobs.push_back(blob_digests.at(blob.member));
        row.variants.push_back(std::move(entry));
      }
    }
    out.push_back(std::move(row));
  }
  return model::table_metadata(out);
}

Result<WrittenPackage> write_package(const Environment& environment, const PackageParts& parts,
                                     const std::filesystem::path& output, io::Overwrite overwrite) {
  std::map<std::string, std::string> blob_digests;
  for (const SourceFile& blob : parts.blobs) blob_digests[blob.member] = blob.sha256;

  ONNXPACK_TRY(auto file, environment.files->create(output));
  environment.watcher->started(
      "write", components_size(parts.components) + blobs_size(environment, parts.blobs));
  MemberWriter writer(environment, *file);
  WrittenPackage written;
  auto write = [&]() -> Status {
    manifest::Manifest manifest = parts.manifest;
    ONNXPACK_CHECK(parts.compact ? write_compact(environment, writer, parts, blob_digests)
                                 : write_plain(environment, writer, parts, blob_digests));
    ONNXPACK_CHECK(add_annexes(environment, writer, parts.annexes));
    ONNXPACK_TRY(written.id, writer.finish(manifest));
    return check_expected(manifest, parts.expected);
  };
  if (auto done = write(); !done) {
    writer.abandon();
    return std::unexpected(std::move(done.error()));
  }
  written.size = file->position();
  environment.watcher->stage("write", "sync");
  ONNXPACK_CHECK(file->publish(overwrite));
  environment.watcher->finished("write", human_size(written.size));
  return written;
}

}  // namespace onnxpack::package
