#include "graph.h"

#include <cstring>

namespace test_ep {

OrtStatus* names_of(const std::vector<const OrtValueInfo*>& values, std::vector<std::string>& out) {
  for (const OrtValueInfo* value : values) {
    const char* name = nullptr;
    RETURN_IF(ort->GetValueInfoName(value, &name));
    out.emplace_back(name);
  }
  return nullptr;
}

OrtStatus* nodes_of(const OrtGraph* graph, std::vector<const OrtNode*>& out) {
  size_t count = 0;
  RETURN_IF(ort->Graph_GetNumNodes(graph, &count));
  out.resize(count);
  return ort->Graph_GetNodes(graph, out.data(), count);
}

OrtStatus* inputs_of(const OrtNode* node, std::vector<const OrtValueInfo*>& out) {
  size_t count = 0;
  RETURN_IF(ort->Node_GetNumInputs(node, &count));
  out.resize(count);
  return ort->Node_GetInputs(node, out.data(), count);
}

OrtStatus* outputs_of(const OrtNode* node, std::vector<const OrtValueInfo*>& out) {
  size_t count = 0;
  RETURN_IF(ort->Node_GetNumOutputs(node, &count));
  out.resize(count);
  return ort->Node_GetOutputs(node, out.data(), count);
}

std::string type_of(const OrtNode* node) {
  const char* type = "";
  if (OrtStatus* status = ort->Node_GetOperatorType(node, &type)) ort->ReleaseStatus(status);
  return type;
}

OrtStatus* text_attribute(const OrtNode* node, const char* name, std::string& out) {
  const OrtOpAttr* attribute = nullptr;
  RETURN_IF(ort->Node_GetAttributeByName(node, name, &attribute));
  if (attribute == nullptr) return nullptr;
  size_t size = 0;
  if (OrtStatus* asked = ort->ReadOpAttr(attribute, ORT_OP_ATTR_STRING, nullptr, 0, &size))
    ort->ReleaseStatus(asked);  // it says "too small" with the size
  out.resize(size);
  RETURN_IF(ort->ReadOpAttr(attribute, ORT_OP_ATTR_STRING, out.data(), size, &size));
  out.resize(std::strlen(out.c_str()));
  return nullptr;
}

OrtStatus* read_tensor(const OrtValue* value, Tensor& out) {
  OrtTensorTypeAndShapeInfo* info = nullptr;
  RETURN_IF(ort->GetTensorTypeAndShape(value, &info));
  size_t rank = 0;
  size_t count = 0;
  OrtStatus* status = ort->GetDimensionsCount(info, &rank);
  out.shape.resize(rank);
  if (status == nullptr) status = ort->GetDimensions(info, out.shape.data(), rank);
  if (status == nullptr) status = ort->GetTensorShapeElementCount(info, &count);
  ort->ReleaseTensorTypeAndShapeInfo(info);
  RETURN_IF(status);
  const void* data = nullptr;
  RETURN_IF(ort->GetTensorData(value, &data));
  const auto* floats = static_cast<const float*>(data);
  out.values.assign(floats, floats + count);
  return nullptr;
}

OrtStatus* is_float(const OrtValueInfo* value, bool& out) {
  const OrtTypeInfo* type = nullptr;
  RETURN_IF(ort->GetValueInfoTypeInfo(value, &type));
  const OrtTensorTypeAndShapeInfo* tensor = nullptr;
  RETURN_IF(ort->CastTypeInfoToTensorInfo(type, &tensor));
  ONNXTensorElementDataType element = ONNX_TENSOR_ELEMENT_DATA_TYPE_UNDEFINED;
  if (tensor != nullptr) RETURN_IF(ort->GetTensorElementType(tensor, &element));
  out = element == ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT;
  return nullptr;
}

OrtStatus* constants_of(const OrtNode* node, std::map<std::string, Tensor>& out) {
  std::vector<const OrtValueInfo*> inputs;
  RETURN_IF(inputs_of(node, inputs));
  for (const OrtValueInfo* input : inputs) {
    bool constant = false;
    RETURN_IF(ort->ValueInfo_IsConstantInitializer(input, &constant));
    if (!constant) continue;
    const OrtValue* value = nullptr;
    RETURN_IF(ort->ValueInfo_GetInitializerValue(input, &value));
    const char* name = nullptr;
    RETURN_IF(ort->GetValueInfoName(input, &name));
    RETURN_IF(read_tensor(value, out[name]));
  }
  return nullptr;
}

}  // namespace test_ep
