// A source that is no longer stored itself: what referred to it refers to what it is made of, so
// that there is still one step to the bytes.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <vector>

#include "onnxpack/extents/extent_map.h"

namespace onnxpack::extents {

struct HeldAs {
  std::vector<Extent> extents;  // of the source, as in its map: the residual's bytes are numbered
  std::uint32_t map = 0;        // the number of its map, where its residual is
};

// `extents`, with those of the sources in `held` expressed by the sources of these. What cannot be
// said so (a part of a matrix in another form, a matrix in several pieces) becomes residual. One
// numbering of sources for all.
std::vector<Extent> resolve(std::span<const Extent> extents,
                            const std::map<std::uint32_t, HeldAs>& held);

}  // namespace onnxpack::extents
