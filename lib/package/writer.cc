// Member order: components (model, then its external data), attachments, variants, digest lists,
// layout.json, manifest.json. The two index entries stand last, beside the central directory, so
// that one read of the tail opens a package.
#include "writer.h"

#include <algorithm>
#include <bit>
#include <map>

#include <fmt/format.h>

#include "member_writer.h"
#include "onnxpack/base/text.h"
#include "onnxpack/model/scope_table.h"
#include "onnxpack/package/package_file.h"

namespace onnxpack::package {
namespace {

// What model.onnx says of its scopes: for each, the variants that cover it with their compatibility
// hashes and blob digests.
std::vector<model::TableScope> scope_table(const manifest::Component& component,
                                           const manifest::Manifest& manifest,
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
  return out;
}

// A weight of two dimensions; others are not looked for transposed.
extents::Matrix as_matrix(const model::Constant& constant) {
  if (constant.dims.size() != 2 || constant.dims[0] < 2 || constant.dims[1] < 2) return {};
  auto rows = static_cast<std::uint64_t>(constant.dims[0]);
  auto columns = static_cast<std::uint64_t>(constant.dims[1]);
  std::uint64_t element = constant.size / rows / columns;
  bool plain = element * rows * columns == constant.size && std::has_single_bit(element) &&
               element <= 8;  // no packed ones of half a byte
  return plain ? extents::Matrix{element, rows, columns} : extents::Matrix{};
}

// The tensors of each file of the component, where they stand in the packaged one: [0] is the
// model, then the external files.
std::vector<std::vector<extents::Range>> constant_ranges(const PreparedComponent& component) {
  std::vector<std::vector<extents::Range>> out(1 + component.model.external_files().size());
  for (const auto& constant : component.model.constants()) {
    if (constant.size == 0) continue;
    extents::Matrix matrix = as_matrix(constant);
    if (const auto* here = std::get_if<model::InlineData>(&constant.data)) {
      out[0].push_back(
          {component.annotated.annotated_offset(here->range.offset), here->range.size, matrix});
    } else if (const auto* there = std::get_if<model::ExternalData>(&constant.data)) {
      out[1 + there->file].push_back({there->range.offset, there->range.size, matrix});
    }
  }
  return out;
}

// Blobs may refer to the bytes of constants.
Status add_sources(MemberWriter& writer, const PreparedComponent& component, model::Splice splice) {
  auto ranges = constant_ranges(component);
  ONNXPACK_CHECK(writer.add_source(
      component.description.model,
      model::splice_view(component.model.shared_file(), std::move(splice)), ranges[0]));
  for (std::size_t i = 0; i < component.description.external_data.size(); ++i) {
    ONNXPACK_TRY(auto file, component.model.open_external(i));
    ONNXPACK_CHECK(writer.add_source(component.description.external_data[i].member, std::move(file),
                                     ranges[1 + i]));
  }
  return {};
}

Status write_component(MemberWriter& writer, const PreparedComponent& component,
                       const manifest::Manifest& manifest,
                       const std::map<std::string, std::string>& blob_digests, bool share) {
  ONNXPACK_TRY(auto table,
               model::table_metadata(scope_table(component.description, manifest, blob_digests)));
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
  return share ? add_sources(writer, component, std::move(splice)) : Status();
}

Status write_blobs(const Environment& environment, MemberWriter& writer,
                   const std::vector<BlobFile>& blobs) {
  for (const BlobFile& blob : blobs) {
    ONNXPACK_TRY(auto file, environment.files->open(blob.path));
    ONNXPACK_CHECK(writer.add_blob(blob.member, std::move(file)));
    if (writer.last().sha256 != blob.sha256) {
      return fail(ErrorKind::untrusted,
                  fmt::format("{}: changed after it was compiled: SHA-256 was {}, is {}",
                              printable(blob.path.string()), blob.sha256, writer.last().sha256),
                  "a backend process may still write to it, or the build cache was edited: run "
                  "`onnx-pack cache verify`");
    }
  }
  return {};
}

std::uint64_t components_size(const std::vector<PreparedComponent>& components) {
  std::uint64_t out = 0;
  for (const auto& component : components) {
    out += component.model.file().size();
    for (const auto& file : component.model.external_files()) out += file.size;
  }
  return out;
}

std::uint64_t blobs_size(const Environment& environment, const std::vector<BlobFile>& blobs) {
  std::uint64_t out = 0;
  for (const auto& blob : blobs) {
    auto status = environment.files->status(blob.path);
    out += status ? status->size : 0;
  }
  return out;
}

}  // namespace

Result<WrittenPackage> write_package(const Environment& environment,
                                     const std::vector<PreparedComponent>& components,
                                     const std::vector<AttachmentRequest>& attachments,
                                     const std::vector<BlobFile>& blobs,
                                     manifest::Manifest manifest,
                                     const std::filesystem::path& output, io::Overwrite overwrite) {
  std::map<std::string, std::string> blob_digests;
  for (const BlobFile& blob : blobs) blob_digests[blob.member] = blob.sha256;

  ONNXPACK_TRY(auto file, environment.files->create(output));
  std::uint64_t sources_size = components_size(components);
  environment.watcher->started("write", sources_size + blobs_size(environment, blobs));
  MemberWriter writer(environment, *file);
  if (!blobs.empty()) writer.share(sources_size);
  WrittenPackage written;
  auto write = [&]() -> Status {
    for (const auto& component : components) {
      ONNXPACK_CHECK(write_component(writer, component, manifest, blob_digests, !blobs.empty()));
    }
    for (const auto& attachment : attachments) {
      ONNXPACK_TRY(auto source, environment.files->open(attachment.file));
      ONNXPACK_CHECK(writer.add_file("attachments/" + attachment.name, *source));
    }
    ONNXPACK_CHECK(write_blobs(environment, writer, blobs));
    ONNXPACK_TRY(written.id, writer.finish(manifest));
    return {};
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
