#include "name_set.h"

#include <algorithm>
#include <iterator>

#include <fmt/format.h>

#include "onnxpack/archive/limits.h"
#include "onnxpack/base/text.h"
#include "onnxpack/io/safe_path.h"

namespace onnxpack::archive {
namespace {

bool is_beneath(std::string_view name, std::string_view folder) {
  return name.size() > folder.size() && name[folder.size()] == '/' && name.starts_with(folder);
}

std::unexpected<Error> folder_clash(std::string_view file, std::string_view beneath) {
  return fail(ErrorKind::corrupt, fmt::format("'{}' is a member, so it cannot be a folder for '{}'",
                                              printable(file), printable(beneath)));
}

}  // namespace

bool NameSet::Order::operator()(std::string_view a, std::string_view b) const {
  auto rank = [](char c) { return c == '/' ? 0U : static_cast<unsigned char>(c); };
  return std::ranges::lexicographical_compare(a, b, {}, rank, rank);
}

Status NameSet::insert(std::string_view name) {
  if (name.size() > max_name_size) {
    return fail(ErrorKind::unsupported,
                fmt::format("name '{}...' has {} bytes; the limit is {}",
                            printable(name.substr(0, 60)), name.size(), max_name_size));
  }
  ONNXPACK_CHECK(io::check_relative_name(name));
  std::string folded = io::fold_case(name);
  auto next = names_.lower_bound(folded);
  if (next != names_.end() && next->first == folded) {
    if (next->second == name)
      return fail(ErrorKind::corrupt, fmt::format("two members are named '{}'", printable(name)));
    return fail(ErrorKind::corrupt, fmt::format("'{}' and '{}' differ in upper and lower case only",
                                                printable(next->second), printable(name)));
  }
  if (next != names_.end() && is_beneath(next->first, folded))
    return folder_clash(name, next->second);
  if (next != names_.begin()) {
    auto previous = std::prev(next);
    if (is_beneath(folded, previous->first)) return folder_clash(previous->second, name);
  }
  names_.emplace_hint(next, std::move(folded), name);
  return {};
}

}  // namespace onnxpack::archive
