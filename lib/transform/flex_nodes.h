// One FlexAttention node, rewritten.
#pragma once

#include <onnx/onnx_pb.h>

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "modifier.h"
#include "onnxpack/base/error.h"
#include "onnxpack/model/model_file.h"
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
  void add(const std::string& name, std::int32_t data_type, std::optional<std::size_t> rank);
  // What inference found, and what a graph says of its own values.
  void add(const std::vector<model::ValueInfo>& values);
  void add(const onnx::GraphProto& graph);
  // Nothing where the rank is unknown, as that of what a Loop carries.
  std::optional<OuterValue> find(const std::string& name) const;
  // 0 where it is unknown.
  std::int32_t element_type(const std::string& name) const;

 private:
  struct Known {
    std::int32_t data_type = 0;
    std::optional<std::size_t> rank;
  };
  const Known* known(const std::string& name) const;
  const TypeScope* outer_;
  std::map<std::string, Known> known_;
};

struct Replaced {
  std::vector<onnx::NodeProto> nodes;
  FlexNode report;
  bool uses_operator = false;
};

// The names of the expansion's values begin with `prefix`; no others of the model do. `opset` is
// the model's version of the default domain.
Result<Replaced> replace_flex_attention(const onnx::NodeProto& node, const TypeScope& types,
                                        FlexForm form, const std::string& prefix,
                                        std::int64_t opset);

// The function body with this node's names.
Result<std::vector<onnx::NodeProto>> expand_flex_attention(const onnx::NodeProto& node,
                                                           std::int32_t element_type,
                                                           const std::string& prefix,
                                                           std::int64_t opset);

}  // namespace onnxpack::transform
