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
    case Transformation::ternary:
      return {};  // with its descriptor
  }
  return fail(
      ErrorKind::unsupported,
      fmt::format("unknown transformation {}", static_cast<std::uint32_t>(extent.transformation)),
      "a newer onnx-pack made this package: update");
}

Status check_range(std::uint32_t source, std::uint64_t offset, std::uint64_t size,
                   std::span<const std::uint64_t> sources) {
  if (source > sources.size())
    return corrupt(fmt::format("source {} of {}", source, sources.size()));
  if (source == residual_source || range_within(offset, size, sources[source - 1])) return {};
  return corrupt(fmt::format("bytes {} to {}+{} of source {}, which has {}", offset, offset, size,
                             source, sources[source - 1]));
}

// What is true of one extent alone.
Status check_extent(const Extent& extent, std::span<const std::uint64_t> sources) {
  if (extent.size == 0) return corrupt("it is empty");
  ONNXPACK_CHECK(check_transformation(extent));
  if (extent.transformation != Transformation::ternary)
    return check_range(extent.source, extent.offset, extent.size, sources);
  ONNXPACK_TRY(TernarySizes sizes, check_ternary(extent.ternary));
  if (extent.size != sizes.member)
    return corrupt(fmt::format("a ternary matrix of {} bytes in {}", sizes.member, extent.size));
  ONNXPACK_CHECK(check_range(extent.source, extent.offset, sizes.source, sources));
  return check_range(extent.ternary.scale_source, extent.ternary.scale_offset, sizes.scales,
                     sources);
}

// Where an extent of the residual, or a part of one, has to stand.
Status check_place(std::uint64_t expected, std::uint64_t found) {
  if (found == expected) return {};
  return corrupt(fmt::format("the residual goes on at {}, found {}", expected, found));
}

// Of the descriptor's parts that stand in the residual, which has come to `used`.
Status check_ternary_places(const Extent& extent, std::uint64_t used) {
  ONNXPACK_TRY(TernarySizes sizes, check_ternary(extent.ternary));
  used += descriptor_size;
  if (extent.source == residual_source) {
    ONNXPACK_CHECK(check_place(used, extent.offset));
    used += sizes.source;
  }
  if (sizes.scales == 0 || extent.ternary.scale_source != residual_source) return {};
  return check_place(used, extent.ternary.scale_offset);
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
    const std::uint64_t takes = residual_bytes(extent);
    if (takes == 0) continue;
    const bool ternary = extent.transformation == Transformation::ternary;
    ONNXPACK_CHECK(in(check_place(used, ternary ? extent.parameters : extent.offset),
                      fmt::format("extent {}", i)));
    if (!range_within(used, takes, residual)) {
      return corrupt(
          fmt::format("extent {}: {} bytes at {} of a residual of {}", i, takes, used, residual));
    }
    if (ternary)
      ONNXPACK_CHECK(in(check_ternary_places(extent, used), fmt::format("extent {}", i)));
    used += takes;
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

// Of ternary extents the descriptor, which stands in the residual, which begins at `begin`, at
// `used`.
Status read_descriptor(const io::ReadableFile& member, std::uint64_t begin, std::uint64_t used,
                       Extent& extent) {
  if (extent.transformation != Transformation::ternary) return {};
  ONNXPACK_CHECK(check_place(used, extent.parameters));
  const std::uint64_t residual = member.size() - begin;
  if (!range_within(extent.parameters, descriptor_size, residual))
    return corrupt(
        fmt::format("a ternary descriptor at {} of a residual of {}", extent.parameters, residual));
  ONNXPACK_TRY(Bytes bytes, member.read(begin + extent.parameters, descriptor_size));
  ONNXPACK_TRY(extent.ternary, parse_descriptor(bytes));
  return {};
}

}  // namespace

std::uint64_t residual_bytes(const Extent& extent) {
  if (extent.transformation != Transformation::ternary)
    return extent.source == residual_source ? extent.size : 0;
  auto sizes = check_ternary(extent.ternary);
  if (!sizes) return descriptor_size;
  return descriptor_size + (extent.source == residual_source ? sizes->source : 0) +
         (extent.ternary.scale_source == residual_source ? sizes->scales : 0);
}

void place_in_residual(std::vector<Extent>& extents) {
  std::uint64_t used = 0;
  for (Extent& extent : extents) {
    const std::uint64_t takes = residual_bytes(extent);
    if (extent.transformation == Transformation::ternary) {
      extent.parameters = used;
      if (extent.source == residual_source) extent.offset = used + descriptor_size;
      if (is_real(extent.ternary.to) && extent.ternary.scale_source == residual_source) {
        auto sizes = check_ternary(extent.ternary);
        extent.ternary.scale_offset = used + takes - (sizes ? sizes->scales : 0);
      }
    } else if (extent.source == residual_source) {
      extent.offset = used;
    }
    used += takes;
  }
}

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
  std::uint64_t used = 0;
  out.reserve(static_cast<std::size_t>(count));
  for (std::uint64_t i = 0; i < count; ++i) {
    ONNXPACK_TRY(Extent extent, read_extent(reader));
    ONNXPACK_CHECK(
        in(read_descriptor(member, map_size(count), used, extent), fmt::format("extent {}", i)));
    ONNXPACK_CHECK(in(check_extent(extent, sources), fmt::format("extent {}", i)));
    // Sizes that do not fit are refused below, whatever comes of this.
    used = checked_add(used, residual_bytes(extent)).value_or(~std::uint64_t{0});
    out.push_back(extent);
  }
  ONNXPACK_CHECK(check_sums(out, size, member.size() - map_size(count)));
  return out;
}

}  // namespace onnxpack::extents
