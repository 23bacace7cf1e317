#include "onnxpack/extents/extent_map.h"

#include <bit>
#include <string_view>

#include <fmt/format.h>

#include "onnxpack/base/checked.h"
#include "onnxpack/base/text.h"

namespace onnxpack::extents {
namespace {

constexpr std::string_view magic = "extents1";

std::unexpected<Error> corrupt(std::string text) {
  return fail(ErrorKind::corrupt, std::move(text),
              "the package is damaged or forged; fetch it again");
}

Result<std::uint64_t> read_count(const io::ReadableFile& member) {
  if (member.size() < header_size) {
    return corrupt(
        fmt::format("an extent map needs {} bytes, found {}", header_size, member.size()));
  }
  ONNXPACK_TRY(Bytes header, member.read(0, header_size));
  ByteReader reader(header);
  ONNXPACK_TRY(ByteView found, reader.take(magic.size()));
  if (as_text(found) != magic) {
    return corrupt(fmt::format("an extent map begins with \"{}\", found \"{}\"", magic,
                               printable(as_text(found))));
  }
  ONNXPACK_TRY(auto count, reader.read_le<std::uint64_t>());
  if (count > max_extents) {
    return corrupt(fmt::format("{} extents are too many; the limit is {}", count, max_extents));
  }
  if (map_size(count) > member.size()) {
    return corrupt(
        fmt::format("{} extents need {} bytes, found {}", count, map_size(count), member.size()));
  }
  return count;
}

Result<Extent> read_extent(ByteReader& reader) {
  Extent out;
  ONNXPACK_TRY(out.size, reader.read_le<std::uint64_t>());
  ONNXPACK_TRY(out.offset, reader.read_le<std::uint64_t>());
  ONNXPACK_TRY(out.parameters, reader.read_le<std::uint64_t>());
  ONNXPACK_TRY(out.source, reader.read_le<std::uint32_t>());
  ONNXPACK_TRY(auto transformation, reader.read_le<std::uint32_t>());
  out.transformation = static_cast<Transformation>(transformation);
  return out;
}

Status check_transpose(const Extent& extent) {
  std::uint64_t element = extent.parameters & 0xFF;
  std::uint64_t columns = extent.parameters >> 8;
  if (extent.source == residual_source) return corrupt("only a member can be transposed");
  if (element == 0 || element > 8 || !std::has_single_bit(element))
    return corrupt(fmt::format("elements of {} bytes", element));
  auto row = checked_mul(element, columns);
  bool right = row && columns >= 2 && extent.size % *row == 0 && extent.size / *row >= 2;
  if (right) return {};
  return corrupt(fmt::format("{} bytes are no matrix of {} columns of {} bytes", extent.size,
                             columns, element));
}

Status check_transformation(const Extent& extent) {
  switch (extent.transformation) {
    case Transformation::copy:
      if (extent.parameters == 0) return {};
      return corrupt(fmt::format("a copy has no parameters, found {}", extent.parameters));
    case Transformation::transpose:
      return check_transpose(extent);
  }
  return fail(
      ErrorKind::unsupported,
      fmt::format("unknown transformation {}", static_cast<std::uint32_t>(extent.transformation)),
      "a newer onnx-pack made this package: update");
}

// What is true of one extent alone.
Status check_extent(const Extent& extent, std::span<const std::uint64_t> sources) {
  if (extent.size == 0) return corrupt("it is empty");
  ONNXPACK_CHECK(check_transformation(extent));
  if (extent.source > sources.size()) {
    return corrupt(fmt::format("source {} of {}", extent.source, sources.size()));
  }
  if (extent.source != residual_source &&
      !range_within(extent.offset, extent.size, sources[extent.source - 1])) {
    return corrupt(fmt::format("bytes {} to {}+{} of source {}, which has {}", extent.offset,
                               extent.offset, extent.size, extent.source,
                               sources[extent.source - 1]));
  }
  return {};
}

// What is true of them together: sizes add up, and the residual is used in order without gap or
// overlap.
Status check_sums(std::span<const Extent> extents, std::uint64_t size, std::uint64_t residual) {
  std::uint64_t total = 0;
  std::uint64_t used = 0;
  for (std::size_t i = 0; i < extents.size(); ++i) {
    const Extent& extent = extents[i];
    auto sum = checked_add(total, extent.size);
    if (!sum || *sum > size) {
      return corrupt(
          fmt::format("extent {}: it ends beyond the member, which has {} bytes", i, size));
    }
    total = *sum;
    if (extent.source != residual_source) continue;
    if (extent.offset != used) {
      return corrupt(
          fmt::format("extent {}: the residual goes on at {}, found {}", i, used, extent.offset));
    }
    if (!range_within(used, extent.size, residual)) {
      return corrupt(fmt::format("extent {}: {} bytes at {} of a residual of {}", i, extent.size,
                                 used, residual));
    }
    used += extent.size;
  }
  if (total != size) {
    return corrupt(fmt::format("extents give {} bytes, the member has {}", total, size));
  }
  if (used != residual) {
    return corrupt(
        fmt::format("extents use {} bytes of the residual, which has {}", used, residual));
  }
  return {};
}

}  // namespace

Bytes encode(std::span<const Extent> extents) {
  Bytes out;
  out.reserve(static_cast<std::size_t>(map_size(extents.size())));
  append(out, magic);
  append_le(out, static_cast<std::uint64_t>(extents.size()));
  for (const Extent& extent : extents) {
    append_le(out, extent.size);
    append_le(out, extent.offset);
    append_le(out, extent.parameters);
    append_le(out, extent.source);
    append_le(out, static_cast<std::uint32_t>(extent.transformation));
  }
  return out;
}

Result<std::vector<Extent>> parse(const io::ReadableFile& member, std::uint64_t size,
                                  std::span<const std::uint64_t> sources) {
  ONNXPACK_TRY(std::uint64_t count, read_count(member));
  ONNXPACK_TRY(Bytes records, member.read(header_size, count * record_size));
  ByteReader reader(records);
  std::vector<Extent> out;
  out.reserve(static_cast<std::size_t>(count));
  for (std::uint64_t i = 0; i < count; ++i) {
    ONNXPACK_TRY(Extent extent, read_extent(reader));
    ONNXPACK_CHECK(in(check_extent(extent, sources), fmt::format("extent {}", i)));
    out.push_back(extent);
  }
  ONNXPACK_CHECK(check_sums(out, size, member.size() - map_size(count)));
  return out;
}

}  // namespace onnxpack::extents
