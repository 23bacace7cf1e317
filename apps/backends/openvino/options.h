// The options of the backend, and the settings that a target carries for it.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "onnxpack/protocol/describe.h"

namespace onnxpack::openvino_backend {

enum class Format {
  automatic,  // a blob where the target is bound to what this machine has, else IR
  ir,         // model.xml and model.bin, which any device of the kind compiles for itself
  blob,       // what this machine's device compiled: only the same instruction sets import it
};

enum class Precision { f32, f16, bf16 };
std::string_view to_string(Precision precision);      // OpenVINO's word: "f32"
std::string_view declared_name(Precision precision);  // the manifest's: "fp32"

using Properties = std::map<std::string, std::string>;

struct Options {
  Format format = Format::automatic;
  Precision precision = Precision::f32;
  Properties properties;  // OpenVINO's own, over those set here
};

// Values arrive typed (JSON build file) or as text (command line). Errors: invalid_argument, naming
// the option.
Result<Options> parse_options(const json::Object& options);

// The same list, for `describe`.
std::vector<protocol::OptionInfo> option_infos();

// backend_options.openvino of a target: "device" and, beyond it, properties of that device
// (NPU_PLATFORM).
struct Device {
  std::string name = "CPU";
  Properties properties;
};
// Errors: invalid_argument for a setting that is no text.
Result<Device> device_of(const target::Target& target);

}  // namespace onnxpack::openvino_backend
