// Which plug-in execution provider a target's variants run on, and the settings it compiles with.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "onnxpack/base/error.h"
#include "onnxpack/target/target.h"
#include "options.h"

namespace onnxpack::ort_backend {

struct Provider {
  std::string ep;                              // "QNNExecutionProvider"
  std::map<std::string, std::string> options;  // the profile's, then this backend's own options
  bool is_qnn() const;
};

// Nothing for a target that the CPU graphs serve. From the target's backend_options.onnxruntime
// ({"ep": ..., "provider_options": {...}}) and the options. Errors: invalid_argument (a profile of
// another form; a QNN target without htp_arch or soc_model).
Result<std::optional<Provider>> provider_of(const target::Target& target, const Options& options);

// The target as the options changed it: what a variant needs follows what was compiled.
target::Target effective_target(const target::Target& target, const Provider& provider);

}  // namespace onnxpack::ort_backend
