// ternarize/1: exactly ternary weights as codes, with operators of org.onnxpack or standard ones.
#include <fmt/format.h>

#include "onnxpack/base/text.h"
#include "onnxpack/json/cursor.h"
#include "onnxpack/transform/ternarize.h"
#include "transformations.h"

namespace onnxpack::package {
namespace {

using transform::TernaryForm;

Result<std::string> encoding_of(const json::Cursor& cursor, std::string_view form) {
  const std::string own = form == "standard" ? "u2" : "t5r";
  ONNXPACK_TRY(auto field, cursor.find("encoding"));
  if (!field) return own;
  if (form == "operators") return field->string_in({"t5r", "t5k", "u2"});
  ONNXPACK_TRY(std::string asked, field->string());
  if (asked == own) return own;
  return std::unexpected(
      field->error(fmt::format("the form {} has {}, found \"{}\"", form, own, printable(asked))));
}

// What a compiler must not undo: ONNX Runtime would decode the codes of the portable form once and
// ship the floats, and repeat the scales of UINT2 for every 32 columns. It does either when it
// loads the variant.
void keep_codes(TernaryForm form, Transformed& out) {
  if (form == TernaryForm::operators) return;
  out.backend_options["onnxruntime"] = {
      {"session_options",
       json::object({{"optimization.disable_specified_optimizers",
                      form == TernaryForm::portable ? "ConstantFolding"
                                                    : "QDQSelectorActionTransformer"}})}};
}

std::vector<std::string> notes_of(const transform::Ternarized& made) {
  std::uint64_t before = 0;
  std::uint64_t after = 0;
  std::uint64_t zeros = 0;
  for (const auto& tensor : made.tensors) {
    before += tensor.size_before;
    after += tensor.size + tensor.scale_bytes;
    zeros += tensor.negative_zeros;
  }
  return {fmt::format(
      "{} ternary weight{}, {} for {}; each decoded again and equal {}", made.tensors.size(),
      made.tensors.size() == 1 ? "" : "s", human_size(after), human_size(before),
      zeros == 0 ? "bit for bit" : fmt::format("but for the sign of {} zeros", zeros))};
}

}  // namespace

Result<json::Object> complete_ternarize(const json::Object& given) {
  const json::Value value(given);
  const json::Cursor cursor(value);
  ONNXPACK_CHECK(cursor.only_keys({"form", "encoding", "activations", "negative_zero"}));
  auto choice = [&](std::string_view key, std::initializer_list<std::string_view> known) {
    return [&, key, known]() -> Result<std::string> {
      ONNXPACK_TRY(auto field, cursor.find(key));
      if (!field) return std::string(*known.begin());
      return field->string_in(known);
    }();
  };
  ONNXPACK_TRY(std::string form, choice("form", {"operators", "standard", "portable"}));
  ONNXPACK_TRY(std::string encoding, encoding_of(cursor, form));
  ONNXPACK_TRY(std::string activations, choice("activations", {"int8", "float32"}));
  if (form != "operators" && cursor.value().find("activations") != nullptr)
    return fail(ErrorKind::invalid_argument, "activations: of the form operators only");
  ONNXPACK_TRY(std::string zero, choice("negative_zero", {"refuse", "as_zero"}));
  json::Object out{{"form", form}, {"encoding", encoding}, {"negative_zero", zero}};
  if (form == "operators") out["activations"] = activations;
  return out;
}

Result<SourceRequest> ternary_source(SourceRequest source, std::string_view kind) {
  const std::string text(kind);
  TransformationRequest step{"ternarize/1"};
  if (text == "standard" || text == "portable") {
    step.parameters = {{"form", text}};
  } else if (text == "t5r" || text == "t5k" || text == "u2") {
    step.parameters = {{"form", "operators"}, {"encoding", text}};
  } else {
    return fail(ErrorKind::invalid_argument,
                fmt::format("expected one of t5r, t5k, u2, standard, portable, found '{}'",
                            printable(text)));
  }
  if (source.label.empty()) source.label = text;
  source.instead = true;
  source.transformations.push_back(std::move(step));
  return source;
}

transform::TernarizeRequest ternarize_request(const json::Object& parameters) {
  auto text = [&](const char* key) {
    auto found = parameters.find(key);
    return found == parameters.end() ? std::string() : found->second.as_string();
  };
  transform::TernarizeRequest out;
  out.form = transform::parse_ternary_form(text("form")).value_or(TernaryForm::operators);
  out.encoding = fmt::format("ternary.{}/1", text("encoding"));
  out.float_activations = text("activations") == "float32";
  out.negative_zero_as_zero = text("negative_zero") == "as_zero";
  out.location = ternary_weights_name;
  return out;
}

Result<transform::Ternarized> make_ternary(const Environment& environment,
                                           const model::ModelFile& model,
                                           const transform::TernarizeRequest& request,
                                           const std::filesystem::path& folder) {
  auto& files = *environment.files;
  ONNXPACK_TRY(auto codes, files.create(folder / ternary_weights_name));
  ONNXPACK_TRY(auto made, transform::ternarize(model, request, *codes, environment.cancel));
  if (made.tensors.empty()) {
    std::string why = made.left.empty() ? "no MatMul, Gemm or Gather has a matrix of 256 elements"
                                        : fmt::format("{}: {}", printable(made.left[0].name),
                                                      printable(made.left[0].why));
    return fail(ErrorKind::unsupported,
                fmt::format("{} has no ternary weights", printable(model.path().string())),
                std::move(why));
  }
  ONNXPACK_CHECK(codes->publish_unsynced(io::Overwrite::no));
  ONNXPACK_CHECK(transform::save_ternarized(files, model, made, folder / ternary_model_name,
                                            io::Overwrite::no));
  return made;
}

Result<Transformed> ternarize_model(const Environment& environment, const model::ModelFile& model,
                                    const json::Object& parameters,
                                    const std::filesystem::path& folder) {
  const auto request = ternarize_request(parameters);
  ONNXPACK_TRY(auto made, make_ternary(environment, model, request, folder));
  ONNXPACK_TRY(auto opened,
               model::ModelFile::open(*environment.files, folder / ternary_model_name));
  // Weights are the same; activations are rounded to 8 bits by the operators and by ONNX Runtime's
  // own for UINT2.
  Transformed out{std::move(opened), request.float_activations ? "" : "int8", notes_of(made)};
  keep_codes(request.form, out);
  return out;
}

}  // namespace onnxpack::package
