#include "version.h"

#include <algorithm>
#include <array>
#include <charconv>

#include <fmt/format.h>

#include "onnxpack/base/text.h"

namespace onnxpack::target {

Result<Version> Version::parse(std::string_view text) {
  std::string_view rest = trim(text);
  if (rest.starts_with('v')) rest.remove_prefix(1);
  rest = rest.substr(0, rest.find('+'));
  Version out;
  for (std::string_view piece : split(rest, '.')) {
    Part part;
    auto parsed = std::from_chars(piece.data(), piece.data() + piece.size(), part.number);
    if (parsed.ec != std::errc()) {
      return fail(ErrorKind::invalid_argument,
                  fmt::format("\"{}\" is not a version; expected numbers with dots, such as 1.31.1",
                              printable(text)));
    }
    part.tail = std::string(parsed.ptr, piece.data() + piece.size());
    out.parts_.push_back(std::move(part));
  }
  return out;
}

std::uint64_t Version::part(std::size_t index) const {
  return index < parts_.size() ? parts_[index].number : 0;
}

std::strong_ordering Version::operator<=>(const Version& other) const {
  for (std::size_t i = 0; i < std::max(parts_.size(), other.parts_.size()); ++i) {
    if (auto order = part(i) <=> other.part(i); order != 0) return order;
    std::string_view a = i < parts_.size() ? parts_[i].tail : std::string_view();
    std::string_view b = i < other.parts_.size() ? other.parts_[i].tail : std::string_view();
    if (a == b) continue;
    if (a.empty()) return std::strong_ordering::greater;
    if (b.empty()) return std::strong_ordering::less;
    return a <=> b;
  }
  return std::strong_ordering::equal;
}

Result<VersionRange> VersionRange::parse(std::string_view text) {
  static constexpr std::array<std::pair<std::string_view, Op>, 6> ops = {{{"==", Op::eq},
                                                                          {"!=", Op::ne},
                                                                          {"<=", Op::le},
                                                                          {">=", Op::ge},
                                                                          {"<", Op::lt},
                                                                          {">", Op::gt}}};
  VersionRange out;
  for (std::string_view piece : split(text, ',')) {
    std::string_view rest = trim(piece);
    Op op = Op::eq;
    for (const auto& [sign, meaning] : ops) {
      if (!rest.starts_with(sign)) continue;
      op = meaning;
      rest.remove_prefix(sign.size());
      break;
    }
    auto version = Version::parse(rest);
    if (!version) {
      return fail(
          ErrorKind::invalid_argument,
          fmt::format("\"{}\" is not a version range; expected comparisons such as >=1.31,<1.32",
                      printable(text)));
    }
    out.comparisons_.emplace_back(op, std::move(*version));
  }
  return out;
}

bool VersionRange::contains(const Version& version) const {
  return std::ranges::all_of(comparisons_, [&](const auto& comparison) {
    auto order = version <=> comparison.second;
    switch (comparison.first) {
      case Op::eq:
        return order == 0;
      case Op::ne:
        return order != 0;
      case Op::lt:
        return order < 0;
      case Op::le:
        return order <= 0;
      case Op::gt:
        return order > 0;
      case Op::ge:
        return order >= 0;
    }
    return false;
  });
}

}  // namespace onnxpack::target
