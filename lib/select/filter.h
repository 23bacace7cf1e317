// The first half of a selection: what may run at all, and why the others may not.
#pragma once

#include "evidence_index.h"
#include "onnxpack/select/select.h"

namespace onnxpack::select {

struct Filtered {
  Ranked ranked;  // place is compatible, incompatible or unknown; reason set when refused
  std::size_t failures = 0;  // requirements that are not met or not known: how near a miss it is
};

// In this order, the first that fails is the reason: requirements (one that is not met before one
// that is unknown), fixed shapes, compatibility text, primary EP, recorded verification.
Filtered filter(const manifest::Manifest& manifest, const Request& request,
                const EvidenceIndex& evidence, const manifest::Variant& variant);

// "x=[1,3,48,192]".
std::string shape_text(const std::string& input, const std::vector<std::int64_t>& shape);

}  // namespace onnxpack::select
