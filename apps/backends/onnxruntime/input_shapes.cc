#include "input_shapes.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <optional>

#include "onnx_fields.h"
#include "onnxpack/base/text.h"
#include "onnxpack/tensor/tensor.h"
#include "wire.h"

namespace onnxpack::ort_backend {
namespace {

using wire::Field;
using Shapes = std::map<std::string, std::vector<std::int64_t>>;

Result<std::string> name_of_value(ByteView value_info) {
  std::string name;
  ONNXPACK_CHECK(wire::for_each_field(value_info, [&](const Field& field) -> Status {
    if (field.is_message(onnx_field::value_name)) name = as_text(field.content);
    return {};
  }));
  return name;
}

struct Dimension {
  std::optional<std::int64_t> value;
  std::string name;
};

Result<Dimension> read_dimension(ByteView message) {
  Dimension out;
  ONNXPACK_CHECK(wire::for_each_field(message, [&](const Field& field) -> Status {
    if (field.is_varint(onnx_field::dimension_value))
      out.value = static_cast<std::int64_t>(field.value);
    if (field.is_message(onnx_field::dimension_name)) out.name = as_text(field.content);
    return {};
  }));
  return out;
}

Result<std::vector<Dimension>> read_shape(ByteView shape) {
  std::vector<Dimension> out;
  ONNXPACK_CHECK(wire::for_each_field(shape, [&](const Field& field) -> Status {
    if (!field.is_message(onnx_field::shape_dimension)) return {};
    ONNXPACK_TRY(Dimension dimension, read_dimension(field.content));
    out.push_back(std::move(dimension));
    return {};
  }));
  return out;
}

Bytes make_shape(const std::vector<std::int64_t>& shape) {
  Bytes out;
  for (const std::int64_t size : shape) {
    Bytes dimension;
    wire::append_varint_field(dimension, onnx_field::dimension_value,
                              static_cast<std::uint64_t>(size));
    wire::append_bytes_field(out, onnx_field::shape_dimension, dimension);
  }
  return out;
}

Status check_fits(const std::string& input, const std::vector<Dimension>& found,
                  const std::vector<std::int64_t>& wanted) {
  if (found.size() != wanted.size()) {
    return fail(
        ErrorKind::invalid_argument,
        fmt::format("input '{}' has {} dimensions, the given shape {} has {}", printable(input),
                    found.size(), tensor::shape_string(wanted), wanted.size()));
  }
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    // Exporters write -1 for "unknown" (PaddlePaddle's do).
    if (found[i].value && *found[i].value >= 0 && *found[i].value != wanted[i]) {
      return fail(
          ErrorKind::invalid_argument,
          fmt::format("dimension {} of input '{}' is {} in the model, the given shape {} says {}",
                      i, printable(input), *found[i].value, tensor::shape_string(wanted),
                      wanted[i]));
    }
  }
  return {};
}

// Rewrites the one field `number` of `message` (appending it when absent) by `edit(content) ->
// Result<Bytes>`.
template <typename Edit>
Result<Bytes> edit_field(ByteView message, std::uint32_t number, Edit&& edit) {
  Bytes out;
  bool seen = false;
  ONNXPACK_CHECK(wire::for_each_field(message, [&](const Field& field) -> Status {
    if (!field.is_message(number)) {
      append(out, field.whole);
      return {};
    }
    seen = true;
    ONNXPACK_TRY(const Bytes content, edit(field.content));
    wire::append_bytes_field(out, number, content);
    return {};
  }));
  if (!seen) {
    ONNXPACK_TRY(const Bytes content, edit(ByteView{}));
    wire::append_bytes_field(out, number, content);
  }
  return out;
}

Result<Bytes> edit_value(ByteView value_info, const std::string& name,
                         const std::vector<std::int64_t>& shape) {
  return edit_field(value_info, onnx_field::value_type, [&](ByteView type) {
    return edit_field(type, onnx_field::type_tensor, [&](ByteView tensor_type) {
      return edit_field(tensor_type, onnx_field::tensor_type_shape,
                        [&](ByteView old_shape) -> Result<Bytes> {
                          ONNXPACK_TRY(const auto found, read_shape(old_shape));
                          // No shape at all means unknown rank; an empty one would be a scalar,
                          // which only has the empty shape.
                          if (old_shape.data() != nullptr)
                            ONNXPACK_CHECK(check_fits(name, found, shape));
                          return make_shape(shape);
                        });
    });
  });
}

// The shape of a value that is a tensor; nothing when its rank is unknown.
Result<std::optional<std::vector<Dimension>>> shape_of_value(ByteView value_info, bool& is_tensor) {
  std::optional<std::vector<Dimension>> out;
  const auto tensor_type = [&](const Field& field) -> Status {
    if (!field.is_message(onnx_field::tensor_type_shape)) return {};
    ONNXPACK_TRY(out, read_shape(field.content));
    return {};
  };
  const auto type = [&](const Field& field) -> Status {
    if (!field.is_message(onnx_field::type_tensor)) return {};
    is_tensor = true;
    return wire::for_each_field(field.content, tensor_type);
  };
  ONNXPACK_CHECK(wire::for_each_field(value_info, [&](const Field& field) -> Status {
    return field.is_message(onnx_field::value_type) ? wire::for_each_field(field.content, type)
                                                    : Status{};
  }));
  return out;
}

std::optional<DynamicInput> dynamic_input(const std::string& name,
                                          const std::optional<std::vector<Dimension>>& shape,
                                          const std::map<std::string, std::int64_t>& free) {
  if (!shape) return DynamicInput{name, "of unknown rank", fmt::format("--input-shape {}:?", name)};
  std::vector<std::string> shown;
  std::vector<std::string> asked;
  bool dynamic = false;
  for (const Dimension& dimension : *shape) {
    const auto known = free.find(dimension.name);
    const bool fixed = dimension.value && *dimension.value >= 0;
    if (fixed || known != free.end()) {
      asked.push_back(std::to_string(fixed ? *dimension.value : known->second));
    } else {
      dynamic = true;
      asked.emplace_back("?");
    }
    shown.push_back(fixed                    ? std::to_string(*dimension.value)
                    : dimension.name.empty() ? "?"
                                             : printable(dimension.name));
  }
  if (!dynamic) return std::nullopt;
  return DynamicInput{name, fmt::format("[{}]", join(shown, ",")),
                      fmt::format("--input-shape {}:{}", printable(name), join(asked, ","))};
}

Result<std::string> name_of_tensor(ByteView tensor) {
  std::string name;
  ONNXPACK_CHECK(wire::for_each_field(tensor, [&](const Field& field) -> Status {
    if (field.is_message(onnx_field::tensor_name)) name = as_text(field.content);
    return {};
  }));
  return name;
}

}  // namespace

