#include "source.h"

#include <algorithm>
#include <array>
#include <set>

#include <fmt/format.h>

#include "onnxpack/base/text.h"
#include "onnxpack/crypto/digest.h"
#include "onnxpack/tensor/compare.h"

namespace onnxpack::package {
namespace {

struct Place {
  std::size_t target;
  std::size_t component;
};

std::string flag_of(const SourceRequest& source) {
  return source.model.empty() ? "--transform" : "--source";
}

Result<Place> place_of(const BuildRequest& request, const SourceRequest& source,
                       const std::vector<PreparedComponent>& components) {
  auto target = std::ranges::find(request.targets, source.target, &target::Target::name);
  if (target == request.targets.end()) {
    return fail(ErrorKind::invalid_argument,
                fmt::format("{} {}: no such target is asked for", flag_of(source),
                            printable(source.target)));
  }
  auto component = std::ranges::find(components, source.component,
                                     [](const auto& one) { return one.description.name; });
  if (component == components.end()) {
    return fail(
        ErrorKind::invalid_argument,
        fmt::format("{} {}: there is no component {}", flag_of(source), printable(source.target),
                    printable(source.component)),
        fmt::format("with several components, name one: {} TARGET/COMPONENT=...", flag_of(source)));
  }
  return Place{static_cast<std::size_t>(target - request.targets.begin()),
               static_cast<std::size_t>(component - components.begin())};
}

bool may_be_equal(const manifest::Dimension& a, const manifest::Dimension& b) {
  return !a.value || !b.value || a.value == b.value;
}

bool may_be_equal(const manifest::ValueInfo& a, const manifest::ValueInfo& b) {
  if (a.name != b.name || a.type != b.type) return false;
  if (!a.shape || !b.shape) return true;
  return std::ranges::equal(*a.shape, *b.shape, [](const auto& left, const auto& right) {
    return may_be_equal(left, right);
  });
}

std::string signature(const std::vector<manifest::ValueInfo>& values) {
  std::vector<std::string> out;
  for (const auto& value : values) {
    std::vector<std::string> dims;
    for (const auto& dim : value.shape.value_or(std::vector<manifest::Dimension>()))
      dims.push_back(dim.value ? std::to_string(*dim.value) : dim.name.empty() ? "?" : dim.name);
    out.push_back(fmt::format("{} {} [{}]", value.name, value.type, join(dims, ",")));
  }
  return printable(join(out, "; "));
}

// A variant takes the place of the whole graph, so its model must look the same from outside.
Status check_signature(const manifest::Component& original, const manifest::Component& source) {
  auto same = [](const auto& a, const auto& b) {
    return std::ranges::equal(
        a, b, [](const auto& left, const auto& right) { return may_be_equal(left, right); });
  };
  for (const auto& [what, a, b] : {std::tuple("inputs", &original.inputs, &source.inputs),
                                   std::tuple("outputs", &original.outputs, &source.outputs)}) {
    if (same(*a, *b)) continue;
    return fail(
        ErrorKind::invalid_argument,
        fmt::format("its {} are {}; the component's are {}", what, signature(*b), signature(*a)),
        "export it with the same names, types and shapes");
  }
  return {};
}

Result<manifest::SourceModel> describe(const Environment& environment,
                                       const PreparedComponent& prepared) {
  const manifest::Original& original = prepared.description.original;
  manifest::SourceModel out;
  out.file_name = original.file_name;
  out.size = original.size;
  out.sha256 = original.sha256;
  for (std::size_t i = 0; i < prepared.model.external_files().size(); ++i) {
    ONNXPACK_TRY(auto file, prepared.model.open_external(i));
    ONNXPACK_TRY(auto digest, crypto::sha256_file(*file, environment.cancel));
    out.external_data[prepared.model.external_files()[i].location] = digest.hex();
  }
  return out;
}

// Names of variants are file names.
Status check_label(const SourceRequest& source) {
  static constexpr std::string_view allowed = "abcdefghijklmnopqrstuvwxyz0123456789-";
  if (source.label.find_first_not_of(allowed) == std::string::npos) return {};
  return fail(ErrorKind::invalid_argument,
              fmt::format("{} {}@{}: a label is of lower-case letters, digits and '-'",
                          flag_of(source), printable(source.target), printable(source.label)));
}

bool quantises(const model::Node& node) {
  static constexpr auto words = std::to_array<std::string_view>(
      {"QuantizeLinear", "DequantizeLinear", "QLinear", "ConvInteger", "MatMulInteger",
       "MatMulNBits", "QAttention", "QGemm"});
  return std::ranges::any_of(
      words, [&](std::string_view word) { return node.op_type.find(word) != std::string::npos; });
}

}  // namespace

std::string precision_of(const model::ModelFile& model) {
  auto holds = [&](auto... types) {
    return std::ranges::any_of(model.constants(), [&](const model::Constant& constant) {
      return ((constant.type == types) || ...);
    });
  };
  using model::DataType;
  if (std::ranges::any_of(model.nodes(), quantises)) {
    bool four = holds(DataType::int4, DataType::uint4, DataType::float4e2m1, DataType::int2,
                      DataType::uint2) ||
                std::ranges::any_of(model.nodes(),
                                    [](const auto& node) { return node.op_type == "MatMulNBits"; });
    return four ? "int4" : "int8";
  }
  if (holds(DataType::bfloat16)) return "bf16";
  return holds(DataType::float16) ? "fp16" : "fp32";
}

std::string coarser_precision(const std::string& a, const std::string& b) {
  auto precision = [](const std::string& text) {
    return tensor::parse_precision(text).value_or(tensor::Precision::fp32);
  };
  auto limit = [&](const std::string& text) {
    return tensor::tolerance_of(precision(text)).relative_rms;
  };
  return std::string(tensor::to_string(precision(limit(a) >= limit(b) ? a : b)));
}

namespace {

// What a source is made from: a model of its own, or the component's.
struct Base {
  const PreparedComponent* prepared;
  const manifest::SourceModel* description;  // null: the component's own model
};

class Deriver {
 public:
  Deriver(const Environment& environment, const manifest::Component& component,
          const std::filesystem::path& folder)
      : environment_(environment), component_(component), folder_(folder) {}

