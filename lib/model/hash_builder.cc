#include "hash_builder.h"

#include <xxhash.h>

#include <algorithm>

namespace onnxpack::model {

HashBuilder& HashBuilder::multiset(std::vector<ContentHash> values) {
  std::ranges::sort(values);
  return list(values);
}

ContentHash HashBuilder::finish() const {
  XXH128_canonical_t canonical;
  XXH128_canonicalFromHash(&canonical, XXH3_128bits(bytes_.data(), bytes_.size()));
  ContentHash out;
  std::ranges::copy(canonical.digest, out.bytes.begin());
  return out;
}

}  // namespace onnxpack::model
