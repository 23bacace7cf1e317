// The part of OpenVINO that several verbs use. Its exceptions end here.
#pragma once

#include <exception>
#include <memory>
#include <openvino/openvino.hpp>
#include <string>
#include <type_traits>
#include <vector>

#include "message.h"
#include "onnxpack/protocol/common.h"
#include "onnxpack/tensor/element_type.h"
#include "options.h"

namespace onnxpack::openvino_backend {

// Calls `work`; what OpenVINO throws becomes an error. Errors: as to_error.
template <typename Work>
auto guarded(Work&& work) -> Result<std::invoke_result_t<Work>> {
  try {
    if constexpr (std::is_void_v<std::invoke_result_t<Work>>) {
      work();
      return {};
    } else {
      return work();
    }
  } catch (const std::exception& error) {
    return std::unexpected(to_error(error.what()));
  }
}

// "2026.4.1", and with the build's number and commit.
std::string release();
std::string full_version();

// Settings for compile and import. `precision` is always said: what OpenVINO takes by itself
// depends on the CPU (bf16 where it has that, which is another result).
ov::AnyMap device_config(const Device& device, const Options& options);

// The text of what a blob needs that this machine's device would export. Costs the compilation of
// one operator (40 ms on a CPU).
Result<std::string> requirements_text(ov::Core& core, const std::string& device);
// Whether the device takes a blob of that text; error unavailable with both texts when not.
Status check_requirements(ov::Core& core, const std::string& device, const std::string& text);
// Errors: unavailable, naming the devices there are.
Status check_device(ov::Core& core, const std::string& device);

// Nothing for types that ONNX has not (or that OpenVINO has not).
tensor::ElementType element_of(const ov::element::Type& type);
Result<ov::element::Type> to_openvino(tensor::ElementType type);

// The graph's own name among the names of a port, which may be several (Identity is folded);
// `graph_names` lists the graph's.
std::string name_of(const ov::Output<const ov::Node>& port,
                    const std::vector<std::string>& graph_names);
std::vector<protocol::Port> ports_of(const std::vector<ov::Output<const ov::Node>>& ports,
                                     const std::vector<std::string>& graph_names);

}  // namespace onnxpack::openvino_backend
