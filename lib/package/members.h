// Which members belong to what.
#pragma once

#include <set>
#include <string>

#include "onnxpack/manifest/manifest.h"

namespace onnxpack::package {

// The annotated model and its external data.
std::set<std::string> members_of(const manifest::Component& component);
// A variant's blobs and what they refer to outside of them.
std::set<std::string> members_of(const manifest::Manifest& manifest,
                                 const manifest::Variant& variant);
// A variant's blobs.
std::set<std::string> own_members(const manifest::Variant& variant);
// Adds, for every member in `names`, the one that holds its chunk digests.
void add_chunk_digests(const manifest::Manifest& manifest, std::set<std::string>& names);

}  // namespace onnxpack::package
