#include "layout.h"

#include <algorithm>
#include <cassert>
#include <type_traits>

#include "onnxpack/archive/limits.h"
#include "onnxpack/base/checked.h"

namespace onnxpack::archive {
namespace {

void append16(Bytes& out, std::uint64_t value) {
  append_le(out, static_cast<std::uint16_t>(value));
}
void append32(Bytes& out, std::uint64_t value) {
  append_le(out, static_cast<std::uint32_t>(value));
}
void append64(Bytes& out, std::uint64_t value) {
  append_le(out, value);
}

std::uint32_t clamp32(std::uint64_t value) {
  return static_cast<std::uint32_t>(std::min<std::uint64_t>(value, max32));
}
std::uint16_t clamp16(std::uint64_t value) {
  return static_cast<std::uint16_t>(std::min<std::uint64_t>(value, max16));
}

std::size_t local_zip64_size(std::uint64_t size) {
  return needs_zip64(size) ? 4 + 16 : 0;
}

// From "version needed" to "uncompressed size", which both headers have.
void append_common(Bytes& out, const Entry& entry) {
  append16(out, version_needed(entry.size, entry.header_offset));
  append16(out, flags_for(entry.name));
  append16(out, method_stored);
  append16(out, fixed_time);
  append16(out, fixed_date);
  append32(out, entry.crc32);
  append32(out, clamp32(entry.size));
  append32(out, clamp32(entry.size));
  append16(out, entry.name.size());
}

}  // namespace

std::uint16_t flags_for(std::string_view name) {
  bool ascii =
      std::ranges::all_of(name, [](char c) { return static_cast<unsigned char>(c) < 0x80; });
  return ascii ? 0 : flag_utf8;
}

std::optional<std::uint64_t> content_offset(std::uint64_t header_offset, std::size_t name_size,
                                            std::uint64_t size) {
  auto unpadded = checked_add<std::uint64_t>(
      header_offset, local_fixed_size + name_size + local_zip64_size(size) + alignment_fixed_size);
  if (!unpadded) return std::nullopt;
  return checked_align_up(*unpadded, alignment_for(size));
}

Bytes encode_local_header(const Entry& entry) {
  assert(content_offset(entry.header_offset, entry.name.size(), entry.size) == entry.offset);
  std::size_t total = static_cast<std::size_t>(entry.offset - entry.header_offset);
  std::size_t before_padding =
      local_fixed_size + entry.name.size() + local_zip64_size(entry.size) + alignment_fixed_size;
  Bytes out;
  out.reserve(total);
  append32(out, local_signature);
  append_common(out, entry);
  append16(out, total - local_fixed_size - entry.name.size());
  append(out, entry.name);
  if (needs_zip64(entry.size)) {
    append16(out, extra_zip64);
    append16(out, 16);
    append64(out, entry.size);
    append64(out, entry.size);
  }
  append16(out, extra_alignment);
  append16(out, total - before_padding + 2);
  append16(out, alignment_for(entry.size));
  out.resize(total);
  return out;
}

Bytes encode_central_extra(const Entry& entry) {
  Bytes values;
  if (needs_zip64(entry.size)) {
    append64(values, entry.size);
    append64(values, entry.size);
  }
  if (needs_zip64(entry.header_offset)) append64(values, entry.header_offset);
  Bytes out;
  if (values.empty()) return out;
  append16(out, extra_zip64);
  append16(out, values.size());
  append(out, ByteView(values));
  return out;
}

void append_central_header(Bytes& out, const Entry& entry) {
  Bytes extra = encode_central_extra(entry);
  append32(out, central_signature);
  append16(out, made_by);
  append_common(out, entry);
  append16(out, extra.size());
  append16(out, 0);  // comment
  append16(out, 0);  // disk
  append16(out, 0);  // internal attributes
  append32(out, fixed_attributes);
  append32(out, clamp32(entry.header_offset));
  append(out, entry.name);
  append(out, ByteView(extra));
}

Bytes encode_end(std::uint64_t entry_count, std::uint64_t directory_offset,
                 std::uint64_t directory_size) {
  Bytes out;
  if (end_needs_zip64(entry_count, directory_offset, directory_size)) {
    append32(out, zip64_end_signature);
    append64(out, zip64_end_size - 12);  // of what follows this field
    append16(out, made_by);
    append16(out, version_zip64);
    append32(out, 0);  // this disk
    append32(out, 0);  // the directory's disk
    append64(out, entry_count);
    append64(out, entry_count);
    append64(out, directory_size);
    append64(out, directory_offset);
    append32(out, zip64_locator_signature);
    append32(out, 0);  // disk of the ZIP64 end record
    append64(out, directory_offset + directory_size);
    append32(out, 1);  // disks in all
  }
  append32(out, end_signature);
  append16(out, 0);  // this disk
  append16(out, 0);  // the directory's disk
  append16(out, clamp16(entry_count));
  append16(out, clamp16(entry_count));
  append32(out, clamp32(directory_size));
  append32(out, clamp32(directory_offset));
  append16(out, 0);  // comment
  return out;
}

}  // namespace onnxpack::archive
