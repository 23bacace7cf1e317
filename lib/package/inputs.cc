#include "inputs.h"

#include <algorithm>

#include <fmt/format.h>

#include "onnxpack/base/text.h"
#include "onnxpack/model/input_ranges.h"
#include "onnxpack/model/tensor_proto.h"
#include "onnxpack/tensor/generate.h"
#include "onnxpack/tensor/npy.h"
#include "package_file_system.h"

namespace onnxpack::package {
namespace {

using manifest::ValueInfo;

constexpr std::uint64_t max_tensor_file = std::uint64_t{4} << 30;

Result<tensor::ElementType> element_type_of(const ValueInfo& input) {
  auto type = tensor::parse_element_type(input.type);
  if (!type || *type == tensor::ElementType::string) {
    return fail(ErrorKind::unsupported,
                fmt::format("input {} is a {}; only numeric tensors can be fed",
                            printable(input.name), input.type));
  }
  return *type;
}

// Sizes for dimensions that the model leaves open: small, and no smaller than what usual networks
// survive.
std::int64_t default_size(std::size_t rank, std::size_t axis) {
  if (axis == 0) return 1;  // batch
  if (rank >= 4)
    return axis == 1 ? 3
                     : 64;  // channels, then space: 64 divides by the strides of usual backbones
  return 16;                // sequence
}

Result<tensor::Shape> shape_of(const ValueInfo& input, const InputSource& source,
                               const Shapes& fixed, std::map<std::string, std::int64_t>& named) {
  auto given = fixed.find(input.name);
  if (given != fixed.end()) return given->second;
  auto asked = source.shapes.find(input.name);
  const tensor::Shape* wanted = asked != source.shapes.end() ? &asked->second : nullptr;
  if (!input.shape) {
    if (wanted != nullptr) return *wanted;
    return fail(ErrorKind::invalid_argument,
                fmt::format("input {} has no rank in the model, so its shape cannot be guessed",
                            printable(input.name)),
                fmt::format("say it with --input-shape {}:1,2,3", input.name));
  }
  std::size_t rank = input.shape->size();
  if (wanted != nullptr && wanted->size() != rank) {
    return fail(ErrorKind::invalid_argument,
                fmt::format("input {} has rank {}, --input-shape gives {} dimensions",
                            printable(input.name), rank, wanted->size()));
  }
  tensor::Shape out;
  for (std::size_t axis = 0; axis < rank; ++axis) {
    const auto& dimension = (*input.shape)[axis];
    std::int64_t size = dimension.value ? *dimension.value : default_size(rank, axis);
    if (!dimension.value && !dimension.name.empty() && dimension.name != "?") {
      if (wanted != nullptr) named[dimension.name] = (*wanted)[axis];
      size = named.try_emplace(dimension.name, size).first->second;
    }
    if (wanted != nullptr) {
      if (dimension.value && *dimension.value != (*wanted)[axis]) {
        return fail(ErrorKind::invalid_argument,
                    fmt::format("input {} has size {} in dimension {}, --input-shape says {}",
                                printable(input.name), *dimension.value, axis, (*wanted)[axis]));
      }
      size = (*wanted)[axis];
    }
    out.push_back(size);
  }
  return out;
}

Result<tensor::Tensor> generate_one(const ValueInfo& input, const InputSource& source,
                                    tensor::Shape shape,
                                    const std::vector<model::InputRange>& ranges) {
  ONNXPACK_TRY(auto type, element_type_of(input));
  tensor::InputSpec spec{.name = input.name, .type = type, .shape = std::move(shape)};
  for (const auto& range : ranges) {
    if (range.input != input.name) continue;
    spec.int_low = range.low;
    spec.int_high = range.high;
  }
  auto asked = source.ranges.find(input.name);
  if (asked != source.ranges.end()) {
    spec.distribution = tensor::Distribution::uniform;
    spec.low = asked->second.first;
    spec.high = asked->second.second;
    spec.int_low = static_cast<std::int64_t>(spec.low);
    spec.int_high = static_cast<std::int64_t>(spec.high);
  }
  return in(tensor::generate(spec, source.seed), fmt::format("input {}", printable(input.name)));
}

// A file's tensor made to fit the model's input: numpy lacks some of ONNX's types.
Result<tensor::Tensor> fit(const ValueInfo& input, tensor::Tensor value) {
  ONNXPACK_TRY(auto type, element_type_of(input));
  if (value.type != type) {
    auto as = tensor::reinterpret_as(value, type);
    if (!as) {
      return fail(ErrorKind::invalid_argument,
                  fmt::format("input {} is a {}, the file has {}", printable(input.name),
                              input.type, tensor::type_string(value.type)),
                  "convert it, e.g. with numpy's astype");
    }
    value = std::move(*as);
  }
  if (input.shape && input.shape->size() != value.shape.size()) {
    return fail(ErrorKind::invalid_argument,
                fmt::format("input {} has rank {}, the file has shape {}", printable(input.name),
                            input.shape->size(), tensor::shape_string(value.shape)));
  }
  for (std::size_t axis = 0; input.shape && axis < value.shape.size(); ++axis) {
    const auto& dimension = (*input.shape)[axis];
    if (dimension.value && *dimension.value != value.shape[axis]) {
      return fail(ErrorKind::invalid_argument,
                  fmt::format("input {} has size {} in dimension {}, the file has shape {}",
                              printable(input.name), *dimension.value, axis,
                              tensor::shape_string(value.shape)));
    }
  }
  return value;
}

Result<tensor::Tensor> load_file(const Environment& environment, const ValueInfo& input,
                                 const std::filesystem::path& path) {
  auto load = [&]() -> Result<tensor::Tensor> {
    if (path.extension() == ".npz") {
      ONNXPACK_TRY(auto arrays, tensor::load_npz(*environment.files, path));
      auto named = std::ranges::find(arrays, input.name, &tensor::NamedTensor::name);
      if (named != arrays.end()) return fit(input, std::move(named->value));
      if (arrays.size() == 1) return fit(input, std::move(arrays[0].value));
      return fail(ErrorKind::invalid_argument, fmt::format("holds {} arrays, none named {}",
                                                           arrays.size(), printable(input.name)));
    }
    ONNXPACK_TRY(auto value, tensor::load_npy(*environment.files, path));
    return fit(input, std::move(value));
  };
  return in(load(), printable(path.string()));
}

Result<tensor::Tensor> load_proto(const Environment& environment, const ValueInfo& input,
                                  const std::filesystem::path& path) {
  auto load = [&]() -> Result<tensor::Tensor> {
    ONNXPACK_TRY(std::string text, environment.files->read_text(path, max_tensor_file));
    ONNXPACK_TRY(auto data, model::parse_tensor_proto(as_bytes(text)));
    auto type = tensor::element_type_from_onnx(static_cast<std::int64_t>(data.type));
    if (!type)
      return fail(ErrorKind::unsupported,
                  fmt::format("element type {} cannot be fed", model::to_string(data.type)));
    return fit(input, tensor::Tensor{*type, data.dims, std::move(data.raw)});
  };
  return in(load(), printable(path.string()));
}

Result<InputSet> test_data_set(const Environment& environment, const manifest::Component& component,
                               const std::filesystem::path& folder) {
  InputSet out;
  out.description = folder.filename().string();
  for (std::size_t i = 0; i < component.inputs.size(); ++i) {
    auto path = folder / fmt::format("input_{}.pb", i);
    ONNXPACK_TRY(auto value, load_proto(environment, component.inputs[i], path));
    out.tensors.push_back({component.inputs[i].name, std::move(value)});
  }
  return out;
}

Status check_names(const manifest::Component& component, const InputSource& source) {
  std::vector<std::string> known;
  for (const auto& input : component.inputs) known.push_back(input.name);
  auto check = [&](const std::string& name, std::string_view option) -> Status {
    if (std::ranges::find(known, name) != known.end()) return {};
    auto near = did_you_mean(name, known);
    return fail(ErrorKind::invalid_argument,
                fmt::format("{} names '{}', but component {} has the inputs {}", option,
                            printable(name), component.name, join(known, ", ")),
                near ? fmt::format("did you mean '{}'?", *near) : "");
  };
  for (const auto& [name, file] : source.files) ONNXPACK_CHECK(check(name, "--input"));
  for (const auto& [name, range] : source.ranges) ONNXPACK_CHECK(check(name, "--input-range"));
  for (const auto& [name, shape] : source.shapes) ONNXPACK_CHECK(check(name, "--input-shape"));
  return {};
}

}  // namespace

Result<std::vector<InputSet>> make_inputs(const Environment& environment,
                                          const PackageFile& package,
                                          const manifest::Component& component,
                                          const InputSource& source, const Shapes& fixed) {
  // Options may speak of one of several components; only with one they can be checked against it.
  if (package.manifest().components.size() == 1) ONNXPACK_CHECK(check_names(component, source));
  std::vector<InputSet> out;
  for (const auto& folder : source.test_data_sets) {
    ONNXPACK_TRY(auto set, test_data_set(environment, component, folder));
    out.push_back(std::move(set));
  }
  if (!out.empty()) return out;

  auto files = package_file_system(package);
  ONNXPACK_TRY(auto model, model::ModelFile::open(*files, component.model));
  ONNXPACK_TRY(auto ranges, model::input_ranges(model));
  InputSet set;
  std::map<std::string, std::int64_t> named;
  std::vector<std::string> given;
  for (const auto& input : component.inputs) {
    auto file = source.files.find(input.name);
    if (file != source.files.end()) {
      ONNXPACK_TRY(auto value, load_file(environment, input, file->second));
      given.push_back(file->second.filename().string());
      set.tensors.push_back({input.name, std::move(value)});
      continue;
    }
    ONNXPACK_TRY(auto shape, shape_of(input, source, fixed, named));
    ONNXPACK_TRY(auto value, generate_one(input, source, std::move(shape), ranges));
    set.generated = true;
    set.tensors.push_back({input.name, std::move(value)});
  }
  if (set.generated) given.push_back(fmt::format("generated, seed {}", source.seed));
  set.description = join(given, ", ");
  out.push_back(std::move(set));
  return out;
}

std::string shape_conflict(const InputSet& set, const Shapes& fixed) {
  for (const auto& input : set.tensors) {
    auto wanted = fixed.find(input.name);
    if (wanted != fixed.end() && wanted->second != input.value.shape) {
      return fmt::format("compiled for {} of shape {}, the input has {}", printable(input.name),
                         tensor::shape_string(wanted->second),
                         tensor::shape_string(input.value.shape));
    }
  }
  return {};
}

}  // namespace onnxpack::package