  // Applies the steps in turn. `out` holds what the base is; what it says is completed.
  Status apply(const Base& base, const std::vector<TransformationRequest>& steps,
               PreparedSource& out) {
    model::ModelFile model = base.prepared->model;
    manifest::SourceModel description;
    if (base.description != nullptr) description = *base.description;
    if (description.derived_from.empty())
      description.derived_from = base.prepared->description.original.sha256;
    for (std::size_t i = 0; i < steps.size(); ++i) {
      ONNXPACK_TRY(auto step, find_transformation(steps[i].name));
      manifest::AppliedTransformation applied;
      applied.name = fmt::format("{}/{}", step->name, step->version);
      ONNXPACK_TRY(applied.parameters,
                   in(complete_parameters(*step, steps[i].parameters), applied.name));
      auto folder = folder_ / fmt::format("step-{}", i);
      ONNXPACK_CHECK(environment_.files->make_directories(folder));
      ONNXPACK_TRY(auto made,
                   in(step->apply(environment_, model, applied.parameters, folder), applied.name));
      model = std::move(made.model);
      if (!made.precision.empty()) out.precision = coarser_precision(out.precision, made.precision);
      std::ranges::move(made.notes, std::back_inserter(out.notes));
      for (auto& [backend, options] : made.backend_options)
        for (auto& [key, value] : options) out.backend_options[backend][key] = value;
      description.transformations.push_back(std::move(applied));
    }
    // The component's own model has been warned about; ours is of our making.
    std::vector<std::string> unheard;
    const std::string shown = base.prepared->description.original.file_name;
    ONNXPACK_TRY(out.prepared,
                 prepare_model(environment_, component_.name, shown, std::move(model), unheard));
    ONNXPACK_CHECK(check_signature(component_, out.prepared->description));
    ONNXPACK_TRY(out.description, describe(environment_, *out.prepared));
    out.description.derived_from = std::move(description.derived_from);
    out.description.transformations = std::move(description.transformations);
    return {};
  }

