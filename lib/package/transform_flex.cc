// lower-flex-attention/1: ai.onnx.preview::FlexAttention as org.onnxpack::FlexAttention, or as
// standard operators.
#include <fmt/format.h>

#include "onnxpack/base/text.h"
#include "onnxpack/json/cursor.h"
#include "onnxpack/model/annotate.h"
#include "onnxpack/transform/flex_attention.h"
#include "transformations.h"

namespace onnxpack::package {
namespace {

constexpr const char* operators = "operators";

}  // namespace

Result<json::Object> complete_lower_flex(const json::Object& given) {
  const json::Value value(given);
  const json::Cursor cursor(value);
  ONNXPACK_CHECK(cursor.only_keys({"form"}));
  ONNXPACK_TRY(auto form, cursor.find("form"));
  if (!form) return json::Object{{"form", operators}};
  ONNXPACK_TRY(std::string text, form->string_in({operators, "expanded"}));
  return json::Object{{"form", text}};
}

Result<Transformed> lower_flex(const Environment&, const model::ModelFile& model,
                               const json::Object& parameters, const std::filesystem::path&) {
  const bool to_operators = parameters.at("form").as_string() == operators;
  ONNXPACK_TRY(auto lowering, transform::lower_flex_attention(
                                  model, to_operators ? transform::FlexForm::operator_
                                                      : transform::FlexForm::expansion));
  if (lowering.nodes.empty()) {
    return fail(ErrorKind::unsupported,
                fmt::format("{} has no FlexAttention", printable(model.path().string())));
  }
  std::vector<std::string> notes;
  for (const auto& node : lowering.nodes) {
    if (node.why_expanded.empty()) continue;
    notes.push_back(fmt::format("FlexAttention '{}' is expanded to standard operators: {}",
                                printable(node.name), printable(node.why_expanded)));
  }
  // The weights stay where they are: the new model is ranges of the old one.
  ONNXPACK_TRY(auto lowered, model::open_spliced(model, std::move(lowering.splice)));
  return Transformed{std::move(lowered), "", std::move(notes)};
}

}  // namespace onnxpack::package
