#include "member_writer.h"

#include <algorithm>

#include <fmt/format.h>

#include "onnxpack/crypto/content_hasher.h"
#include "onnxpack/crypto/digest.h"
#include "onnxpack/io/safe_path.h"
#include "onnxpack/io/segment_file.h"
#include "onnxpack/package/package_file.h"

namespace onnxpack::package {
namespace {

std::string map_name(const std::string& member) {
  return std::string(manifest::extents_folder) + member;
}

}  // namespace

bool extents_pay(std::span<const extents::Extent> extents, std::uint64_t size) {
  std::uint64_t stored = extents::map_size(extents.size());
  for (const auto& extent : extents)
    stored += extent.source == extents::residual_source ? extent.size : 0;
  return extents.size() <= extents::max_extents && stored <= size / 16 * 15;
}

MapContent map_content(std::span<const extents::Extent> extents, const io::ReadableFile& file) {
  MapContent out;
  out.records = std::make_shared<const Bytes>(extents::encode(extents));
  out.segments.emplace_back(ByteView(*out.records));
  std::uint64_t at = 0;
  for (const auto& extent : extents) {
    if (extent.source == extents::residual_source)
      out.segments.emplace_back(io::FileRange{&file, at, extent.size});
    at += extent.size;
  }
  return out;
}

void renumber_sources(std::vector<extents::Extent>& extents, std::span<const std::string> all,
                      std::vector<std::string>& names) {
  std::map<std::uint32_t, std::uint32_t> numbers;
  for (auto& extent : extents) {
    if (extent.source == extents::residual_source) continue;
    auto [number, added] =
        numbers.try_emplace(extent.source, static_cast<std::uint32_t>(numbers.size() + 1));
    if (added) names.push_back(all[extent.source - 1]);
    extent.source = number->second;
  }
}

archive::AddOptions MemberWriter::options() {
  return {environment_.cancel,
          [this](std::uint64_t now) { environment_.watcher->advanced("write", done_ + now); }};
}

void MemberWriter::note(const std::string& name, crypto::ContentHashes hashes,
                        manifest::LayoutMember how) {
  done_ += hashes.size;
  how.name = name;
  members_.push_back({name, hashes.size, hashes.sha256.hex(), "", {}});
  layout_.members.push_back(std::move(how));
  if (hashes.chunks.size() > 1) chunks_.emplace(name, std::move(hashes.chunks));
}

Status MemberWriter::add(const std::string& name, std::span<const io::Segment> content) {
  ONNXPACK_TRY(auto added, archive_.add(name, content, options()));
  note(name, std::move(added.hashes), {});
  return {};
}

Status MemberWriter::add_file(const std::string& name, const io::ReadableFile& file) {
  const io::Segment all = io::FileRange{&file, 0, file.size()};
  return add(name, std::span(&all, 1));
}

void MemberWriter::share(std::uint64_t expected_bytes) {
  finder_.emplace(expected_bytes);
}

Status MemberWriter::add_source(const std::string& name,
                                std::shared_ptr<const io::ReadableFile> content,
                                std::span<const extents::Range> ranges) {
  sources_.push_back(name);
  return finder_->add_source(std::move(content), ranges, environment_.cancel);
}

Result<std::optional<std::vector<extents::Extent>>> MemberWriter::find(
    const std::string& name, const io::ReadableFile& file) {
  if (!finder_ || !io::check_relative_name(map_name(name))) return std::nullopt;
  ONNXPACK_TRY(auto extents, finder_->find(file, environment_.cancel));
  if (!extents_pay(extents, file.size())) return std::nullopt;
  return extents;
}

Status MemberWriter::add_blob(const std::string& name,
                              std::shared_ptr<const io::ReadableFile> file) {
  ONNXPACK_TRY(auto extents, find(name, *file));
  if (extents) return add_mapped(name, std::move(file), std::move(*extents));
  ONNXPACK_CHECK(add_file(name, *file));
  if (!finder_) return {};
  const extents::Range all{0, file->size()};
  return add_source(name, std::move(file), std::span(&all, 1));
}

Status MemberWriter::add_mapped(const std::string& name,
                                std::shared_ptr<const io::ReadableFile> file,
                                std::vector<extents::Extent> extents) {
  ONNXPACK_TRY(auto hashes, crypto::hash_content(*file, 0, file->size(), environment_.cancel));
  manifest::LayoutMember how;
  how.storage = manifest::Storage::extents;
  renumber_sources(extents, sources_, how.sources);
  MapContent content = map_content(extents, *file);
  ONNXPACK_TRY(auto added, archive_.add(map_name(name), content.segments, options()));
  note(name, std::move(hashes), std::move(how));
  layout_.members.push_back({.name = map_name(name),
                             .storage = manifest::Storage::stored,
                             .size = added.hashes.size,
                             .sha256 = added.hashes.sha256.hex()});
  // What is new in this blob, the next one may have as well (x86-64-v4 after v3).
  const extents::Range residual{extents::map_size(extents.size()),
                                added.hashes.size - extents::map_size(extents.size())};
  return add_source(
      map_name(name),
      io::segment_file(std::move(content.segments), map_name(name), {file, content.records}),
      std::span(&residual, 1));
}

// The 4 MiB chunk digests of every member of more than one chunk.
Status MemberWriter::add_digest_lists() {
  for (std::size_t i = 0, count = members_.size(); i < count; ++i) {
    auto chunks = chunks_.find(members_[i].name);
    if (chunks == chunks_.end()) continue;
    std::string name = fmt::format("digests/{}.sha256", members_[i].name);
    ONNXPACK_TRY(auto added, archive_.add(name, crypto::pack_digests(chunks->second)));
    members_[i].chunk_digests = name;
    note(name, std::move(added.hashes), {});
  }
  return {};
}

void MemberWriter::add_annex(std::string name, Bytes content) {
  annexes_.emplace_back(std::move(name), std::move(content));
}

Status MemberWriter::write_annexes() {
  for (const auto& [name, content] : annexes_) {
    ONNXPACK_TRY(auto added, archive_.add(name, content));
    layout_.members.push_back({.name = name,
                               .storage = manifest::Storage::stored,
                               .size = added.hashes.size,
                               .sha256 = added.hashes.sha256.hex()});
  }
  return {};
}

Result<std::string> MemberWriter::finish(manifest::Manifest& manifest) {
  ONNXPACK_CHECK(add_digest_lists());
  ONNXPACK_CHECK(write_annexes());
  manifest.members = std::move(members_);
  // What a reader would refuse is never written.
  ONNXPACK_CHECK(in(manifest::validate(manifest), manifest_name));
  ONNXPACK_CHECK(in(manifest::check_layout(layout_, manifest), layout_name));
  std::string text = manifest::emit(manifest);
  ONNXPACK_CHECK(archive_.add(layout_name, as_bytes(manifest::emit(layout_))));
  ONNXPACK_CHECK(archive_.add(manifest_name, as_bytes(text)));
  ONNXPACK_CHECK(archive_.finish());
  return crypto::sha256(text).hex();
}

}  // namespace onnxpack::package
