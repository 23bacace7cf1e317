// The canonical zip structures, as bytes. Shared by writer, which emits them, and reader, which
// compares.
//
//   archive          = member+ , central directory , end
//   member           = local header , name , [ZIP64 sizes] , alignment , content
//   central directory= (central header , name , [ZIP64])+ , one per member in file order
//   end              = [ZIP64 end record , ZIP64 locator] , end record
//
// All numbers little endian. Every bracketed part is there exactly when a number does not fit
// without it, so name, size, CRC-32 and position of a member determine all bytes of its two
// headers.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "onnxpack/archive/entry.h"
#include "onnxpack/base/bytes.h"

namespace onnxpack::archive {

inline constexpr std::uint32_t local_signature = 0x04034b50;
inline constexpr std::uint32_t central_signature = 0x02014b50;
inline constexpr std::uint32_t end_signature = 0x06054b50;
inline constexpr std::uint32_t zip64_end_signature = 0x06064b50;
inline constexpr std::uint32_t zip64_locator_signature = 0x07064b50;

inline constexpr std::size_t local_fixed_size = 30;
inline constexpr std::size_t central_fixed_size = 46;
inline constexpr std::size_t end_size = 22;
inline constexpr std::size_t zip64_end_size = 56;
inline constexpr std::size_t zip64_locator_size = 20;

inline constexpr std::uint16_t made_by =
    0x031e;  // Unix, so that the mode below is read; version 3.0 of the specification
inline constexpr std::uint16_t version_plain = 10;
inline constexpr std::uint16_t version_zip64 = 45;
inline constexpr std::uint16_t flag_encrypted = 0x0001;
inline constexpr std::uint16_t flag_data_descriptor = 0x0008;
inline constexpr std::uint16_t flag_utf8 = 0x0800;
inline constexpr std::uint16_t method_stored = 0;
inline constexpr std::uint16_t fixed_time = 0x0000;  // 00:00:00
inline constexpr std::uint16_t fixed_date =
    0x0021;  // 1980-01-01, the first day that the format knows
inline constexpr std::uint32_t fixed_attributes = 0100644U << 16;  // a regular file, rw-r--r--
inline constexpr std::uint16_t extra_zip64 = 0x0001;
inline constexpr std::uint16_t extra_alignment = 0xD935;
inline constexpr std::size_t alignment_fixed_size = 6;  // id, size, alignment; zeros follow

inline constexpr std::uint32_t max32 = 0xFFFFFFFF;
inline constexpr std::uint16_t max16 = 0xFFFF;

// A number equal to the marker needs ZIP64 as well: the marker itself means "look there".
constexpr bool needs_zip64(std::uint64_t value) {
  return value >= max32;
}
constexpr std::uint16_t version_needed(std::uint64_t size, std::uint64_t header_offset) {
  return needs_zip64(size) || needs_zip64(header_offset) ? version_zip64 : version_plain;
}
// The UTF-8 flag stands where it says something: an ASCII name is the same in every encoding, and
// older tools show it either way.
std::uint16_t flags_for(std::string_view name);

// Where the content of a member starts whose local header is at `header_offset`. Nothing when it
// does not fit in 64 bits.
std::optional<std::uint64_t> content_offset(std::uint64_t header_offset, std::size_t name_size,
                                            std::uint64_t size);

// Requires: entry.offset is content_offset() of the rest.
Bytes encode_local_header(const Entry& entry);
// Where the CRC stands in it, for the writer that learns it last.
inline constexpr std::size_t local_crc_position = 14;

// The ZIP64 extra field of a central header, empty when nothing needs it.
Bytes encode_central_extra(const Entry& entry);
void append_central_header(Bytes& out, const Entry& entry);

// What follows the central directory.
Bytes encode_end(std::uint64_t entry_count, std::uint64_t directory_offset,
                 std::uint64_t directory_size);
constexpr bool end_needs_zip64(std::uint64_t entry_count, std::uint64_t directory_offset,
                               std::uint64_t directory_size) {
  return entry_count >= max16 || needs_zip64(directory_offset) || needs_zip64(directory_size);
}

}  // namespace onnxpack::archive