 private:
  const Environment& environment_;
  const manifest::Component& component_;
  std::filesystem::path folder_;
};

}  // namespace

Result<Sources> Sources::prepare(const Environment& environment, const BuildRequest& request,
                                 const std::vector<PreparedComponent>& components,
                                 const std::filesystem::path& scratch,
                                 std::vector<std::string>& warnings) {
  Sources out(environment, components, scratch);
  for (const SourceRequest& source : request.sources)
    ONNXPACK_CHECK(out.add(request, source, warnings));
  return out;
}

Status Sources::add(const BuildRequest& request, const SourceRequest& source,
                    std::vector<std::string>& warnings) {
  const std::string flag = flag_of(source);
  ONNXPACK_TRY(auto place, place_of(request, source, *components_));
  ONNXPACK_CHECK(check_label(source));
  for (const Given& other : given_) {
    if (other.target == place.target && other.component == place.component &&
        other.source->label == source.label)
      return fail(ErrorKind::invalid_argument,
                  fmt::format("{} {}: given twice", flag, printable(source.target)));
  }
  if (!source.precision.empty())
    ONNXPACK_CHECK(in(tensor::parse_precision(source.precision), "--source-precision"));
  const PreparedComponent& component = (*components_)[place.component];
  PreparedSource& made = made_.emplace_back();
  made.component = place.component;
  made.label = source.label;
  made.instead = source.instead;
  made.root = scratch_ / fmt::format("source-{}", made_.size());
  Base base{&component, nullptr};
  if (!source.model.empty()) {
    std::string where =
        fmt::format("{} {}: {}", flag, printable(source.target), printable(source.model.string()));
    ONNXPACK_TRY(
        made.prepared,
        prepare_component(*environment_, {component.description.name, source.model}, warnings));
    ONNXPACK_CHECK(in(check_signature(component.description, made.prepared->description), where));
    ONNXPACK_TRY(made.description, describe(*environment_, *made.prepared));
    made.precision =
        source.precision.empty() ? precision_of(made.prepared->model) : source.precision;
    base = {&*made.prepared, &made.description};
  }
  if (!source.transformations.empty()) {
    PreparedSource derived = made;
    ONNXPACK_CHECK(in(Deriver(*environment_, component.description, made.root)
                          .apply(base, source.transformations, derived),
                      fmt::format("--transform {}", printable(source.target))));
    made = std::move(derived);
  }
  if (!source.precision.empty()) made.precision = source.precision;
  given_.push_back({place.target, place.component, &made});
  return {};
}

Result<std::vector<const PreparedSource*>> Sources::of(std::size_t target, std::size_t component,
                                                       const std::vector<std::string>& domains) {
  std::vector<const PreparedSource*> bases;
  bool replaced = false;
  for (const Given& given : given_) {
    if (given.target != target || given.component != component) continue;
    bases.push_back(given.source);
    replaced = replaced || given.source->label.empty() || given.source->instead;
  }
  if (!replaced) bases.insert(bases.begin(), nullptr);
  std::vector<const PreparedSource*> out;
  for (const PreparedSource* base : bases)
    ONNXPACK_CHECK(add_loadable(base, component, domains, out));
  return out;
}

// The base, or what must be made of it for a backend that takes these operators.
Status Sources::add_loadable(const PreparedSource* base, std::size_t component,
                             const std::vector<std::string>& domains,
                             std::vector<const PreparedSource*>& out) {
  const PreparedComponent& prepared = base != nullptr ? *base->prepared : (*components_)[component];
  ONNXPACK_TRY(auto derivations, needed_derivations(prepared.model, domains));
  if (derivations.empty()) out.push_back(base);
  std::set<std::string> seen;  // forms that turn out to be one are one variant
  for (const Derivation& derivation : derivations) {
    ONNXPACK_TRY(const PreparedSource* made, derive(base, component, derivation));
    if (seen.insert(made->description.sha256).second) out.push_back(made);
  }
  return {};
}

Result<const PreparedSource*> Sources::derive(const PreparedSource* base, std::size_t component,
                                              const Derivation& derivation) {
  std::string key =
      fmt::format("{}:{}:{}", component, static_cast<const void*>(base), derivation.label);
  for (const auto& step : derivation.steps)
    key += fmt::format(":{}{}", step.name, json::compact(step.parameters));
  if (auto known = derived_.find(key); known != derived_.end()) return known->second;
  const PreparedComponent& own = (*components_)[component];
  PreparedSource& made = made_.emplace_back();
  made.component = component;
  made.root = scratch_ / fmt::format("source-{}", made_.size());
  Base from{&own, nullptr};
  if (base != nullptr) {
    from = {&*base->prepared, &base->description};
    made.label = base->label;
    made.precision = base->precision;
    made.notes = base->notes;
    made.backend_options = base->backend_options;
  }
  if (!made.label.empty() && !derivation.label.empty()) made.label += '-';
  made.label += derivation.label;
  ONNXPACK_CHECK(
      in(Deriver(*environment_, own.description, made.root).apply(from, derivation.steps, made),
         printable(from.prepared->model.path().string())));
  derived_[key] = &made;
  return &made;
}

std::filesystem::path stage_root(const std::filesystem::path& scratch,
                                 const PreparedSource* source) {
  return source == nullptr ? scratch : source->root;
}

}  // namespace onnxpack::package
