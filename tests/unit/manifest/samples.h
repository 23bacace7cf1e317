// A manifest with every field in use, and generated ones.
#pragma once

#include <cstdint>
#include <random>
#include <string>

#include "onnxpack/manifest/evidence.h"
#include "onnxpack/manifest/manifest.h"

namespace onnxpack::manifest::testing {

inline std::string digest(std::uint64_t seed) {
  std::mt19937 random(seed);
  std::string out;
  for (int i = 0; i < 64; ++i) out += "0123456789abcdef"[random() % 16];
  return out;
}

// The document tests/data/manifest/manifest.json; the unit test keeps the two equal.
Manifest full_manifest();
Layout full_layout();
Evidence full_evidence();

// A valid manifest of random size and content. Equal seeds give equal manifests.
Manifest random_manifest(unsigned seed);

}  // namespace onnxpack::manifest::testing
