#include "source.h"

#include <algorithm>
#include <array>

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

Result<Place> place_of(const BuildRequest& request, const SourceRequest& source,
                       const std::vector<PreparedComponent>& components) {
  auto target = std::ranges::find(request.targets, source.target, &target::Target::name);
  if (target == request.targets.end()) {
    return fail(ErrorKind::invalid_argument,
                fmt::format("--source {}: no such target is asked for", printable(source.target)));
  }
  auto component = std::ranges::find(components, source.component,
                                     [](const auto& one) { return one.description.name; });
  if (component == components.end()) {
    return fail(ErrorKind::invalid_argument,
                fmt::format("--source {}: there is no component {}", printable(source.target),
                            printable(source.component)),
                "with several components, name one: --source TARGET/COMPONENT=MODEL");
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
  manifest::SourceModel out{original.file_name, original.size, original.sha256, {}, {}};
  for (std::size_t i = 0; i < prepared.model.external_files().size(); ++i) {
    ONNXPACK_TRY(auto file, prepared.model.open_external(i));
    ONNXPACK_TRY(auto digest, crypto::sha256_file(*file, environment.cancel));
    out.external_data[prepared.model.external_files()[i].location] = digest.hex();
  }
  return out;
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

Result<std::vector<PreparedSource>> prepare_sources(
    const Environment& environment, const BuildRequest& request,
    const std::vector<PreparedComponent>& components, std::vector<std::string>& warnings) {
  std::vector<PreparedSource> out;
  for (const SourceRequest& source : request.sources) {
    ONNXPACK_TRY(auto place, place_of(request, source, components));
    if (find_source(out, place.target, place.component) != nullptr) {
      return fail(ErrorKind::invalid_argument,
                  fmt::format("--source {}: given twice", printable(source.target)));
    }
    if (!source.precision.empty())
      ONNXPACK_CHECK(in(tensor::parse_precision(source.precision), "--source-precision"));
    const manifest::Component& component = components[place.component].description;
    ONNXPACK_TRY(auto prepared,
                 prepare_component(environment, {component.name, source.model}, warnings));
    ONNXPACK_CHECK(in(check_signature(component, prepared.description),
                      fmt::format("--source {}: {}", printable(source.target),
                                  printable(source.model.string()))));
    ONNXPACK_TRY(auto description, describe(environment, prepared));
    std::string precision =
        source.precision.empty() ? precision_of(prepared.model) : source.precision;
    out.push_back({place.target, place.component, std::move(prepared), std::move(precision),
                   std::move(description)});
  }
  return out;
}

std::filesystem::path stage_root(const std::filesystem::path& scratch,
                                 const PreparedSource* source) {
  if (source == nullptr) return scratch;
  return scratch / fmt::format("source-{}-{}", source->target, source->component);
}

const PreparedSource* find_source(const std::vector<PreparedSource>& sources, std::size_t target,
                                  std::size_t component) {
  auto found = std::ranges::find_if(sources, [&](const PreparedSource& one) {
    return one.target == target && one.component == component;
  });
  return found == sources.end() ? nullptr : &*found;
}

}  // namespace onnxpack::package
