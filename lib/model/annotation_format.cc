#include "annotation_format.h"

#include <fmt/format.h>

#include <charconv>

#include "onnxpack/base/text.h"

namespace onnxpack::model {
namespace {

template <typename T>
bool parse_whole(std::string_view text, T& out) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  return error == std::errc() && end == text.data() + text.size();
}

}  // namespace

std::string format_wide(const std::vector<WideLength>& lengths) {
  std::string out;
  for (const auto& length : lengths) {
    if (!out.empty()) out += ',';
    out += fmt::format("{}{}={}", length.kind, length.index, length.width);
  }
  return out;
}

std::vector<WideLength> parse_wide(std::string_view text) {
  std::vector<WideLength> out;
  for (const auto item : split(text, ',')) {
    const auto equals = item.find('=');
    if (equals == std::string_view::npos || equals < 2 || (item[0] != 'g' && item[0] != 'n'))
      continue;
    WideLength length{item[0], 0, 0};
    if (!parse_whole(item.substr(1, equals - 1), length.index)) continue;
    if (!parse_whole(item.substr(equals + 1), length.width)) continue;
    if (length.width >= 2 && length.width <= 10) out.push_back(length);
  }
  return out;
}

}  // namespace onnxpack::model
