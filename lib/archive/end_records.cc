// end = [ZIP64 end record , ZIP64 locator] , end record; nothing after it, and no comment in it.
#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "central_directory.h"
#include "layout.h"
#include "onnxpack/archive/limits.h"
#include "onnxpack/base/checked.h"
#include "onnxpack/base/text.h"
#include "reject.h"

namespace onnxpack::archive {
namespace {

// Little endian at `position` of `bytes`, which has been checked to reach that far.
template <typename T>
T at(ByteView bytes, std::size_t position) {
  return *ByteReader(bytes.subspan(position)).read_le<T>();
}

// The last end-record signature that starts before `limit` of `tail`.
std::optional<std::size_t> find_end_signature(ByteView tail, std::size_t limit) {
  static constexpr std::string_view signature = "PK\x05\x06";
  std::string_view text = as_text(tail);
  std::size_t found = limit == 0 ? text.npos : text.rfind(signature, limit - 1);
  if (found == text.npos) return std::nullopt;
  return found;
}

// A file that does not end in an end record: says which of the usual accidents it was.
std::unexpected<Error> no_end_record(ByteView tail, std::uint64_t file_size) {
  if (auto found = find_end_signature(tail, tail.size());
      found && *found + end_size <= tail.size()) {
    std::uint64_t after = tail.size() - *found - end_size;
    auto comment = at<std::uint16_t>(tail, *found + 20);
    if (comment == after)
      return foreign(fmt::format("the archive has a comment of {} bytes; expected none", comment));
    if (comment == 0) {
      return corrupt(fmt::format("{} bytes follow the end of the archive at byte {}; expected none",
                                 after, file_size - after));
    }
    return corrupt(fmt::format(
        "the archive's end record says that {} bytes of comment follow it, but {} bytes do",
        comment, after));
  }
  return corrupt(
      fmt::format("no end of an archive in the last {} bytes: the file is cut short", tail.size()));
}

Status check_single_end(ByteView tail) {
  auto second = find_second_end(tail);
  if (!second) return {};
  return corrupt(fmt::format(
      "a second end record, {} bytes before the end of the file, with the rest of the file as its "
      "comment",
      *second));
}

struct EndRecord {
  std::uint64_t entry_count = 0;
  std::uint64_t size = 0;
  std::uint64_t offset = 0;
  std::uint64_t start = 0;  // of the first end record, where the directory has to end
};

Result<EndRecord> read_end_record(ByteView tail, std::uint64_t file_size) {
  ByteView record = tail.last(end_size);
  if (auto comment = at<std::uint16_t>(record, 20); comment != 0) {
    return corrupt(fmt::format(
        "the archive's end record says that {} bytes of comment follow it, but 0 bytes do",
        comment));
  }
  auto disk = at<std::uint16_t>(record, 4);
  auto directory_disk = at<std::uint16_t>(record, 6);
  if (disk != 0 || directory_disk != 0) {
    return foreign(fmt::format("the archive is split over disks ({} and {}); expected one file",
                               disk, directory_disk));
  }
  auto here = at<std::uint16_t>(record, 8);
  auto count = at<std::uint16_t>(record, 10);
  if (here != count) {
    return corrupt(fmt::format(
        "the end record counts {} members on this disk and {} in all; expected the same", here,
        count));
  }
  return EndRecord{.entry_count = count,
                   .size = at<std::uint32_t>(record, 12),
                   .offset = at<std::uint32_t>(record, 16),
                   .start = file_size - end_size};
}

Status check_locator(ByteView locator, std::uint64_t record_offset) {
  auto disk = at<std::uint32_t>(locator, 4);
  auto offset = at<std::uint64_t>(locator, 8);
  auto disks = at<std::uint32_t>(locator, 16);
  if (disk != 0 || disks != 1) {
    return foreign(
        fmt::format("the ZIP64 locator names disk {} of {}; expected 0 of 1", disk, disks));
  }
  if (offset != record_offset) {
    return corrupt(fmt::format("the ZIP64 locator points at byte {}; expected {}, right before it",
                               offset, record_offset));
  }
  return {};
}

Result<EndRecord> read_zip64_record(ByteView record, std::uint64_t record_offset) {
  if (auto found = at<std::uint32_t>(record, 0); found != zip64_end_signature) {
    return corrupt(fmt::format("the ZIP64 end record has the signature 0x{:08x}; expected 0x{:08x}",
                               found, zip64_end_signature));
  }
  if (auto size = at<std::uint64_t>(record, 4); size != zip64_end_size - 12) {
    return foreign(
        fmt::format("the ZIP64 end record has {} bytes; expected {}, without extensible data", size,
                    zip64_end_size - 12));
  }
  auto made = at<std::uint16_t>(record, 12);
  auto version = at<std::uint16_t>(record, 14);
  if (made != made_by || version != version_zip64) {
    return foreign(fmt::format(
        "the ZIP64 end record has the versions 0x{:x} and 0x{:x}; expected 0x{:x} and 0x{:x}", made,
        version, made_by, version_zip64));
  }
  auto disk = at<std::uint32_t>(record, 16);
  auto directory_disk = at<std::uint32_t>(record, 20);
  if (disk != 0 || directory_disk != 0) {
    return foreign(fmt::format("the ZIP64 end record names the disks {} and {}; expected 0", disk,
                               directory_disk));
  }
  auto here = at<std::uint64_t>(record, 24);
  auto count = at<std::uint64_t>(record, 32);
  if (here != count) {
    return corrupt(fmt::format(
        "the ZIP64 end record counts {} members on this disk and {} in all; expected the same",
        here, count));
  }
  return EndRecord{.entry_count = count,
                   .size = at<std::uint64_t>(record, 40),
                   .offset = at<std::uint64_t>(record, 48),
                   .start = record_offset};
}

// The 32-bit record next to a 64-bit one repeats what fits, and holds the marker otherwise.
Status check_narrow(std::string_view what, std::uint64_t narrow, std::uint64_t wide,
                    std::uint64_t marker) {
  if (narrow == std::min(wide, marker)) return {};
  return corrupt(
      fmt::format("the end record gives {} as {}, its ZIP64 record as {}", what, narrow, wide));
}

// Replaces `end` by the ZIP64 record's numbers where there is one.
Status apply_zip64(ByteView tail, EndRecord& end) {
  static constexpr std::size_t both = zip64_end_size + zip64_locator_size;
  bool marked = end.entry_count == max16 || end.size == max32 || end.offset == max32;
  ByteView before = tail.first(tail.size() - end_size);
  bool located =
      before.size() >= both &&
      at<std::uint32_t>(before, before.size() - zip64_locator_size) == zip64_locator_signature;
  if (!marked && !located) return {};
  if (!located)
    return corrupt(
        "a number of the end record is at its maximum, but there is no ZIP64 locator before it");
  std::uint64_t record_offset = end.start - both;
  ONNXPACK_CHECK(check_locator(before.last(zip64_locator_size), record_offset));
  ONNXPACK_TRY(EndRecord wide,
               read_zip64_record(before.last(both).first(zip64_end_size), record_offset));
  ONNXPACK_CHECK(check_narrow("the number of members", end.entry_count, wide.entry_count, max16));
  ONNXPACK_CHECK(check_narrow("the size of the central directory", end.size, wide.size, max32));
  ONNXPACK_CHECK(
      check_narrow("the offset of the central directory", end.offset, wide.offset, max32));
  if (!end_needs_zip64(wide.entry_count, wide.offset, wide.size)) {
    return foreign("the ZIP64 end record is superfluous: all its numbers fit in the end record");
  }
  end = wide;
  return {};
}

Status check_place(const EndRecord& end) {
  if (end.entry_count == 0) return corrupt("the archive has no members");
  if (end.entry_count > max_entries) {
    return fail(ErrorKind::unsupported, fmt::format("the archive has {} members; the limit is {}",
                                                    end.entry_count, max_entries));
  }
  if (end.size > max_central_directory) {
    return fail(ErrorKind::unsupported,
                fmt::format("the central directory has {} bytes; the limit is {}", end.size,
                            max_central_directory));
  }
  auto directory_end = checked_add(end.offset, end.size);
  if (directory_end != end.start) {
    return corrupt(
        fmt::format("the central directory ({} bytes at byte {}) does not end where the end record "
                    "starts, at byte {}",
                    end.size, end.offset, end.start));
  }
  return {};
}

}  // namespace

// Other readers search for the end record backwards over all lengths that a comment may have, and
// some take the first that fits. One hidden in a member could show them another archive.
std::optional<std::uint64_t> find_second_end(ByteView tail) {
  std::optional<std::size_t> found = tail.size() - end_size;
  while ((found = find_end_signature(tail, *found))) {
    std::size_t after = tail.size() - *found - end_size;
    if (after > max16) break;
    if (at<std::uint16_t>(tail, *found + 20) == after) return after + end_size;
  }
  return std::nullopt;
}

Result<DirectoryPlace> locate_directory(ByteView tail, std::uint64_t file_size) {
  if (tail.size() < end_size) {
    return corrupt(
        fmt::format("{} bytes are too few for a package; the smallest archive has more than {}",
                    file_size, end_size));
  }
  if (at<std::uint32_t>(tail, tail.size() - end_size) != end_signature)
    return no_end_record(tail, file_size);
  ONNXPACK_TRY(EndRecord end, read_end_record(tail, file_size));
  ONNXPACK_CHECK(check_single_end(tail));
  ONNXPACK_CHECK(apply_zip64(tail, end));
  ONNXPACK_CHECK(check_place(end));
  return DirectoryPlace{.offset = end.offset, .size = end.size, .entry_count = end.entry_count};
}

}  // namespace onnxpack::archive
