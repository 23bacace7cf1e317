// What annotate and strip share. docs/scope-metadata.md is the format.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace onnxpack::model {

// ModelProto metadata: the lengths that annotation patched and that were not minimal varints
// before.
//   value = item ("," item)*     item = ("g" | "n") index "=" width
// g: the index-th occurrence of ModelProto.graph; n: the index-th node of the top-level graph;
// width: bytes, 2 to 10.
inline constexpr std::string_view wide_key = "org.onnxpack.wide";

struct WideLength {
  char kind;
  std::size_t index;
  std::uint8_t width;
  bool operator==(const WideLength&) const = default;
};

std::string format_wide(const std::vector<WideLength>& lengths);
// What does not parse is left out: strip works on whatever a foreign tool made of the entry.
std::vector<WideLength> parse_wide(std::string_view text);

}  // namespace onnxpack::model
