// A plug-in execution provider registered with ONNX Runtime, and the devices that it then offers.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "device_choice.h"
#include "onnxpack/target/compatibility.h"
#include "runtime.h"

namespace onnxpack::ort_backend {

enum class Register { real_devices, virtual_ones_too };

// ONNX Runtime's convention: a registration name that ends in ".virtual" asks the plug-in for
// devices that are not here, to compile for. QNN is registered by its plain name always: it offers
// what it compiles for under that. Errors: unavailable (the library does not load). May end the
// process.
Status register_plugin(const Runtime& runtime, OrtEnv& environment, const std::string& ep,
                       const std::filesystem::path& library, Register which);

struct PluginDevices {
  std::vector<const OrtEpDevice*> handles;
  std::vector<DeviceFacts> facts;  // of the same
};
// Of one provider, those registered with the environment.
Result<PluginDevices> plugin_devices(const Runtime& runtime, const OrtEnv& environment,
                                     const std::string& ep);

// What the provider says to a compatibility text for one of its devices.
Result<target::Verdict> ask_device(const Runtime& runtime, const OrtEpDevice* device,
                                   const std::string& compatibility);

// One device, with the provider's options, for a session. The environment outlives it.
Status append_device(const Runtime& runtime, OrtEnv& environment, OrtSessionOptions* options,
                     const OrtEpDevice* device, const Metadata& provider_options);

}  // namespace onnxpack::ort_backend
