#include "transformations.h"

#include <array>

#include <fmt/format.h>

#include "onnxpack/base/text.h"
#include "onnxpack/transform/flex_attention.h"

namespace onnxpack::package {
namespace {

constexpr std::array table = std::to_array<Transformation>({
    // One line per transformation.
    {"lower-flex-attention", 1, "form=operators|expanded", complete_lower_flex, lower_flex},
    {"ternarize", 1,
     "form=operators|standard|portable,encoding=t5r|t5k|u2,activations=int8|float32,"
     "negative_zero=refuse|as_zero",
     complete_ternarize, ternarize_model},
});

// The domain of libonnxpack_ops.
constexpr std::string_view own_domain = "org.onnxpack";

TransformationRequest lower_to(const char* form) {
  return {"lower-flex-attention/1", {{"form", form}}};
}

}  // namespace

std::span<const Transformation> transformations() {
  return table;
}

Result<const Transformation*> find_transformation(std::string_view text) {
  auto slash = text.find('/');
  std::string name(text.substr(0, slash));
  std::vector<std::string> known;
  for (const Transformation& one : table) {
    known.emplace_back(one.name);
    if (one.name != name) continue;
    if (slash == std::string_view::npos || text.substr(slash + 1) == std::to_string(one.version))
      return &one;
    return fail(ErrorKind::unsupported,
                fmt::format("{} is here in version {}, not {}", one.name, one.version,
                            printable(text.substr(slash + 1))));
  }
  auto near = did_you_mean(name, known);
  return fail(ErrorKind::not_found, fmt::format("there is no transformation '{}'", printable(name)),
              near ? fmt::format("did you mean '{}'?", *near)
                   : fmt::format("there are {}", join(known, ", ")));
}

Result<json::Object> complete_parameters(const Transformation& transformation,
                                         const json::Object& given) {
  auto complete = transformation.complete(given);
  if (complete) return complete;
  // To a reader of JSON a wrong value is corrupt; here somebody asked for it.
  const Error& error = complete.error();
  return fail(ErrorKind::invalid_argument, error.message(), error.hint());
}

Result<std::vector<Derivation>> needed_derivations(const model::ModelFile& model,
                                                   const std::vector<std::string>& domains) {
  ONNXPACK_TRY(bool has, transform::has_flex_attention(model));
  if (!has) return std::vector<Derivation>();
  if (std::ranges::find(domains, own_domain) == domains.end())
    return std::vector<Derivation>{{"", {lower_to("expanded")}}};
  return std::vector<Derivation>{{"", {lower_to("operators")}},
                                 {"expanded", {lower_to("expanded")}}};
}

}  // namespace onnxpack::package
