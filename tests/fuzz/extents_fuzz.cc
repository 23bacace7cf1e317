// links: extents io
//
// Extent maps from outside, and the finder on whatever it is given: an accepted map reads within
// its sources and gives as many bytes as it says; what the finder finds puts the blob together
// again.
#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdlib>
#include <memory>

#include "onnxpack/extents/content.h"
#include "onnxpack/extents/finder.h"
#include "onnxpack/io/segment_file.h"

namespace {

using namespace onnxpack;
using extents::Extent;
using extents::Transformation;

void require(bool holds) {
  if (!holds) std::abort();
}

std::shared_ptr<const io::ReadableFile> file_of(ByteView bytes) {
  return io::segment_file({bytes}, "fuzz");
}

// The member that a map describes.
Bytes content(const std::vector<Extent>& list, const io::ReadableFile& source,
              const io::ReadableFile& residual) {
  Bytes out;
  for (const Extent& extent : list) {
    const io::ReadableFile& from = extent.source == extents::residual_source ? residual : source;
    if (extent.transformation == Transformation::ternary) {
      // Sources are zeros or literals, so their codes are valid or not.
      const bool inside = extent.ternary.scale_source == extents::residual_source;
      auto made =
          extents::ternary_file(from, extent.offset, inside ? &residual : &source, extent.ternary);
      require(made->size() == extent.size);
      auto bytes = made->read(0, extent.size);
      append(out, bytes ? *bytes : Bytes(extent.size));
    } else if (extent.transformation == Transformation::transpose) {
      auto turned = extents::transposed(from, extent.offset,
                                        extents::matrix_of(extent.size, extent.parameters));
      require(turned->size() == extent.size);
      append(out, *turned->read(0, extent.size));
    } else {
      auto bytes = from.read(extent.offset, extent.size);
      require(bytes.has_value());
      append(out, *bytes);
    }
  }
  return out;
}

// head: size of the member and of the source, two bytes each; then the map's member.
void try_map(ByteView data) {
  ByteReader reader(data);
  auto size = reader.read_le<std::uint16_t>();
  auto source_size = reader.read_le<std::uint16_t>();
  if (!size || !source_size) return;
  auto member = file_of(data.subspan(4));
  const std::array<std::uint64_t, 1> sources = {*source_size};
  auto list = extents::parse(*member, *size, sources);
  if (!list) return;
  Bytes source(*source_size);
  std::uint64_t begin = extents::map_size(list->size());
  auto residual = file_of(data.subspan(4 + begin));
  require(content(*list, *file_of(source), *residual).size() == *size);
  Bytes again = extents::encode(*list);
  require(std::ranges::equal(again, data.subspan(4, again.size())));
}

// head: where the source ends, and the columns of a matrix at its begin; then source and blob.
void try_finder(ByteView data) {
  ByteReader reader(data);
  auto cut = reader.read_le<std::uint16_t>();
  auto columns = reader.read_le<std::uint16_t>();
  if (!cut || !columns) return;
  ByteView rest = data.subspan(4);
  ByteView source = rest.first(std::min<std::size_t>(*cut, rest.size()));
  ByteView blob = rest.subspan(source.size());
  extents::Range range{0, source.size()};
  if (*columns >= 2 && source.size() / 4 / *columns >= 2) {
    range.matrix = {4, source.size() / 4 / *columns, *columns};
    range.size = range.matrix.size();
    range.form = extents::TernaryForm::float32;
    range.rows = range.matrix.rows;
    range.columns = range.matrix.columns;
  }
  extents::Finder finder(source.size());
  require(finder.add_source(file_of(source), std::span(&range, 1)).has_value());
  auto list = finder.find(*file_of(blob));
  require(list.has_value());
  Bytes residual;
  std::uint64_t at = 0;
  for (const Extent& extent : *list) {
    if (extent.transformation == Transformation::ternary) {
      append(residual, extents::encode_descriptor(extent.ternary));
    } else if (extent.source == extents::residual_source) {
      append(residual, blob.subspan(at, extent.size));
    }
    at += extent.size;
  }
  require(std::ranges::equal(content(*list, *file_of(source), *file_of(residual)), blob));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  ByteView bytes(reinterpret_cast<const std::byte*>(data), size);
  try_map(bytes);
  try_finder(bytes);
  return 0;
}
