// Which of the devices that a plug-in execution provider offers a model is compiled for, or run on.
// Nothing is asked of ONNX Runtime here.
#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <vector>

#include "onnxpack/base/error.h"

namespace onnxpack::ort_backend {

using Metadata = std::map<std::string, std::string>;

struct DeviceFacts {
  std::string ep;
  std::string kind;   // "cpu", "gpu", "npu"; empty for what ONNX Runtime has no word for
  Metadata metadata;  // the provider's
  Metadata hardware;  // the device's

  // Not here, but to be compiled for.
  bool is_virtual() const;
  // "npu, npu_platform=4000, is_virtual=1"
  std::string text() const;
};

struct DeviceWish {
  std::string ep;
  Metadata metadata;  // each key in the provider's metadata or the device's, with this value
  std::vector<std::string> kinds;  // the target's, best first
};

// An index into `offered`. Without metadata in the wish, a device must be of one of its kinds.
// Among several: the kind that stands first, real before virtual, then as the provider orders them.
// Errors: unavailable, with what was looked for and what is offered.
Result<std::size_t> choose_device(const std::vector<DeviceFacts>& offered, const DeviceWish& wish);

}  // namespace onnxpack::ort_backend
