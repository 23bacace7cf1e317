// Which plug-in execution provider a target's variants run on, and the settings it compiles with.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "onnxpack/base/error.h"
#include "onnxpack/target/requirement.h"
#include "onnxpack/target/target.h"
#include "options.h"

namespace onnxpack::ort_backend {

struct Provider {
  std::string ep;                              // "QNNExecutionProvider"
  std::map<std::string, std::string> options;  // the profile's, then this backend's own options
  std::map<std::string, std::string> device;   // metadata that its device must have
  std::string library;                         // path of the plug-in; empty: found or set elsewhere
  bool is_qnn() const;
};

// Nothing for a target that the CPU graphs serve. From the target's backend_options.onnxruntime
// ({"ep", "ep_library", "ep_device": {...}, "provider_options": {...}}) and the options, which go
// first. Errors: invalid_argument (a profile of another form; a QNN target without htp_arch or
// soc_model; a target without a CPU that names no provider).
Result<std::optional<Provider>> provider_of(const target::Target& target, const Options& options);

// What a blob compiled with these settings needs of a device: it follows the settings, not the
// profile they may have replaced. A blob for several SoCs ("75,79") runs from the least of them up.
std::vector<target::Requirement> requirements_of_blob(const target::Target& target,
                                                      const Provider& provider,
                                                      std::string_view device);

}  // namespace onnxpack::ort_backend
