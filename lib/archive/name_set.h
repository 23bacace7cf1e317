// The names of one archive: each safe by itself, and no two that some file system or tool would
// take for one another.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "onnxpack/base/error.h"

namespace onnxpack::archive {

class NameSet {
 public:
  // Refuses, naming both sides: names that io::check_relative_name refuses, over max_name_size,
  // present already, equal to one that is present but for case, and files that would have to be
  // folders. A refused name changes nothing. Errors: corrupt.
  Status insert(std::string_view name);

 private:
  // '/' before every other byte. Then all names beneath a folder follow the folder's own name
  // directly, so that a name which is another's folder is its neighbour, and two looks to the side
  // find every clash, however deep names are nested.
  struct Order {
    using is_transparent = void;
    bool operator()(std::string_view a, std::string_view b) const;
  };
  std::map<std::string, std::string, Order> names_;  // folded to lower case -> as given
};

}  // namespace onnxpack::archive
