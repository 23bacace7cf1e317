#include "engine.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <openvino/op/relu.hpp>

#include "onnxpack/base/text.h"

namespace onnxpack::openvino_backend {
namespace {

using tensor::ElementType;

// Types below a byte are left out: the two libraries pack them in another order.
const std::array<std::pair<ov::element::Type, ElementType>, 16>& element_types() {
  static const std::array<std::pair<ov::element::Type, ElementType>, 16> table = {{
      {ov::element::f32, ElementType::float32},
      {ov::element::u8, ElementType::uint8},
      {ov::element::i8, ElementType::int8},
      {ov::element::u16, ElementType::uint16},
      {ov::element::i16, ElementType::int16},
      {ov::element::i32, ElementType::int32},
      {ov::element::i64, ElementType::int64},
      {ov::element::boolean, ElementType::boolean},
      {ov::element::f16, ElementType::float16},
      {ov::element::f64, ElementType::float64},
      {ov::element::u32, ElementType::uint32},
      {ov::element::u64, ElementType::uint64},
      {ov::element::bf16, ElementType::bfloat16},
      {ov::element::f8e4m3, ElementType::float8e4m3fn},
      {ov::element::f8e5m2, ElementType::float8e5m2},
      {ov::element::f8e8m0, ElementType::float8e8m0},
  }};
  return table;
}

protocol::Port port_of(const ov::Output<const ov::Node>& value,
                       const std::vector<std::string>& graph_names) {
  protocol::Port out;
  out.name = name_of(value, graph_names);
  out.type = tensor::type_string(element_of(value.get_element_type()));
  const ov::PartialShape& shape = value.get_partial_shape();
  if (shape.rank().is_dynamic()) return out;
  out.shape.emplace();
  for (const ov::Dimension& dimension : shape) {
    auto& added = out.shape->emplace_back();
    if (dimension.is_static()) added.value = dimension.get_length();
  }
  return out;
}

}  // namespace

std::string full_version() {
  return ov::get_openvino_version().buildNumber;
}

std::string release() {
  const std::string full = full_version();
  return full.substr(0, full.find('-'));
}

ov::AnyMap device_config(const Device& device, const Options& options) {
  ov::AnyMap out;
  out[ov::hint::inference_precision.name()] = std::string(to_string(options.precision));
  // Else activations of compressed weights are quantised while running, whatever the precision.
  if (device.name == "CPU" && options.precision == Precision::f32)
    out[ov::hint::dynamic_quantization_group_size.name()] = std::uint64_t{0};
  for (const auto& [key, value] : device.properties) out[key] = value;
  for (const auto& [key, value] : options.properties) out[key] = value;
  return out;
}

Result<std::string> requirements_text(ov::Core& core, const std::string& device) {
  return guarded([&] {
    const auto input =
        std::make_shared<ov::op::v0::Parameter>(ov::element::f32, ov::PartialShape{1, 1});
    const auto model = std::make_shared<ov::Model>(
        ov::OutputVector{std::make_shared<ov::op::v0::Relu>(input)}, ov::ParameterVector{input});
    return core.compile_model(model, device).get_property(ov::runtime_requirements);
  });
}

Status check_requirements(ov::Core& core, const std::string& device, const std::string& text) {
  const auto answer = guarded([&] {
    return core.get_property(device, ov::compatibility_check,
                             ov::AnyMap{{ov::runtime_requirements.name(), text}});
  });
  // A plug-in without the property says at import what it thinks.
  if (!answer || *answer != ov::CompatibilityCheck::UNSUPPORTED) return {};
  const auto here = requirements_text(core, device);
  return fail(ErrorKind::unavailable,
              fmt::format("the blob needs {}, this machine's {} is {}", text, device,
                          here ? *here : "unknown"),
              "build for target host here, or for a CPU level, whose IR runs on any");
}

Status check_device(ov::Core& core, const std::string& device) {
  ONNXPACK_TRY(const auto devices, guarded([&] { return core.get_available_devices(); }));
  const auto is_it = [&](const std::string& name) {
    return name == device || name.starts_with(device + ".");
  };
  if (std::ranges::any_of(devices, is_it)) return {};
  return fail(
      ErrorKind::unavailable,
      fmt::format("OpenVINO compiles for {} only on a machine that has one; here it finds {}",
                  device, devices.empty() ? "no device" : join(devices, ", ")),
      "build on such a machine, or use openvino.format=ir");
}

ElementType element_of(const ov::element::Type& type) {
  const auto& table = element_types();
  const auto found =
      std::ranges::find(table, type, &std::pair<ov::element::Type, ElementType>::first);
  return found == table.end() ? ElementType::undefined : found->second;
}

Result<ov::element::Type> to_openvino(ElementType type) {
  for (const auto& [ours, onnx] : element_types()) {
    if (onnx == type) return ours;
  }
  return fail(ErrorKind::unsupported,
              fmt::format("OpenVINO has no tensors of {}", tensor::name_of(type)));
}

std::string name_of(const ov::Output<const ov::Node>& port,
                    const std::vector<std::string>& graph_names) {
  const auto& names = port.get_names();
  for (const auto& name : graph_names) {
    if (names.contains(name)) return name;
  }
  return names.empty() ? port.get_node()->get_friendly_name() : port.get_any_name();
}

std::vector<protocol::Port> ports_of(const std::vector<ov::Output<const ov::Node>>& ports,
                                     const std::vector<std::string>& graph_names) {
  std::vector<protocol::Port> out;
  for (const auto& port : ports) out.push_back(port_of(port, graph_names));
  return out;
}

}  // namespace onnxpack::openvino_backend
