// What a backend's probe said a short while ago.
#pragma once

#include <optional>
#include <string>

#include "onnxpack/backend/discovery.h"
#include "onnxpack/package/environment.h"
#include "onnxpack/target/target.h"

namespace onnxpack::package {

class ProbeCache {
 public:
  // Below environment.cache; without one, nothing is kept.
  explicit ProbeCache(const Environment& environment);
  // Facts that are at most ten minutes old and were given by this very program in these settings.
  std::optional<target::Facts> find(const backend::Program& program) const;
  // A cache that cannot be written is no error: the next command asks again.
  void keep(const backend::Program& program, const target::Facts& facts) const;

 private:
  std::filesystem::path file_of(const backend::Program& program) const;
  const Environment& environment_;
  std::filesystem::path folder_;
};

}  // namespace onnxpack::package
