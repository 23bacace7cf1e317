// A reader and writer of just the zip that numpy makes. Not the archive area's: its strict profile
// refuses what numpy writes (deflated entries, forced ZIP64 fields), and tensor stands below it.
//
// Read from the end: end record (22 bytes, comment behind), central directory (46 bytes + name +
// extra + comment per entry), then each entry's local header (30 bytes + name + extra) only for
// where its data begins.
#include <fmt/format.h>
#include <libdeflate.h>

#include <memory>
#include <set>

#include "onnxpack/base/checked.h"
#include "onnxpack/base/text.h"
#include "onnxpack/tensor/npy.h"

namespace onnxpack::tensor {
namespace {

constexpr std::uint32_t local_magic = 0x04034b50;
constexpr std::uint32_t central_magic = 0x02014b50;
constexpr std::uint32_t end_magic = 0x06054b50;
constexpr std::size_t end_size = 22;
constexpr std::uint16_t stored = 0;
constexpr std::uint16_t deflated = 8;
constexpr std::uint16_t zip64_field = 0x0001;

struct Entry {
  std::string name;
  std::uint16_t flags = 0;
  std::uint16_t method = 0;
  std::uint32_t crc = 0;
  std::uint64_t packed = 0;
  std::uint64_t size = 0;
  std::uint64_t local = 0;
};

struct End {
  std::uint16_t count;
  std::uint32_t offset;
};

Result<End> find_end(ByteView file) {
  constexpr std::size_t most_comment = 0xffff;
  if (file.size() >= end_size) {
    const std::size_t first = file.size() - std::min(file.size(), end_size + most_comment);
    for (std::size_t at = file.size() - end_size + 1; at-- > first;) {
      ByteReader reader(file.subspan(at));
      ONNXPACK_TRY(const auto magic, reader.read_le<std::uint32_t>());
      if (magic != end_magic) continue;
      ONNXPACK_CHECK(reader.skip(6));
      ONNXPACK_TRY(const auto count, reader.read_le<std::uint16_t>());
      ONNXPACK_CHECK(reader.skip(4));
      ONNXPACK_TRY(const auto offset, reader.read_le<std::uint32_t>());
      if (count == 0xffff || offset == 0xffffffff) {
        return fail(ErrorKind::unsupported,
                    "npz: archives beyond 4 GiB or 65534 arrays are not supported");
      }
      return End{count, offset};
    }
  }
  return fail(ErrorKind::corrupt, "not an .npz file (no end record of a zip archive)");
}

// Sizes and offset that did not fit stand in a ZIP64 extra field, in this order, only those that
// are all ones.
Status apply_zip64(ByteView extra, Entry& entry) {
  ByteReader reader(extra);
  while (reader.remaining() >= 4) {
    ONNXPACK_TRY(const auto id, reader.read_le<std::uint16_t>());
    ONNXPACK_TRY(const auto length, reader.read_le<std::uint16_t>());
    ONNXPACK_TRY(const ByteView body, reader.take(length));
    if (id != zip64_field) continue;
    ByteReader wide(body);
    for (std::uint64_t* field : {&entry.size, &entry.packed, &entry.local}) {
      if (*field != 0xffffffff) continue;
      ONNXPACK_TRY(*field, wide.read_le<std::uint64_t>());
    }
  }
  return {};
}

Result<Entry> read_central(ByteReader& reader) {
  Entry entry;
  ONNXPACK_TRY(const auto magic, reader.read_le<std::uint32_t>());
  if (magic != central_magic)
    return fail(ErrorKind::corrupt, "no central directory entry where one is due");
  ONNXPACK_CHECK(reader.skip(4));
  ONNXPACK_TRY(entry.flags, reader.read_le<std::uint16_t>());
  ONNXPACK_TRY(entry.method, reader.read_le<std::uint16_t>());
  ONNXPACK_CHECK(reader.skip(4));
  ONNXPACK_TRY(entry.crc, reader.read_le<std::uint32_t>());
  ONNXPACK_TRY(entry.packed, reader.read_le<std::uint32_t>());
  ONNXPACK_TRY(entry.size, reader.read_le<std::uint32_t>());
  ONNXPACK_TRY(const auto name_size, reader.read_le<std::uint16_t>());
  ONNXPACK_TRY(const auto extra_size, reader.read_le<std::uint16_t>());
  ONNXPACK_TRY(const auto comment_size, reader.read_le<std::uint16_t>());
  ONNXPACK_CHECK(reader.skip(8));
  ONNXPACK_TRY(entry.local, reader.read_le<std::uint32_t>());
  ONNXPACK_TRY(const ByteView name, reader.take(name_size));
  ONNXPACK_TRY(const ByteView extra, reader.take(extra_size));
  ONNXPACK_CHECK(reader.skip(comment_size));
  entry.name = as_text(name);
  ONNXPACK_CHECK(apply_zip64(extra, entry));
  return entry;
}

Result<ByteView> packed_data(ByteView file, const Entry& entry) {
  if (entry.local > file.size()) return fail(ErrorKind::corrupt, "the entry lies outside the file");
  ByteReader reader(file.subspan(entry.local));
  ONNXPACK_TRY(const auto magic, reader.read_le<std::uint32_t>());
  if (magic != local_magic) return fail(ErrorKind::corrupt, "no local header where one is due");
  ONNXPACK_CHECK(reader.skip(22));
  ONNXPACK_TRY(const auto name_size, reader.read_le<std::uint16_t>());
  ONNXPACK_TRY(const auto extra_size, reader.read_le<std::uint16_t>());
  ONNXPACK_CHECK(reader.skip(std::size_t{name_size} + extra_size));
  return reader.take(entry.packed);
}

Result<Bytes> inflate(ByteView packed, std::uint64_t size) {
  std::unique_ptr<libdeflate_decompressor, decltype(&libdeflate_free_decompressor)> engine(
      libdeflate_alloc_decompressor(), &libdeflate_free_decompressor);
  if (!engine) return fail(ErrorKind::internal, "cannot allocate a decompressor");
  Bytes out(size);
  std::size_t used = 0;
  std::size_t made = 0;
  const auto result = libdeflate_deflate_decompress_ex(engine.get(), packed.data(), packed.size(),
                                                       out.data(), out.size(), &used, &made);
  if (result != LIBDEFLATE_SUCCESS || used != packed.size() || made != out.size()) {
    return fail(ErrorKind::corrupt, "deflated data is damaged");
  }
  return out;
}

Result<Tensor> read_entry(ByteView file, const Entry& entry) {
  constexpr std::uint16_t encrypted = 1;
  if ((entry.flags & encrypted) != 0) return fail(ErrorKind::unsupported, "the entry is encrypted");
  ONNXPACK_TRY(const ByteView packed, packed_data(file, entry));
  Bytes inflated;
  ByteView content = packed;
  if (entry.method == deflated) {
    // Deflate gains at most a factor of about 1032: a larger claim is a forgery and must not be
    // allocated.
    if (entry.size / 1100 > packed.size())
      return fail(ErrorKind::corrupt, "the claimed size cannot come from so little data");
    ONNXPACK_TRY(inflated, inflate(packed, entry.size));
    content = inflated;
  } else if (entry.method != stored) {
    return fail(
        ErrorKind::unsupported,
        fmt::format("compression method {} (stored and deflate are supported)", entry.method));
  }
  if (content.size() != entry.size ||
      libdeflate_crc32(0, content.data(), content.size()) != entry.crc) {
    return fail(ErrorKind::corrupt, "size or CRC-32 does not match the data");
  }
  return read_npy(content);
}

Status check_name(std::string_view name, std::set<std::string, std::less<>>& seen) {
  if (name.empty() || name.size() > 4096 || !is_valid_utf8(name)) {
    return fail(ErrorKind::invalid_argument,
                fmt::format("npz: '{}' cannot name an array", printable(name)));
  }
  if (!seen.emplace(name).second) {
    return fail(ErrorKind::invalid_argument,
                fmt::format("npz: two arrays are named '{}'", printable(name)));
  }
  return {};
}

// What local header and central entry have in common, from "version needed" to the name's length.
void append_common(Bytes& out, std::uint32_t crc, std::uint32_t size, std::uint16_t name_size) {
  append_le<std::uint16_t>(out, 20);
  append_le<std::uint16_t>(out, 0x0800);  // names are UTF-8
  append_le<std::uint16_t>(out, stored);
  append_le<std::uint16_t>(out, 0);
  append_le<std::uint16_t>(out, 0x0021);  // 1 January 1980, as numpy writes
  append_le(out, crc);
  append_le(out, size);
  append_le(out, size);
  append_le(out, name_size);
  append_le<std::uint16_t>(out, 0);  // extra
}

}  // namespace

Result<std::vector<NamedTensor>> read_npz(ByteView file, std::uint64_t limit) {
  ONNXPACK_TRY(const End end, find_end(file));
  if (end.offset > file.size())
    return fail(ErrorKind::corrupt, "npz: the central directory lies outside the file");
  ByteReader reader(file.subspan(end.offset));
  std::vector<NamedTensor> out;
  std::uint64_t total = 0;
  for (unsigned i = 0; i < end.count; ++i) {
    ONNXPACK_TRY(Entry entry, in(read_central(reader), "npz"));
    const std::string where = fmt::format("npz: {}", printable(entry.name));
    auto sum = checked_add(total, entry.size);
    if (!sum || *sum > limit) {
      return fail(ErrorKind::unsupported,
                  fmt::format("{}: the arrays take over {}", where, human_size(limit)));
    }
    total = *sum;
    ONNXPACK_TRY(Tensor tensor, in(read_entry(file, entry), where));
    std::string_view name = entry.name;
    if (name.ends_with(".npy")) name.remove_suffix(4);
    out.push_back({std::string(name), std::move(tensor)});
  }
  return out;
}

Result<Bytes> write_npz(std::span<const NamedTensor> tensors) {
  Bytes out;
  Bytes directory;
  std::set<std::string, std::less<>> seen;
  for (const NamedTensor& tensor : tensors) {
    ONNXPACK_CHECK(check_name(tensor.name, seen));
    ONNXPACK_TRY(const Bytes content, in(write_npy(tensor.value), tensor.name));
    const std::string name = tensor.name + ".npy";
    const auto size = checked_cast<std::uint32_t>(content.size());
    const auto local = checked_cast<std::uint32_t>(out.size());
    if (!size || !local || *size == 0xffffffff || *local == 0xffffffff) {
      return fail(ErrorKind::unsupported, "npz: more than 4 GiB",
                  "save the arrays as separate .npy files");
    }
    const std::uint32_t crc = libdeflate_crc32(0, content.data(), content.size());
    const auto name_size = static_cast<std::uint16_t>(name.size());
    append_le(out, local_magic);
    append_common(out, crc, *size, name_size);
    append(out, name);
    append(out, content);

    append_le(directory, central_magic);
    append_le<std::uint16_t>(directory, 20);  // made by: DOS attributes, version 2.0
    append_common(directory, crc, *size, name_size);
    append_le<std::uint16_t>(directory, 0);  // comment
    append_le<std::uint32_t>(directory, 0);  // disk, internal attributes
    append_le<std::uint32_t>(directory, 0);  // external attributes
    append_le(directory, *local);
    append(directory, name);
  }
  const auto offset = checked_cast<std::uint32_t>(out.size());
  if (!offset || tensors.size() >= 0xffff)
    return fail(ErrorKind::unsupported, "npz: too many or too large arrays");
  append(out, directory);
  append_le(out, end_magic);
  append_le<std::uint32_t>(out, 0);
  append_le(out, static_cast<std::uint16_t>(tensors.size()));
  append_le(out, static_cast<std::uint16_t>(tensors.size()));
  append_le(out, static_cast<std::uint32_t>(directory.size()));
  append_le(out, *offset);
  append_le<std::uint16_t>(out, 0);
  return out;
}

}  // namespace onnxpack::tensor
