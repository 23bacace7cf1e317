#include "members.h"

namespace onnxpack::package {

std::set<std::string> members_of(const manifest::Component& component) {
  std::set<std::string> out = {component.model};
  for (const auto& data : component.external_data) out.insert(data.member);
  return out;
}

std::set<std::string> members_of(const manifest::Manifest& manifest,
                                 const manifest::Variant& variant) {
  std::set<std::string> out = own_members(variant);
  for (const auto& member : variant.references) {
    if (manifest.find_member(member) != nullptr) out.insert(member);
  }
  return out;
}

std::set<std::string> own_members(const manifest::Variant& variant) {
  std::set<std::string> out;
  for (const auto& partition : variant.partitions) {
    for (const auto& blob : partition.blobs) out.insert(blob.member);
  }
  return out;
}

void add_chunk_digests(const manifest::Manifest& manifest, std::set<std::string>& names) {
  for (const auto& member : manifest.members) {
    if (!member.chunk_digests.empty() && names.contains(member.name))
      names.insert(member.chunk_digests);
  }
}

}  // namespace onnxpack::package
