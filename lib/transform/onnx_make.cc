#include "onnx_make.h"

#include <span>
#include <utility>

namespace onnxpack::transform {
namespace {

onnx::AttributeProto& attribute(onnx::NodeProto& node, const char* name,
                                onnx::AttributeProto::AttributeType type) {
  onnx::AttributeProto& out = *node.add_attribute();
  out.set_name(name);
  out.set_type(type);
  return out;
}

}  // namespace

onnx::NodeProto make_node(const char* type, std::initializer_list<std::string> inputs,
                          const std::string& output) {
  onnx::NodeProto out;
  out.set_op_type(type);
  for (const auto& input : inputs) out.add_input(input);
  out.add_output(output);
  return out;
}

void set_integer(onnx::NodeProto& node, const char* name, std::int64_t value) {
  attribute(node, name, onnx::AttributeProto::INT).set_i(value);
}
void set_integers(onnx::NodeProto& node, const char* name,
                  std::initializer_list<std::int64_t> values) {
  auto& out = attribute(node, name, onnx::AttributeProto::INTS);
  for (std::int64_t value : values) out.add_ints(value);
}
void set_text(onnx::NodeProto& node, const char* name, const std::string& value) {
  attribute(node, name, onnx::AttributeProto::STRING).set_s(value);
}

onnx::TensorProto make_tensor(const std::string& name, std::int32_t element,
                              const std::vector<std::int64_t>& dims, ByteView raw) {
  onnx::TensorProto out;
  out.set_name(name);
  out.set_data_type(element);
  for (std::int64_t dim : dims) out.add_dims(dim);
  out.set_raw_data(raw.data(), raw.size());
  return out;
}

void set_external(onnx::TensorProto& tensor, const std::string& location, std::uint64_t offset,
                  std::uint64_t length) {
  tensor.clear_external_data();
  tensor.set_data_location(onnx::TensorProto::EXTERNAL);
  const std::pair<const char*, std::string> entries[] = {{"location", location},
                                                         {"offset", std::to_string(offset)},
                                                         {"length", std::to_string(length)}};
  for (const auto& [key, value] : entries) {
    auto* entry = tensor.add_external_data();
    entry->set_key(key);
    entry->set_value(value);
  }
}

onnx::TensorProto make_integers(const std::string& name,
                                std::initializer_list<std::int64_t> values) {
  return make_tensor(name, onnx::TensorProto::INT64, {static_cast<std::int64_t>(values.size())},
                     std::as_bytes(std::span(values.begin(), values.size())));
}

onnx::TensorProto make_real(const std::string& name, float value) {
  return make_tensor(name, onnx::TensorProto::FLOAT, {}, std::as_bytes(std::span(&value, 1)));
}

}  // namespace onnxpack::transform
