#include "compile_answer.h"

#include <fmt/format.h>

#include <algorithm>

#include "input_shapes.h"
#include "onnxpack/base/text.h"

namespace onnxpack::ort_backend {

std::optional<protocol::Answer> refuse_parts(const std::vector<protocol::ScopeInput>& scopes) {
  if (std::ranges::find(scopes, whole_graph, &protocol::ScopeInput::name) != scopes.end())
    return std::nullopt;
  return protocol::refused("only the whole graph (scope 'model') can be compiled, not parts of it");
}

const protocol::ScopeInput& whole_scope(const std::vector<protocol::ScopeInput>& scopes) {
  return *std::ranges::find(scopes, whole_graph, &protocol::ScopeInput::name);
}

Status check_free_dimensions(ByteView model, const std::map<std::string, std::int64_t>& wanted) {
  if (wanted.empty()) return {};
  ONNXPACK_TRY(const auto known, symbolic_dimensions(model));
  for (const auto& [name, value] : wanted) {
    if (known.contains(name)) continue;
    const std::vector<std::string> names(known.begin(), known.end());
    const auto near = did_you_mean(name, names);
    return fail(ErrorKind::invalid_argument,
                fmt::format("no input has a dimension named '{}'", printable(name)),
                near            ? fmt::format("did you mean '{}'?", *near)
                : names.empty() ? "the model names no dimensions: give shapes by input"
                                : fmt::format("named dimensions: {}", join(names, ", ")));
  }
  return {};
}

std::vector<protocol::Port> descriptions(const std::vector<Port>& ports) {
  std::vector<protocol::Port> out;
  for (const Port& port : ports) out.push_back(port.description);
  return out;
}

protocol::Shapes known_shapes(const std::vector<Port>& inputs) {
  protocol::Shapes out;
  for (const Port& port : inputs) {
    std::vector<std::int64_t> shape;
    if (!port.description.shape) continue;
    for (const auto& dimension : *port.description.shape) {
      if (dimension.value) shape.push_back(*dimension.value);
    }
    if (shape.size() == port.description.shape->size())
      out[port.description.name] = std::move(shape);
  }
  return out;
}

std::string precision_of(const std::vector<Port>& outputs) {
  const auto any = [&](tensor::ElementType type) {
    return std::ranges::find(outputs, type, &Port::element) != outputs.end();
  };
  if (any(tensor::ElementType::bfloat16)) return "bf16";
  if (any(tensor::ElementType::float16)) return "fp16";
  return "fp32";
}

}  // namespace onnxpack::ort_backend
