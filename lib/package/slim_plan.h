// How a slim package holds each member: what is dropped, what is copied, and what has to be held in
// another way because something that it leaned on is gone.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "onnxpack/extents/extent_map.h"
#include "onnxpack/package/package_file.h"

namespace onnxpack::package {

struct SlimMember {
  enum class How {
    absent,
    copied,  // stored as it is here, or its map copied: nothing about it changes
    whole,   // put together from its extents and stored
    mapped,  // held as `extents` of `sources`
  };
  std::string name;
  How how = How::absent;
  // For How::mapped. Residual extents count the residual's bytes, as in a map.
  std::vector<extents::Extent> extents;
  std::vector<std::string> sources;
};

struct SlimPlan {
  std::vector<SlimMember> members;  // those that are no maps, in the order of the package's layout
};

// `keep`: manifest members and annexes that the slim package shall hold. `contiguous`: of those,
// the members that shall be stored whole; what else shares bytes with them is then held as their
// extents. Errors: as PackageFile::mapping.
Result<SlimPlan> plan_slim(const PackageFile& package, const std::set<std::string>& keep,
                           const std::set<std::string>& contiguous);

}  // namespace onnxpack::package
