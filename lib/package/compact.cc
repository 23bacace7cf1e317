#include "compact.h"

#include <algorithm>
#include <map>

#include "extent_list.h"
#include "onnxpack/extents/ternary.h"

namespace onnxpack::package {
namespace {

using extents::Extent;
using extents::Ternary;
using extents::TernaryForm;
using extents::Transformation;

bool gives_t5r(const Extent& extent) {
  return extent.transformation == Transformation::ternary &&
         extent.ternary.to == TernaryForm::t5r && extents::is_real(extent.ternary.from);
}

class Compactor {
 public:
  Compactor(MemberWriter& writer, const std::vector<ComponentFile>& files,
            const std::vector<CompactBlob>& blobs)
      : writer_(writer), files_(files), blobs_(blobs) {}

  Result<std::set<std::size_t>> run() {
    for (const auto& file : files_) {
      ONNXPACK_TRY(auto number, writer_.add_source(file.member, file.content, file.ranges));
      numbers_.push_back(number);
    }
    ONNXPACK_CHECK(choose_blobs());
    ONNXPACK_CHECK(write_blobs());
    for (std::size_t i = 0; i < files_.size(); ++i) {
      ONNXPACK_TRY(auto extents, extents_of(i));
      ONNXPACK_CHECK(
          writer_.add_held(files_[i].member, files_[i].content, std::move(extents), numbers_[i]));
    }
    std::set<std::size_t> out;
    for (const auto& [blob, chosen] : chosen_) out.insert(blob);
    return out;
  }

 private:
  struct Chosen {
    std::vector<Extent> extents;
    std::uint32_t number = 0;
  };

  Status choose_blobs() {
    std::set<std::pair<std::uint32_t, std::uint64_t>> taken;  // tensors: source and offset
    for (std::size_t i = 0; i < blobs_.size(); ++i) {
      ONNXPACK_TRY(auto extents, writer_.find(*blobs_[i].content));
      bool first = false;
      for (const Extent& extent : extents) {
        if (gives_t5r(extent)) first |= taken.emplace(extent.source, extent.offset).second;
      }
      if (first) chosen_.emplace(i, Chosen{std::move(extents), 0});
    }
    return {};
  }

  Status write_blobs() {
    for (auto& [index, chosen] : chosen_) {
      const CompactBlob& blob = blobs_[index];
      ONNXPACK_CHECK(writer_.add_file(blob.member, *blob.content));
      const extents::Range all{0, blob.content->size()};
      ONNXPACK_TRY(chosen.number,
                   writer_.add_source(blob.member, blob.content, std::span(&all, 1)));
    }
    return {};
  }

  Result<std::vector<Extent>> extents_of(std::size_t index) const {
    const ComponentFile& file = files_[index];
    std::vector<PlacedExtent> placed;
    for (const auto& [blob, chosen] : chosen_) {
      ONNXPACK_TRY(auto more,
                   inverted(chosen.extents, numbers_[index], *file.content, chosen.number));
      std::ranges::move(more, std::back_inserter(placed));
    }
    // A matrix before a copy that begins with it.
    std::ranges::stable_partition(placed, [](const PlacedExtent& one) {
      return one.extent.transformation == Transformation::ternary;
    });
    std::set<std::uint64_t> covered;
    for (const auto& one : placed) {
      if (one.extent.transformation == Transformation::ternary) covered.insert(one.at);
    }
    for (const auto& range : file.ranges) {
      if (covered.contains(range.offset)) continue;
      ONNXPACK_TRY(auto own, own_codes(*file.content, range));
      if (own) placed.push_back({range.offset, *own});
    }
    return assemble(std::move(placed), file.content->size());
  }

  // A ternary tensor that no blob has: its codes go into the map.
  static Result<std::optional<Extent>> own_codes(const io::ReadableFile& content,
                                                 const extents::Range& range) {
    ONNXPACK_TRY(bool may, extents::may_be_ternary(content, range));
    if (!may) return std::nullopt;
    Ternary along{
        .rows = range.rows, .columns = range.columns, .from = range.form, .to = TernaryForm::t5r};
    Ternary across = along;
    across.transposed = true;
    std::swap(across.rows, across.columns);
    auto sizes = extents::check_ternary(along);
    auto other = extents::check_ternary(across);
    if (!sizes || !other) return std::nullopt;
    ONNXPACK_TRY(auto back, extents::exact_inverse(content, range.offset,
                                                   other->member < sizes->member ? across : along));
    if (!back) return std::nullopt;
    return Extent{.size = range.size, .transformation = Transformation::ternary, .ternary = *back};
  }

  MemberWriter& writer_;
  const std::vector<ComponentFile>& files_;
  const std::vector<CompactBlob>& blobs_;
  std::vector<std::uint32_t> numbers_;  // of the files, as sources
  std::map<std::size_t, Chosen> chosen_;
};

}  // namespace

Result<std::set<std::size_t>> write_compact_components(MemberWriter& writer,
                                                       const std::vector<ComponentFile>& files,
                                                       const std::vector<CompactBlob>& blobs) {
  return Compactor(writer, files, blobs).run();
}

Result<bool> is_compact(const PackageFile& package) {
  for (const auto& component : package.manifest().components) {
    std::vector<std::string> members = {component.model};
    for (const auto& data : component.external_data) members.push_back(data.member);
    for (const auto& member : members) {
      const auto* held = package.held(member);
      if (held == nullptr || held->storage != manifest::Storage::extents) continue;
      ONNXPACK_TRY(auto mapping, package.mapping(member));
      if (std::ranges::any_of(mapping.extents, [](const Extent& extent) {
            return extents::is_real(extent.ternary.to);
          }))
        return true;
    }
  }
  return false;
}

}  // namespace onnxpack::package
