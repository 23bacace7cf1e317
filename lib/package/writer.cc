// Member order: components (model, then its external data), attachments, variants, digest lists,
// layout.json, manifest.json. The two index entries stand last, beside the central directory, so
// that one read of the tail opens a package.
#include "writer.h"

#include <algorithm>
#include <map>

#include <fmt/format.h>

#include "onnxpack/archive/writer.h"
#include "onnxpack/base/text.h"
#include "onnxpack/crypto/digest.h"
#include "onnxpack/model/scope_table.h"
#include "onnxpack/package/package_file.h"

namespace onnxpack::package {
namespace {

class Writer {
 public:
  Writer(const Environment& environment, io::WritableFile& output)
      : environment_(environment), archive_(output) {}

  archive::ArchiveWriter& archive() { return archive_; }
  std::vector<manifest::Member> take_members() { return std::move(members_); }

  Status add(const std::string& name, std::span<const io::Segment> content) {
    ONNXPACK_TRY(auto added, archive_.add(name, content, options()));
    note(name, std::move(added));
    return {};
  }
  Status add_file(const std::string& name, const io::ReadableFile& file) {
    ONNXPACK_TRY(auto added, archive_.add(name, file, 0, file.size(), options()));
    note(name, std::move(added));
    return {};
  }
  const manifest::Member& last() const { return members_.back(); }

  // The 4 MiB chunk digests of every member of more than one chunk.
  Status add_digest_lists() {
    for (std::size_t i = 0, count = members_.size(); i < count; ++i) {
      auto chunks = chunks_.find(members_[i].name);
      if (chunks == chunks_.end()) continue;
      std::string name = fmt::format("digests/{}.sha256", members_[i].name);
      ONNXPACK_TRY(auto added, archive_.add(name, crypto::pack_digests(chunks->second)));
      members_[i].chunk_digests = name;
      members_.push_back({name, added.hashes.size, added.hashes.sha256.hex(), "", {}});
    }
    return {};
  }

 private:
  archive::AddOptions options() {
    return {environment_.cancel,
            [this](std::uint64_t now) { environment_.watcher->advanced("write", done_ + now); }};
  }
  void note(const std::string& name, archive::MemberInfo added) {
    done_ += added.hashes.size;
    members_.push_back({name, added.hashes.size, added.hashes.sha256.hex(), "", {}});
    if (added.hashes.chunks.size() > 1) chunks_.emplace(name, std::move(added.hashes.chunks));
  }

  const Environment& environment_;
  archive::ArchiveWriter archive_;
  std::vector<manifest::Member> members_;
  std::map<std::string, std::vector<crypto::Digest>> chunks_;
  std::uint64_t done_ = 0;
};

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

Status write_component(Writer& writer, const PreparedComponent& component,
                       const manifest::Manifest& manifest,
                       const std::map<std::string, std::string>& blob_digests) {
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
  return {};
}

Status write_blobs(const Environment& environment, Writer& writer,
                   const std::vector<BlobFile>& blobs) {
  for (const BlobFile& blob : blobs) {
    ONNXPACK_TRY(auto file, environment.files->open(blob.path));
    ONNXPACK_CHECK(writer.add_file(blob.member, *file));
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

std::uint64_t total_size(const Environment& environment,
                         const std::vector<PreparedComponent>& components,
                         const std::vector<BlobFile>& blobs) {
  std::uint64_t out = 0;
  for (const auto& component : components) {
    out += component.model.file().size();
    for (const auto& file : component.model.external_files()) out += file.size;
  }
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
  environment.watcher->started("write", total_size(environment, components, blobs));
  Writer writer(environment, *file);
  WrittenPackage written;
  auto write = [&]() -> Status {
    for (const auto& component : components)
      ONNXPACK_CHECK(write_component(writer, component, manifest, blob_digests));
    for (const auto& attachment : attachments) {
      ONNXPACK_TRY(auto source, environment.files->open(attachment.file));
      ONNXPACK_CHECK(writer.add_file("attachments/" + attachment.name, *source));
    }
    ONNXPACK_CHECK(write_blobs(environment, writer, blobs));
    ONNXPACK_CHECK(writer.add_digest_lists());
    manifest.members = writer.take_members();
    // What a reader would refuse is never written.
    ONNXPACK_CHECK(in(manifest::validate(manifest), manifest_name));
    manifest::Layout layout;
    for (const auto& member : manifest.members) layout.members.emplace_back().name = member.name;
    std::string text = manifest::emit(manifest);
    written.id = crypto::sha256(text).hex();
    ONNXPACK_CHECK(writer.archive().add(layout_name, as_bytes(manifest::emit(layout))));
    ONNXPACK_CHECK(writer.archive().add(manifest_name, as_bytes(text)));
    return writer.archive().finish();
  };
  if (auto done = write(); !done) {
    writer.archive().abandon();
    return std::unexpected(std::move(done.error()));
  }
  written.size = file->position();
  environment.watcher->stage("write", "sync");
  ONNXPACK_CHECK(file->publish(overwrite));
  environment.watcher->finished("write", human_size(written.size));
  return written;
}

}  // namespace onnxpack::package
