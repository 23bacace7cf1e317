#include "import.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "graph_inputs.h"
#include "onnxpack/base/text.h"
#include "onnxpack/tensor/tensor.h"

namespace onnxpack::openvino_backend {
namespace {

using Reshape = std::map<std::string, ov::PartialShape>;

std::unexpected<Error> unknown(std::string_view what, const std::string& name,
                               const std::vector<std::string>& known) {
  const auto near = did_you_mean(name, known);
  return fail(ErrorKind::invalid_argument, fmt::format("{} '{}'", what, printable(name)),
              near            ? fmt::format("did you mean '{}'?", *near)
              : known.empty() ? "the model names none"
                              : fmt::format("known: {}", join(known, ", ")));
}

// OpenVINO counts dimensions with a sign, from the end too.
template <typename Shape>
auto& at(Shape& shape, std::size_t index) {
  return shape[static_cast<std::ptrdiff_t>(index)];
}

std::vector<std::string> input_names(const ov::Model& model) {
  std::vector<std::string> out;
  for (const auto& input : model.inputs()) out.push_back(name_of(input, {}));
  return out;
}

// Dimension names say which dimensions of which inputs.
Status apply_dimensions(const std::string& path, const ov::Model& model, const FixedShapes& fixed,
                        Reshape& out) {
  if (fixed.free_dimensions.empty()) return {};
  ONNXPACK_TRY(const auto file, io::real_file_system().open(path));
  ONNXPACK_TRY(const auto dimensions, dimension_names(*file));
  std::set<std::string> names;
  const auto inputs = input_names(model);
  for (const auto& dimension : dimensions) {
    names.insert(dimension.name);
    const auto wanted = fixed.free_dimensions.find(dimension.name);
    if (wanted == fixed.free_dimensions.end()) continue;
    if (std::ranges::find(inputs, dimension.input) == inputs.end()) continue;
    auto [entry, added] = out.try_emplace(dimension.input);
    if (added) entry->second = model.input(dimension.input).get_partial_shape();
    if (dimension.index < entry->second.size()) at(entry->second, dimension.index) = wanted->second;
  }
  for (const auto& [name, value] : fixed.free_dimensions) {
    if (!names.contains(name))
      return unknown("no input has a dimension named", name, {names.begin(), names.end()});
  }
  return {};
}

Status apply_shape(const ov::Model& model, const std::string& name,
                   const std::vector<std::int64_t>& wanted, Reshape& out) {
  const auto known = input_names(model);
  if (std::ranges::find(known, name) == known.end())
    return unknown("the model has no input", name, known);
  ov::PartialShape found = model.input(name).get_partial_shape();
  if (found.rank().is_static() && found.size() != wanted.size()) {
    return fail(
        ErrorKind::invalid_argument,
        fmt::format("input '{}' has {} dimensions, the given shape {} has {}", printable(name),
                    found.size(), tensor::shape_string(wanted), wanted.size()));
  }
  for (std::size_t i = 0; found.rank().is_static() && i < wanted.size(); ++i) {
    if (at(found, i).compatible(wanted[i])) continue;
    return fail(
        ErrorKind::invalid_argument,
        fmt::format("dimension {} of input '{}' is {} in the model, the given shape {} says {}", i,
                    printable(name), at(found, i).to_string(), tensor::shape_string(wanted),
                    wanted[i]));
  }
  out[name] = ov::PartialShape(std::vector<ov::Dimension>(wanted.begin(), wanted.end()));
  return {};
}

}  // namespace

Result<std::shared_ptr<ov::Model>> import_model(ov::Core& core, const std::string& path,
                                                const FixedShapes& fixed) {
  ONNXPACK_TRY(auto model, in(guarded([&] { return core.read_model(path); }), path));
  Reshape shapes;
  ONNXPACK_TRY(auto done, guarded([&]() -> Status {
                 ONNXPACK_CHECK(apply_dimensions(path, *model, fixed, shapes));
                 for (const auto& [name, shape] : fixed.input_shapes)
                   ONNXPACK_CHECK(apply_shape(*model, name, shape, shapes));
                 return {};
               }));
  ONNXPACK_CHECK(std::move(done));
  if (!shapes.empty()) ONNXPACK_CHECK(guarded([&] { model->reshape(shapes); }));
  return model;
}

}  // namespace onnxpack::openvino_backend
