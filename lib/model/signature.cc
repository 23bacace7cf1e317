#include "onnxpack/model/signature.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <optional>
#include <set>

#include "onnxpack/base/text.h"

namespace onnxpack::model {
namespace {

template <typename... Args>
std::unexpected<Error> invalid(fmt::format_string<Args...> text, Args&&... args) {
  return fail(ErrorKind::invalid_argument, fmt::format(text, std::forward<Args>(args)...));
}

std::optional<std::int64_t> parse_size_number(std::string_view text) {
  text = trim(text);
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value < 0) return std::nullopt;
  return value;
}

std::string suggestion(std::string_view word, const std::vector<std::string>& known) {
  std::string out;
  if (auto near = did_you_mean(word, known))
    out = fmt::format("did you mean {}? ", printable(*near));
  if (known.empty()) return out + "there are none";
  return out + "there are: " + printable(join(known, ", "));
}

// A size for one dimension and which option asked for it.
struct Bound {
  std::int64_t size = 0;
  std::string origin;
  bool ambiguous = false;  // two --input-shape sizes for one name
};
using Bounds = std::map<std::string, Bound>;

Status unknown_dimension(const ModelFile& model, std::string_view name) {
  std::set<std::string> names;
  for (const auto& input : model.inputs()) {
    for (const auto& dimension : input.shape.value_or(Shape{})) {
      if (!dimension.name.empty()) names.insert(dimension.name);
    }
  }
  if (names.contains(std::string(name))) return {};
  return fail(ErrorKind::invalid_argument,
              fmt::format("no input has a dimension named '{}'", printable(name)),
              suggestion(name, {names.begin(), names.end()}) +
                  "; dimensions without a name are fixed by --input-shape");
}

Result<Bounds> bind_overrides(const ModelFile& model, const ShapeRequest& request) {
  Bounds bounds;
  for (const auto& [name, size] : request.dimensions) {
    ONNXPACK_CHECK(unknown_dimension(model, name));
    const auto [found, added] = bounds.emplace(
        name, Bound{size, fmt::format("--free-dimension-override {}={}", printable(name), size)});
    if (!added && found->second.size != size) {
      return invalid("dimension {} is given two sizes, {} and {}", printable(name),
                     found->second.size, size);
    }
  }
  return bounds;
}

Status fix_input(ValueInfo& input, const InputShape& wanted, Bounds& bounds) {
  auto& shape = *input.shape;
  for (std::size_t i = 0; i < shape.size(); ++i) {
    auto& dimension = shape[i];
    const auto size = wanted.dims[i];
    if (dimension.size && *dimension.size != size) {
      return invalid("dimension {} of input {} is {} in the model, --input-shape says {}", i,
                     printable(input.name), *dimension.size, size);
    }
    if (!dimension.size && !dimension.name.empty()) {
      auto [found, added] = bounds.emplace(dimension.name, Bound{size, "--input-shape"});
      auto& bound = found->second;
      if (!added && bound.size != size) {
        if (bound.origin != "--input-shape") {
          return invalid("dimension {} of input {} is {} by --input-shape and {} by {}", i,
                         printable(input.name), size, bound.size, bound.origin);
        }
        bound.ambiguous = true;
      }
    }
    dimension.size = size;
  }
  return {};
}

Status fix_inputs(const ModelFile& model, const ShapeRequest& request, Bounds& bounds,
                  std::vector<ValueInfo>& inputs) {
  std::set<std::string> seen;
  for (const auto& wanted : request.inputs) {
    auto input = std::ranges::find(inputs, wanted.input, &ValueInfo::name);
    if (input == inputs.end()) {
      std::vector<std::string> names;
      for (const auto& each : model.inputs()) names.push_back(each.name);
      return fail(ErrorKind::invalid_argument,
                  fmt::format("no input is named '{}'", printable(wanted.input)),
                  suggestion(wanted.input, names));
    }
    if (!seen.insert(wanted.input).second) {
      return invalid("input {} is given two shapes", printable(wanted.input));
    }
    if (!input->type.empty() && !input->type.starts_with("tensor(") &&
        !input->type.starts_with("sparse_tensor(")) {
      return invalid("input {} is {}, which has no shape to fix", printable(input->name),
                     printable(input->type));
    }
    if (!input->shape)
      input->shape = Shape(wanted.dims.size());  // unknown rank: the request decides
    if (input->shape->size() != wanted.dims.size()) {
      return invalid("input {} has {} dimensions {}, --input-shape gives {}",
                     printable(input->name), input->shape->size(),
                     printable(to_string(*input->shape)), wanted.dims.size());
    }
    ONNXPACK_CHECK(fix_input(*input, wanted, bounds));
  }
  return {};
}

void spread(const Bounds& bounds, EffectiveSignature& out) {
  for (auto& input : out.inputs) {
    if (!input.shape) {
      if (input.type.starts_with("tensor(") || input.type.empty()) {
        out.free.push_back(printable(input.name) + " (rank)");
      }
      continue;
    }
    for (std::size_t i = 0; i < input.shape->size(); ++i) {
      auto& dimension = (*input.shape)[i];
      const auto bound = dimension.name.empty() ? bounds.end() : bounds.find(dimension.name);
      if (!dimension.size && bound != bounds.end() && !bound->second.ambiguous) {
        dimension.size = bound->second.size;
      }
      if (dimension.size) continue;
      out.free.push_back(dimension.name.empty() ? fmt::format("{}[{}]", printable(input.name), i)
                                                : fmt::format("{}[{}] ({})", printable(input.name),
                                                              i, printable(dimension.name)));
    }
  }
}

}  // namespace

Result<DimensionOverride> parse_dimension_override(std::string_view text) {
  const auto equals = text.rfind('=');
  if (equals == std::string_view::npos || equals == 0) {
    return invalid("'{}' is no dimension override, expected NAME=N", printable(text));
  }
  const auto size = parse_size_number(text.substr(equals + 1));
  if (!size || *size == 0) {
    return invalid("'{}' in '{}' is no size, expected a whole number from 1",
                   printable(text.substr(equals + 1)), printable(text));
  }
  return DimensionOverride{std::string(text.substr(0, equals)), *size};
}

Result<InputShape> parse_input_shape(std::string_view text) {
  const auto colon = text.rfind(':');
  if (colon == std::string_view::npos || colon == 0) {
    return invalid("'{}' is no input shape, expected INPUT:1,3,48,192", printable(text));
  }
  InputShape out{std::string(text.substr(0, colon)), {}};
  const auto list = trim(text.substr(colon + 1));
  if (list.empty()) return out;
  for (const auto part : split(list, ',')) {
    const auto size = parse_size_number(part);
    if (!size) {
      return invalid("'{}' in '{}' is no size, expected INPUT:1,3,48,192", printable(part),
                     printable(text));
    }
    out.dims.push_back(*size);
  }
  return out;
}

Result<EffectiveSignature> effective_signature(const ModelFile& model,
                                               const ShapeRequest& request) {
  ONNXPACK_TRY(Bounds bounds, bind_overrides(model, request));
  EffectiveSignature out{.inputs = model.inputs(), .bound = {}, .free = {}};
  ONNXPACK_CHECK(fix_inputs(model, request, bounds, out.inputs));
  spread(bounds, out);
  for (const auto& [name, bound] : bounds) {
    if (!bound.ambiguous) out.bound.emplace(name, bound.size);
  }
  return out;
}

}  // namespace onnxpack::model
