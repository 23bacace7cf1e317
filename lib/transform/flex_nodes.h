// One FlexAttention node, rewritten.
#pragma once

#include <onnx/onnx_pb.h>

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "modifier.h"
#include "onnxpack/base/error.h"
#include "onnxpack/transform/flex_attention.h"

namespace onnxpack::transform {

inline constexpr const char* preview_domain = "ai.onnx.preview";
inline constexpr const char* own_domain = "org.onnxpack";
inline constexpr const char* flex_name = "FlexAttention";

bool is_flex_attention(const onnx::NodeProto& node);

// Types of values by name, outer scopes first: later entries hide earlier ones.
class TypeScope {
 public:
  explicit TypeScope(const TypeScope* outer = nullptr) : outer_(outer) {}
  void add(const std::string& name, OuterValue value) { known_[name] = value; }
  // What a graph says of its own values.
  void add(const onnx::GraphProto& graph);
  std::optional<OuterValue> find(const std::string& name) const;

 private:
  const TypeScope* outer_;
  std::map<std::string, OuterValue> known_;
};

struct Replaced {
  std::vector<onnx::NodeProto> nodes;
  FlexNode report;
  bool uses_operator = false;
};

// `serial` makes names of the expansion's values unique in the model. `opset` is the model's
// version of the default domain.
Result<Replaced> replace_flex_attention(const onnx::NodeProto& node, const TypeScope& types,
                                        FlexForm form, std::size_t serial, std::int64_t opset);

// The function body with this node's names.
Result<std::vector<onnx::NodeProto>> expand_flex_attention(const onnx::NodeProto& node,
                                                           std::int32_t element_type,
                                                           std::size_t serial, std::int64_t opset);

}  // namespace onnxpack::transform
