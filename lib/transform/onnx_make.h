// Short ways to make onnx's messages.
#pragma once

#include <onnx/onnx_pb.h>

#include <initializer_list>
#include <string>
#include <vector>

#include "onnxpack/base/bytes.h"

namespace onnxpack::transform {

onnx::NodeProto make_node(const char* type, std::initializer_list<std::string> inputs,
                          const std::string& output);
void set_integer(onnx::NodeProto& node, const char* name, std::int64_t value);
void set_integers(onnx::NodeProto& node, const char* name,
                  std::initializer_list<std::int64_t> values);
void set_text(onnx::NodeProto& node, const char* name, const std::string& value);

onnx::TensorProto make_tensor(const std::string& name, std::int32_t element,
                              const std::vector<std::int64_t>& dims, ByteView raw);
// Says that the values stand in a file; whatever it said of that before is gone.
void set_external(onnx::TensorProto& tensor, const std::string& location, std::uint64_t offset,
                  std::uint64_t length);
// int64 [values.size()].
onnx::TensorProto make_integers(const std::string& name,
                                std::initializer_list<std::int64_t> values);
// float [].
onnx::TensorProto make_real(const std::string& name, float value);

}  // namespace onnxpack::transform
