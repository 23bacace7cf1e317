// Dotted versions and ranges over them, as requirements and vendors' rules compare them.
#pragma once

#include <compare>
#include <string>
#include <string_view>
#include <vector>

#include "onnxpack/base/error.h"

namespace onnxpack::target {

// "1.31.1", "2026.4.1-19831", "5.0rc1". Numbers compare as numbers, a missing part counts as 0;
// what follows the number of a part compares as text, and a part without such a tail is newer than
// one with it (5.0 > 5.0rc1). "+build" and a leading 'v' are ignored.
class Version {
 public:
  // Errors: invalid_argument when it does not start with a digit.
  static Result<Version> parse(std::string_view text);

  // Part `index`, 0 when there is none.
  std::uint64_t part(std::size_t index) const;

  std::strong_ordering operator<=>(const Version& other) const;
  bool operator==(const Version& other) const { return (*this <=> other) == 0; }

 private:
  struct Part {
    std::uint64_t number = 0;
    std::string tail;
  };
  std::vector<Part> parts_;
};

// ">=1.31,<1.32": every comparison must hold. A bare version means "==". Errors: invalid_argument.
class VersionRange {
 public:
  static Result<VersionRange> parse(std::string_view text);
  bool contains(const Version& version) const;

 private:
  enum class Op { eq, ne, lt, le, gt, ge };
  std::vector<std::pair<Op, Version>> comparisons_;
};

}  // namespace onnxpack::target
