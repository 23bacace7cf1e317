// From the bytes of a central directory to checked entries, and from the end of a file to the
// directory.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "onnxpack/archive/entry.h"
#include "onnxpack/base/bytes.h"
#include "onnxpack/base/error.h"

namespace onnxpack::archive {

struct DirectoryPlace {
  std::uint64_t offset = 0;
  std::uint64_t size = 0;
  std::uint64_t entry_count = 0;
};

// Finds the directory by the end records. `tail` is the last bytes of a file of `file_size`:
// tail_size of them, or all. Everything after the directory has been compared with the canonical
// form afterwards. Errors: corrupt, unsupported.
Result<DirectoryPlace> locate_directory(ByteView tail, std::uint64_t file_size);

// How many bytes before the end of `tail`, which ends with an end record, another one starts that has
// the rest as its comment; nothing when none does. Only within the reach of a comment.
std::optional<std::uint64_t> find_second_end(ByteView tail);

// Decodes and checks all headers, the names against each other, and that the members tile [0,
// place.offset). Errors: corrupt, unsupported; the text names the member, or its number where the
// name is the trouble.
Result<std::vector<Entry>> parse_directory(ByteView directory, const DirectoryPlace& place);

// Compares a local header as read with the one that `entry` implies, and says which field differs.
// `found` begins at entry.header_offset and ends at entry.offset. Errors: corrupt, unsupported.
Status compare_local_header(const Entry& entry, ByteView found);

}  // namespace onnxpack::archive
