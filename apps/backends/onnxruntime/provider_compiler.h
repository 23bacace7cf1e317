// The one place that loads a plug-in execution provider and calls ONNX Runtime's Compile API.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "device_choice.h"
#include "log_tail.h"
#include "onnxpack/base/bytes.h"
#include "provider.h"
#include "runtime.h"
#include "session.h"

namespace onnxpack::ort_backend {

// A model file, or bytes with the folder that their external data lies in.
struct CompilerInput {
  std::filesystem::path path;
  Bytes model;
  std::filesystem::path external_base;
};

struct CompilerJob {
  const CompilerInput& input;
  std::filesystem::path output;  // its folder also gets the blobs that are not embedded
  bool embed = false;
  std::vector<std::string> kinds;  // the target's accelerator classes, best first
  SessionSettings settings;        // level is not used: the Compile API optimises nothing
};

// Registers the plug-in with the environment, chooses a device of it, compiles for that and says
// which it was. Errors: unavailable (the library does not load, or offers no device that fits),
// unsupported when not one node was compiled, with the provider's own first complaint from
// `log`; else as Runtime::check. May end the process.
Result<DeviceFacts> compile_with_plugin(const Runtime& runtime, OrtEnv& environment,
                                        const Provider& provider,
                                        const std::filesystem::path& library,
                                        const CompilerJob& job, const LogTail& log);

}  // namespace onnxpack::ort_backend
