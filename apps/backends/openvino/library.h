// Finding and loading OpenVINO and the module, for the door.
#pragma once

#include <string>

#include "module.h"
#include "onnxpack/base/error.h"

namespace onnxpack::openvino_backend {

// Of the module built with this door (module_digest.cmake); empty in a build without OpenVINO.
extern const char* const own_module_sha256;

struct LoadedModule {
  ServeFunction serve = nullptr;
  std::string openvino;  // path of the library that was loaded
};

// OpenVINO is looked for in this order: the environment variable ONNXPACK_OPENVINO_LIBRARY (and
// nowhere else), beside the program, in ../../lib/onnx-pack from it (an install), then as the
// system loader does, which includes the run path set at build time. The module lies beside the
// program. Nothing is ever unloaded. Errors: unavailable, naming what was tried and how to get it;
// also for a build that was made without OpenVINO, or with another release of it.
Result<LoadedModule> load_module();

}  // namespace onnxpack::openvino_backend