Result<std::vector<DynamicInput>> dynamic_inputs(ByteView model,
                                                 const std::map<std::string, std::int64_t>& free,
                                                 const Shapes& shapes) {
  std::vector<DynamicInput> out;
  std::set<std::string> constants;
  const auto entry = [&](const Field& field) -> Status {
    if (field.is_message(onnx_field::graph_initializer)) {
      ONNXPACK_TRY(std::string name, name_of_tensor(field.content));
      constants.insert(std::move(name));
    }
    if (!field.is_message(onnx_field::graph_input)) return {};
    ONNXPACK_TRY(const std::string name, name_of_value(field.content));
    bool is_tensor = false;
    ONNXPACK_TRY(const auto shape, shape_of_value(field.content, is_tensor));
    if (!is_tensor || shapes.contains(name)) return {};
    if (auto dynamic = dynamic_input(name, shape, free)) out.push_back(std::move(*dynamic));
    return {};
  };
  ONNXPACK_CHECK(wire::for_each_field(model, [&](const Field& field) -> Status {
    return field.is_message(onnx_field::model_graph) ? wire::for_each_field(field.content, entry)
                                                     : Status{};
  }));
  std::erase_if(out, [&](const DynamicInput& input) { return constants.contains(input.name); });
  return out;
}

Result<Bytes> with_input_shapes(ByteView model, const Shapes& shapes) {
  std::vector<std::string> inputs;
  std::set<std::string> done;
  ONNXPACK_TRY(Bytes out,
               edit_field(model, onnx_field::model_graph, [&](ByteView graph) -> Result<Bytes> {
                 Bytes edited;
                 ONNXPACK_CHECK(wire::for_each_field(graph, [&](const Field& field) -> Status {
                   if (!field.is_message(onnx_field::graph_input)) {
                     append(edited, field.whole);
                     return {};
                   }
                   ONNXPACK_TRY(const std::string name, name_of_value(field.content));
                   inputs.push_back(name);
                   const auto wanted = shapes.find(name);
                   if (wanted == shapes.end()) {
                     append(edited, field.whole);
                     return {};
                   }
                   done.insert(name);
                   ONNXPACK_TRY(const Bytes value, edit_value(field.content, name, wanted->second));
                   wire::append_bytes_field(edited, onnx_field::graph_input, value);
                   return {};
                 }));
                 return edited;
               }));
  for (const auto& [name, shape] : shapes) {
    if (done.contains(name)) continue;
    const auto near = did_you_mean(name, inputs);
    return fail(ErrorKind::invalid_argument,
                fmt::format("the model has no input '{}'", printable(name)),
                near ? fmt::format("did you mean '{}'?", *near)
                     : fmt::format("inputs: {}", join(inputs, ", ")));
  }
  return out;
}

Result<std::set<std::string>> symbolic_dimensions(ByteView model) {
  std::set<std::string> out;
  const auto dimensions = [&out](const Field& field) -> Status {
    if (!field.is_message(onnx_field::tensor_type_shape)) return {};
    ONNXPACK_TRY(const auto shape, read_shape(field.content));
    for (const Dimension& dimension : shape) {
      if (!dimension.name.empty()) out.insert(dimension.name);
    }
    return {};
  };
  const auto descend = [](std::uint32_t number, auto inner) {
    return [number, inner](const Field& field) -> Status {
      return field.is_message(number) ? wire::for_each_field(field.content, inner) : Status{};
    };
  };
  const auto input =
      descend(onnx_field::graph_input,
              descend(onnx_field::value_type, descend(onnx_field::type_tensor, dimensions)));
  ONNXPACK_CHECK(wire::for_each_field(model, descend(onnx_field::model_graph, input)));
  return out;
}

}  // namespace onnxpack::ort_backend
