// The numbers of the container format, and every cap on what is read from a foreign file, each with
// its reason.
#pragma once

#include <cstddef>
#include <cstdint>

namespace onnxpack::archive {

// --- Part of the format (docs/format.md): another value is another format.

// Members of at least this size are aligned for mapping into memory.
inline constexpr std::uint64_t large_member = std::uint64_t{64} << 10;
// A page on most systems, so that a large member's first byte is a page's first byte.
inline constexpr std::uint64_t large_alignment = 4096;
// A cache line, and the widest vector register: small members can be used in place from a mapping
// of the file.
inline constexpr std::uint64_t small_alignment = 64;

constexpr std::uint64_t alignment_for(std::uint64_t size) {
  return size >= large_member ? large_alignment : small_alignment;
}

// --- Caps.

// A model with one external file per tensor has thousands of members; a hundred times that is no
// model. Also bounds the work of the duplicate and prefix checks.
inline constexpr std::uint64_t max_entries = std::uint64_t{1} << 18;
// Names become paths beneath some folder, and Linux paths end at 4096 bytes.
inline constexpr std::size_t max_name_size = 1024;
// The central directory is read whole into memory. max_entries at an average name of 150 bytes fit.
inline constexpr std::uint64_t max_central_directory = std::uint64_t{64} << 20;
// The first read, from the end of the file. Longer than any end-of-central-directory search of
// other readers (22 + 65535 bytes), which must find nothing else than we do; and in most packages
// it holds the directory and the two index members, so that no second read is needed.
inline constexpr std::uint64_t tail_size = std::uint64_t{256} << 10;

}  // namespace onnxpack::archive
