// The backends of this install, with what they say of themselves.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "onnxpack/backend/discovery.h"
#include "onnxpack/backend/outcome.h"
#include "onnxpack/package/environment.h"
#include "onnxpack/protocol/run.h"

namespace onnxpack::package {

using InstalledBackend = backend::Backend;

class Installed {
 public:
  // Runs `describe` of every backend found. A broken one is in the list with its problem. Errors:
  // cancelled, io.
  static Result<Installed> find(const Environment& environment);
  const std::vector<InstalledBackend>& all() const { return backends_; }  // in name order
  const InstalledBackend* find(std::string_view name) const;

 private:
  std::vector<InstalledBackend> backends_;
};

// `probe` of one backend, with questions about compatibility texts. Nothing is kept. Errors:
// cancelled, io.
Result<backend::Outcome> probe(const Environment& environment, const backend::Program& program,
                               const std::vector<protocol::CompatibilityQuestion>& questions = {});

}  // namespace onnxpack::package
