#include "build_flags.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "onnxpack/base/text.h"
#include "onnxpack/model/signature.h"
#include "values.h"

namespace onnxpack::cli {
namespace {

// The settings that a "TARGET/..." text is about, and the rest of the text.
std::pair<package::CompileSettings*, std::string> settings_for(package::BuildRequest& request,
                                                               const std::string& text) {
  std::vector<std::string> names;
  for (const auto& target : request.targets) names.push_back(target.name);
  auto [target, rest] = split_target(text, names);
  return {target.empty() ? &request.settings : &request.target_settings[target], rest};
}

// "TARGET", "TARGET/COMPONENT", either with "@LABEL" behind.
package::SourceRequest source_of(std::string text) {
  package::SourceRequest out;
  if (auto at = text.rfind('@'); at != std::string::npos) {
    out.label = text.substr(at + 1);
    text.resize(at);
  }
  auto slash = text.rfind('/');
  out.target = text.substr(0, slash);
  if (slash != std::string::npos) out.component = text.substr(slash + 1);
  return out;
}

bool same_place(const package::SourceRequest& a, const package::SourceRequest& b) {
  return a.target == b.target && a.component == b.component && a.label == b.label;
}

// "NAME", or "NAME:KEY=VALUE,KEY=VALUE"; values as those of backend options.
Result<package::TransformationRequest> transformation_of(const std::string& text) {
  auto colon = text.find(':');
  package::TransformationRequest out{text.substr(0, colon)};
  if (colon == std::string::npos) return out;
  for (std::string_view item : split(std::string_view(text).substr(colon + 1), ',')) {
    ONNXPACK_TRY(auto pair, parse_pair(item, "KEY=VALUE"));
    auto value = json::parse(pair.second);
    out.parameters[pair.first] = value ? std::move(*value) : json::Value(pair.second);
  }
  return out;
}

}  // namespace

void TargetFlags::declare_sources(Flags& flags) {
  flags.texts("--source", "TARGET[/COMPONENT][@LABEL]=MODEL",
              "compile this target from another model, a quantised one say; with a label as a "
              "further variant; may be repeated",
              sources_);
  flags.texts("--transform", "TARGET[/COMPONENT][@LABEL]=NAME[:KEY=VALUE,...]",
              "compile it from what a transformation makes of the model: lower-flex-attention, "
              "ternarize; may be repeated, in order",
              transformations_);
  flags.texts(
      "--ternarize", "TARGET[/COMPONENT][@LABEL][=KIND]",
      "compile it with exactly ternary weights as codes: t5r (1.6 bits, the default), t5k, u2, "
      "standard or portable; may be repeated, each is a variant",
      ternarized_);
  flags.texts("--source-precision", "TARGET[/COMPONENT][@LABEL]=PRECISION",
              "what such a model promises: fp16, int8, ... (default: read off the model)",
              precisions_);
}

void TargetFlags::declare_shapes(Flags& flags) {
  flags.heading("Shapes and options; TARGET/ in front restricts one to that target");
  flags.texts("--input-shape", "[TARGET/]INPUT:1,3,48,192",
              "fix an input's shape, for compilers that need that", shapes_);
  flags.texts("--free-dimension-override", "[TARGET/]NAME=N", "fix a named dimension", dimensions_);
  flags.texts("--backend-option", "[TARGET/]BACKEND.KEY=VALUE",
              "an option of a backend; the value may be JSON", options_);
}

Status TargetFlags::apply(package::BuildRequest& request) const {
  ONNXPACK_CHECK(apply_settings(request));
  return apply_sources(request);
}

Status TargetFlags::apply_settings(package::BuildRequest& request) const {
  for (const std::string& text : shapes_) {
    auto [settings, rest] = settings_for(request, text);
    ONNXPACK_TRY(auto shape, in(model::parse_input_shape(rest), "--input-shape"));
    settings->input_shapes[shape.input] = shape.dims;
  }
  for (const std::string& text : dimensions_) {
    auto [settings, rest] = settings_for(request, text);
    ONNXPACK_TRY(auto dimension,
                 in(model::parse_dimension_override(rest), "--free-dimension-override"));
    settings->free_dimensions[dimension.name] = dimension.size;
  }
  for (const std::string& text : options_) {
    auto [settings, rest] = settings_for(request, text);
    ONNXPACK_TRY(auto option, in(parse_backend_option(rest), "--backend-option"));
    settings->backend_options[option.backend][option.key] = option.value;
  }
  return {};
}

Status TargetFlags::apply_sources(package::BuildRequest& request) const {
  for (const std::string& text : sources_) {
    ONNXPACK_TRY(auto pair, in(parse_pair(text, "TARGET=MODEL"), "--source"));
    auto source = source_of(pair.first);
    source.model = pair.second;
    request.sources.push_back(std::move(source));
  }
  auto find = [&request](const package::SourceRequest& wanted) {
    return std::ranges::find_if(request.sources,
                                [&](const auto& source) { return same_place(source, wanted); });
  };
  for (const std::string& text : transformations_) {
    ONNXPACK_TRY(auto pair, in(parse_pair(text, "TARGET=TRANSFORMATION"), "--transform"));
    ONNXPACK_TRY(auto step, in(transformation_of(pair.second), "--transform"));
    auto wanted = source_of(pair.first);
    auto found = find(wanted);
    if (found == request.sources.end()) found = request.sources.insert(found, std::move(wanted));
    found->transformations.push_back(std::move(step));
  }
  for (const std::string& text : ternarized_) {
    auto equals = text.find('=');
    auto kind = equals == std::string::npos ? "t5r" : text.substr(equals + 1);
    ONNXPACK_TRY(auto source, in(package::ternary_source(source_of(text.substr(0, equals)), kind),
                                 "--ternarize"));
    request.sources.push_back(std::move(source));
  }
  for (const std::string& text : precisions_) {
    ONNXPACK_TRY(auto pair, in(parse_pair(text, "TARGET=PRECISION"), "--source-precision"));
    auto wanted = source_of(pair.first);
    auto found = find(wanted);
    if (found == request.sources.end()) {
      return fail(
          ErrorKind::invalid_argument,
          fmt::format("--source-precision {}: this target has no --source", printable(pair.first)));
    }
    found->precision = pair.second;
  }
  return {};
}

}  // namespace onnxpack::cli
