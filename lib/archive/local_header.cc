// A local header is redundant: all of it follows from the central directory. So it is compared as a
// whole; the parsing below only finds the words for what differs.
#include <fmt/format.h>

#include <algorithm>

#include "central_directory.h"
#include "layout.h"
#include "onnxpack/archive/limits.h"
#include "onnxpack/base/text.h"
#include "reject.h"

namespace onnxpack::archive {
namespace {

struct Field {
  std::string_view what;
  std::size_t position;
  std::size_t size;
};

constexpr Field fields[] = {
    {"signature", 0, 4},
    {"version needed", 4, 2},
    {"flag word", 6, 2},
    {"method", 8, 2},
    {"time", 10, 2},
    {"date", 12, 2},
    {"CRC-32", 14, 4},
    {"stored size", 18, 4},
    {"size", 22, 4},
    {"name length", 26, 2},
    {"extra field length", 28, 2},
};
static_assert(fields[std::size(fields) - 1].position + 2 == local_fixed_size);

std::uint64_t number(ByteView bytes) {
  std::uint64_t value = 0;
  for (std::size_t i = bytes.size(); i > 0; --i)
    value = value << 8 | std::to_integer<std::uint64_t>(bytes[i - 1]);
  return value;
}

Status explain_fixed(ByteView found, ByteView expected) {
  if (auto flags = number(found.subspan(6, 2)); (flags & flag_data_descriptor) != 0) {
    return foreign(
        "its local header announces a data descriptor; members of a package have their sizes "
        "before them");
  }
  for (const Field& field : fields) {
    auto a = number(found.subspan(field.position, field.size));
    auto b = number(expected.subspan(field.position, field.size));
    if (a != b) {
      return corrupt(
          fmt::format("its local header has the {} 0x{:x}, the central directory implies 0x{:x}",
                      field.what, a, b));
    }
  }
  return {};
}

// The two headers agree up to here, so the extra fields have the same length.
Status explain_extra(ByteView found, ByteView expected) {
  while (!expected.empty()) {
    auto id = number(found.first(2));
    auto wanted = number(expected.first(2));
    if (id != wanted)
      return corrupt(fmt::format("its local header has the extra field 0x{:04x}; expected 0x{:04x}",
                                 id, wanted));
    auto size = static_cast<std::size_t>(number(expected.subspan(2, 2)));
    if (auto other = number(found.subspan(2, 2)); other != size) {
      return corrupt(
          fmt::format("the extra field 0x{:04x} of its local header has {} bytes; expected {}", id,
                      other, size));
    }
    ByteView data = found.subspan(4, size);
    if (!std::ranges::equal(data, expected.subspan(4, size))) {
      if (id == extra_zip64)
        return corrupt("the ZIP64 sizes of its local header differ from the central directory's");
      auto alignment = number(data.first(2));
      if (alignment != number(expected.subspan(4, 2))) {
        return corrupt(fmt::format("its local header declares an alignment of {}; expected {}",
                                   alignment, number(expected.subspan(4, 2))));
      }
      return corrupt("the padding of its local header is not all zeros");
    }
    found = found.subspan(4 + size);
    expected = expected.subspan(4 + size);
  }
  return {};
}

}  // namespace

Status compare_local_header(const Entry& entry, ByteView found) {
  Bytes expected = encode_local_header(entry);
  if (std::ranges::equal(found, expected)) return {};
  ONNXPACK_CHECK(explain_fixed(found, expected));
  std::string_view name = as_text(found.subspan(local_fixed_size, entry.name.size()));
  if (name != entry.name) {
    return corrupt(fmt::format(
        "its local header has the name '{}'; expected the central directory's", printable(name)));
  }
  std::size_t extra = local_fixed_size + entry.name.size();
  return explain_extra(found.subspan(extra), ByteView(expected).subspan(extra));
}

}  // namespace onnxpack::archive
