// Layout and field order: layout.h. The order of checks decides which text a foreign zip gets:
// first what a person can do something about (compressed, encrypted, comment), then the fixed
// fields of the canonical form.
#include "central_directory.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>

#include "layout.h"
#include "name_set.h"
#include "onnxpack/archive/limits.h"
#include "onnxpack/base/checked.h"
#include "onnxpack/base/text.h"
#include "reject.h"

namespace onnxpack::archive {
namespace {

struct RawHeader {
  std::uint16_t made_by = 0, version = 0, flags = 0, method = 0, time = 0, date = 0;
  std::uint32_t crc32 = 0, compressed = 0, uncompressed = 0;
  std::uint16_t name_size = 0, extra_size = 0, comment_size = 0, disk = 0, internal_attributes = 0;
  std::uint32_t attributes = 0, header_offset = 0;
  std::string_view name;
  ByteView extra;
};

// version ... name size, which local and central headers share.
Status read_common(ByteReader& in, RawHeader& out) {
  ONNXPACK_TRY(out.version, in.read_le<std::uint16_t>());
  ONNXPACK_TRY(out.flags, in.read_le<std::uint16_t>());
  ONNXPACK_TRY(out.method, in.read_le<std::uint16_t>());
  ONNXPACK_TRY(out.time, in.read_le<std::uint16_t>());
  ONNXPACK_TRY(out.date, in.read_le<std::uint16_t>());
  ONNXPACK_TRY(out.crc32, in.read_le<std::uint32_t>());
  ONNXPACK_TRY(out.compressed, in.read_le<std::uint32_t>());
  ONNXPACK_TRY(out.uncompressed, in.read_le<std::uint32_t>());
  ONNXPACK_TRY(out.name_size, in.read_le<std::uint16_t>());
  ONNXPACK_TRY(out.extra_size, in.read_le<std::uint16_t>());
  return {};
}

Result<RawHeader> read_central(ByteReader& in) {
  RawHeader out;
  ONNXPACK_TRY(auto signature, in.read_le<std::uint32_t>());
  if (signature != central_signature) {
    return corrupt(
        fmt::format("the signature is 0x{:08x}; expected 0x{:08x}", signature, central_signature));
  }
  ONNXPACK_TRY(out.made_by, in.read_le<std::uint16_t>());
  ONNXPACK_CHECK(read_common(in, out));
  ONNXPACK_TRY(out.comment_size, in.read_le<std::uint16_t>());
  ONNXPACK_TRY(out.disk, in.read_le<std::uint16_t>());
  ONNXPACK_TRY(out.internal_attributes, in.read_le<std::uint16_t>());
  ONNXPACK_TRY(out.attributes, in.read_le<std::uint32_t>());
  ONNXPACK_TRY(out.header_offset, in.read_le<std::uint32_t>());
  ONNXPACK_TRY(ByteView name, in.take(out.name_size));
  ONNXPACK_TRY(out.extra, in.take(out.extra_size));
  ONNXPACK_CHECK(in.skip(out.comment_size));
  out.name = as_text(name);
  return out;
}

// What is a legal zip, but none of ours.
Status check_features(const RawHeader& raw) {
  if ((raw.flags & flag_encrypted) != 0)
    return foreign("is encrypted; members of a package are not");
  if (raw.method != method_stored) {
    return foreign(
        fmt::format("is compressed (method {}); members of a package are stored", raw.method));
  }
  if ((raw.flags & flag_data_descriptor) != 0) {
    return foreign(
        "has a data descriptor after its bytes; members of a package have their sizes before them");
  }
  if (raw.comment_size != 0)
    return foreign(fmt::format("has a comment of {} bytes; expected none", raw.comment_size));
  if (raw.disk != 0)
    return foreign(fmt::format("stands on disk {} of a split archive; expected 0", raw.disk));
  if (raw.attributes >> 28 == 012) return foreign("is a symbolic link; expected a regular file");
  if (raw.attributes >> 28 == 04 || (raw.attributes & 0x10) != 0 || raw.name.ends_with('/')) {
    return foreign("is a folder; expected a regular file");
  }
  return {};
}

struct FixedField {
  std::string_view what;
  std::uint32_t found;
  std::uint32_t expected;
};

Status check_fixed(std::initializer_list<FixedField> fields) {
  for (const FixedField& field : fields) {
    if (field.found != field.expected) {
      return foreign(fmt::format("has the {} 0x{:x}; expected 0x{:x}", field.what, field.found,
                                 field.expected));
    }
  }
  return {};
}

// The fields of one extra block, each handed to use(id, data).
template <typename Use>
Status for_each_extra(ByteView extra, Use&& use) {
  ByteReader in(extra);
  while (!in.at_end()) {
    auto truncated = [&] {
      return corrupt(
          fmt::format("its extra fields end in the middle of one ({} bytes in all)", extra.size()));
    };
    auto id = in.read_le<std::uint16_t>();
    auto size = id ? in.read_le<std::uint16_t>() : Result<std::uint16_t>(0);
    if (!id || !size) return truncated();
    auto data = in.take(*size);
    if (!data) return truncated();
    ONNXPACK_CHECK(use(*id, *data));
  }
  return {};
}

// The next 64-bit value for a 32-bit field that is at its marker.
Result<std::uint64_t> widen(std::string_view what, std::uint32_t narrow, ByteReader& zip64) {
  if (narrow != max32) return narrow;
  auto wide = zip64.read_le<std::uint64_t>();
  if (!wide)
    return corrupt(
        fmt::format("{} is 0xffffffff, but there is no ZIP64 field with its value", what));
  if (!needs_zip64(*wide)) {
    return foreign(fmt::format("{} is {} in a ZIP64 field, which is superfluous below 0xffffffff",
                               what, *wide));
  }
  return *wide;
}

// Sizes and offset, from the header or its ZIP64 field.
Status read_numbers(const RawHeader& raw, Entry& entry) {
  ByteView values;
  bool found = false;
  ONNXPACK_CHECK(for_each_extra(raw.extra, [&](std::uint16_t id, ByteView data) -> Status {
    if (id != extra_zip64)
      return foreign(
          fmt::format("has the extra field 0x{:04x}; only 0x0001 (ZIP64) is known here", id));
    if (found) return corrupt("has two ZIP64 fields");
    found = true;
    values = data;
    return {};
  }));
  ByteReader zip64(values);
  ONNXPACK_TRY(std::uint64_t uncompressed, widen("its size", raw.uncompressed, zip64));
  ONNXPACK_TRY(std::uint64_t compressed, widen("its stored size", raw.compressed, zip64));
  ONNXPACK_TRY(entry.header_offset, widen("its offset", raw.header_offset, zip64));
  if (found && (values.empty() || !zip64.at_end())) {
    return foreign(fmt::format("has a superfluous ZIP64 field ({} of its {} bytes are used)",
                               zip64.position(), values.size()));
  }
  if (compressed != uncompressed) {
    return corrupt(fmt::format("is stored, yet its stored size {} differs from its size {}",
                               compressed, uncompressed));
  }
  entry.size = uncompressed;
  return {};
}

Status check_form(const RawHeader& raw, Entry& entry) {
  ONNXPACK_CHECK(read_numbers(raw, entry));
  return check_fixed(
      {{"flag word", raw.flags, flags_for(entry.name)},
       {"version needed", raw.version, version_needed(entry.size, entry.header_offset)},
       {"version made by", raw.made_by, made_by},
       {"time", raw.time, fixed_time},
       {"date", raw.date, fixed_date},
       {"internal attributes", raw.internal_attributes, 0},
       {"attributes", raw.attributes, fixed_attributes}});
}

// The no-holes rule: the member starts where the one before ended, and stays before `limit`.
Status place_member(Entry& entry, std::uint64_t previous_end, std::uint64_t limit) {
  if (entry.header_offset < previous_end) {
    return corrupt(
        fmt::format("starts at byte {}, inside of what stands before it, which ends at byte {}",
                    entry.header_offset, previous_end));
  }
  if (entry.header_offset > previous_end) {
    return corrupt(fmt::format("starts at byte {}, and the {} bytes before it belong to no member",
                               entry.header_offset, entry.header_offset - previous_end));
  }
  auto offset = content_offset(entry.header_offset, entry.name.size(), entry.size);
  if (!offset || !range_within(*offset, entry.size, limit)) {
    return corrupt(
        fmt::format("{} bytes after the header at byte {} reach beyond byte {}, where the central "
                    "directory starts",
                    entry.size, entry.header_offset, limit));
  }
  entry.offset = *offset;
  return {};
}

}  // namespace

Result<std::vector<Entry>> parse_directory(ByteView directory, const DirectoryPlace& place) {
  std::vector<Entry> entries;
  // The count is foreign; no more headers than this fit, whatever it says.
  entries.reserve(std::min<std::size_t>(place.entry_count, directory.size() / central_fixed_size));
  NameSet names;
  ByteReader in(directory);
  std::uint64_t end = 0;
  for (std::uint64_t i = 0; i < place.entry_count; ++i) {
    auto raw = read_central(in);
    if (!raw) {
      return std::unexpected(
          std::move(raw.error())
              .in(fmt::format("central directory, header {} of {}", i + 1, place.entry_count)));
    }
    // Features first: a package that was unzipped and zipped again fails by its folders or its
    // compression, and should be told so and not that "a/" is an unsafe name.
    ONNXPACK_CHECK(in_member(raw->name.substr(0, max_name_size), check_features(*raw)));
    ONNXPACK_CHECK(names.insert(raw->name));
    Entry entry{.name = std::string(raw->name), .crc32 = raw->crc32};
    ONNXPACK_CHECK(in_member(entry.name, check_form(*raw, entry)));
    ONNXPACK_CHECK(in_member(entry.name, place_member(entry, end, place.offset)));
    end = entry.offset + entry.size;
    entries.push_back(std::move(entry));
  }
  if (!in.at_end()) {
    return corrupt(fmt::format("{} bytes of the central directory follow its {} headers",
                               in.remaining(), place.entry_count));
  }
  if (end != place.offset) {
    return corrupt(
        fmt::format("{} bytes between the last member and the central directory belong to nothing",
                    place.offset - end));
  }
  return entries;
}

}  // namespace onnxpack::archive
