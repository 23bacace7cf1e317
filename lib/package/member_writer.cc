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

bool can_be_mapped(const std::string& member) {
  return io::check_relative_name(map_name(member)).has_value();
}

// What a ternary extent has in the residual: its descriptor, and codes and scales that stand
// nowhere else, which are taken from the member itself.
template <typename Own>
Status add_ternary(const extents::Extent& extent, const io::ReadableFile& file, std::uint64_t at,
                   MapContent& out, Own& own) {
  const extents::Ternary& ternary = extent.ternary;
  own(extents::encode_descriptor(ternary));
  if (extent.source == extents::residual_source) {
    std::shared_ptr<const io::ReadableFile> codes =
        extents::ternary_file(file, at, nullptr, extents::inverse(ternary));
    out.segments.emplace_back(io::FileRange{codes.get(), 0, codes->size()});
    out.owners.push_back(std::move(codes));
  }
  if (ternary.scales == extents::TernaryScales::none ||
      ternary.scale_source != extents::residual_source)
    return {};
  ONNXPACK_TRY(Bytes scales, extents::read_scales(file, at, ternary));
  own(std::move(scales));
  return {};
}

}  // namespace

bool extents_pay(std::span<const extents::Extent> extents, std::uint64_t size) {
  std::uint64_t stored = extents::map_size(extents.size());
  for (const auto& extent : extents) stored += extents::residual_bytes(extent);
  return extents.size() <= extents::max_extents && stored <= size / 16 * 15;
}

Result<MapContent> map_content(std::vector<extents::Extent> extents, const io::ReadableFile& file) {
  MapContent out;
  out.records_size = extents::map_size(extents.size());
  extents::place_in_residual(extents);
  auto own = [&](Bytes bytes) {
    auto kept = std::make_shared<const Bytes>(std::move(bytes));
    out.segments.emplace_back(ByteView(*kept));
    out.owners.push_back(std::move(kept));
  };
  own(extents::encode(extents));
  std::uint64_t at = 0;
  for (const auto& extent : extents) {
    if (extent.transformation == extents::Transformation::ternary) {
      ONNXPACK_CHECK(add_ternary(extent, file, at, out, own));
    } else if (extent.source == extents::residual_source) {
      out.segments.emplace_back(io::FileRange{&file, at, extent.size});
    }
    at += extent.size;
  }
  return out;
}

void renumber_sources(std::vector<extents::Extent>& extents, std::span<const std::string> all,
                      std::vector<std::string>& names) {
  std::map<std::uint32_t, std::uint32_t> numbers;
  auto renumber = [&](std::uint32_t& source) {
    if (source == extents::residual_source) return;
    auto [number, added] =
        numbers.try_emplace(source, static_cast<std::uint32_t>(numbers.size() + 1));
    if (added) names.push_back(all[source - 1]);
    source = number->second;
  };
  for (auto& extent : extents) {
    renumber(extent.source);
    renumber(extent.ternary.scale_source);
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

Result<std::uint32_t> MemberWriter::add_source(const std::string& name,
                                               std::shared_ptr<const io::ReadableFile> content,
                                               std::span<const extents::Range> ranges) {
  sources_.push_back(name);
  ONNXPACK_CHECK(finder_->add_source(std::move(content), ranges, environment_.cancel));
  return static_cast<std::uint32_t>(sources_.size());
}

Result<std::vector<extents::Extent>> MemberWriter::find(const io::ReadableFile& file) {
  ONNXPACK_TRY(auto extents, finder_->find(file, environment_.cancel));
  return held_.empty() ? std::move(extents) : extents::resolve(extents, held_);
}

Status MemberWriter::add_blob(const std::string& name,
                              std::shared_ptr<const io::ReadableFile> file) {
  if (finder_ && can_be_mapped(name)) {
    ONNXPACK_TRY(auto extents, find(*file));
    if (extents_pay(extents, file->size())) {
      ONNXPACK_TRY(auto map, add_mapped(name, std::move(file), std::move(extents)));
      (void)map;
      return {};
    }
  }
  ONNXPACK_CHECK(add_file(name, *file));
  if (!finder_) return {};
  const extents::Range all{0, file->size()};
  ONNXPACK_TRY(auto number, add_source(name, std::move(file), std::span(&all, 1)));
  (void)number;
  return {};
}

Status MemberWriter::add_held(const std::string& name, std::shared_ptr<const io::ReadableFile> file,
                              std::vector<extents::Extent> extents, std::uint32_t number) {
  if (!can_be_mapped(name) || !extents_pay(extents, file->size())) return add_file(name, *file);
  extents::HeldAs held{extents, 0};
  ONNXPACK_TRY(held.map, add_mapped(name, std::move(file), std::move(extents)));
  extents::place_in_residual(held.extents);
  held_.emplace(number, std::move(held));
  return {};
}

Result<std::uint32_t> MemberWriter::add_mapped(const std::string& name,
                                               std::shared_ptr<const io::ReadableFile> file,
                                               std::vector<extents::Extent> extents) {
  ONNXPACK_TRY(auto hashes, crypto::hash_content(*file, 0, file->size(), environment_.cancel));
  manifest::LayoutMember how;
  how.storage = manifest::Storage::extents;
  renumber_sources(extents, sources_, how.sources);
  ONNXPACK_TRY(MapContent content, map_content(std::move(extents), *file));
  ONNXPACK_TRY(auto added, archive_.add(map_name(name), content.segments, options()));
  note(name, std::move(hashes), std::move(how));
  layout_.members.push_back({.name = map_name(name),
                             .storage = manifest::Storage::stored,
                             .size = added.hashes.size,
                             .sha256 = added.hashes.sha256.hex()});
  // What is new in this blob, the next one may have as well (x86-64-v4 after v3).
  const extents::Range residual{content.records_size, added.hashes.size - content.records_size};
  content.owners.push_back(file);
  return add_source(
      map_name(name),
      io::segment_file(std::move(content.segments), map_name(name), std::move(content.owners)),
      std::span(&residual, 1));
}

const manifest::Member& MemberWriter::written(std::string_view member) const {
  return *std::find_if(members_.rbegin(), members_.rend(),
                       [&](const manifest::Member& one) { return one.name == member; });
}

void MemberWriter::put_in_order() {
  std::map<std::string_view, std::size_t> places;
  for (const auto& name : order_) places.emplace(name, places.size());
  std::ranges::stable_sort(members_, {},
                           [&](const manifest::Member& member) { return places[member.name]; });
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
  if (!order_.empty()) put_in_order();
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
