#include "extent_list.h"

#include <algorithm>

#include "onnxpack/extents/ternary.h"

namespace onnxpack::package {
namespace {

using extents::Extent;
using extents::Transformation;

// Neighbours that go on in the same source are joined.
void append(std::vector<Extent>& list, const Extent& extent) {
  if (extent.size == 0) return;
  const auto plain = [](const Extent& one) { return one.transformation == Transformation::copy; };
  const bool goes_on = !list.empty() && plain(list.back()) && plain(extent) &&
                       list.back().source == extent.source &&
                       (extent.source == extents::residual_source ||
                        list.back().offset + list.back().size == extent.offset);
  if (goes_on) {
    list.back().size += extent.size;
  } else {
    list.push_back(extent);
  }
}

}  // namespace

Result<std::vector<PlacedExtent>> inverted(std::span<const Extent> of_blob, std::uint32_t source,
                                           const io::ReadableFile& content, std::uint32_t blob) {
  std::vector<PlacedExtent> out;
  std::uint64_t at = 0;
  for (const Extent& extent : of_blob) {
    const std::uint64_t here = at;
    at += extent.size;
    if (extent.source != source) continue;
    if (extent.transformation == Transformation::copy)
      out.push_back({extent.offset, {.size = extent.size, .offset = here, .source = blob}});
    if (extent.transformation != Transformation::ternary) continue;
    ONNXPACK_TRY(auto back, extents::exact_inverse(content, extent.offset, extent.ternary));
    if (!back) continue;
    ONNXPACK_TRY(auto sizes, extents::check_ternary(*back));
    out.push_back({extent.offset,
                   {.size = sizes.member,
                    .offset = here,
                    .source = blob,
                    .transformation = Transformation::ternary,
                    .ternary = *back}});
  }
  return out;
}

std::vector<Extent> assemble(std::vector<PlacedExtent> placed, std::uint64_t size) {
  std::ranges::stable_sort(placed, {}, &PlacedExtent::at);
  std::vector<Extent> out;
  std::uint64_t done = 0;
  for (const PlacedExtent& one : placed) {
    Extent extent = one.extent;
    // A tensor that stands in the blob twice is needed once.
    const std::uint64_t skip = done > one.at ? done - one.at : 0;
    const bool whole = extent.transformation != Transformation::copy;
    if (skip >= extent.size || (whole && skip > 0)) continue;
    append(out, {.size = one.at + skip - done});
    extent.size -= skip;
    extent.offset += skip;
    append(out, extent);
    done = one.at + skip + extent.size;
  }
  append(out, {.size = size - done});
  extents::place_in_residual(out);
  return out;
}

}  // namespace onnxpack::package
