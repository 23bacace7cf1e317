// One member of an archive, as reader and writer know it.
#pragma once

#include <cstdint>
#include <string>

namespace onnxpack::archive {

struct Entry {
  std::string name;
  // Where its bytes stand in the file: they are stored as they are, so this range is the member.
  std::uint64_t offset = 0;
  std::uint64_t size = 0;
  std::uint32_t crc32 = 0;
  // Where its local header starts; the header ends where the bytes start.
  std::uint64_t header_offset = 0;

  friend bool operator==(const Entry&, const Entry&) = default;
};

}  // namespace onnxpack::archive
