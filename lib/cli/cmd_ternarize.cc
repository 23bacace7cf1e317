#include <fmt/format.h>

#include "documents.h"
#include "onnxpack/base/text.h"
#include "onnxpack/transform/ternarize.h"
#include "text_layout.h"
#include "verb.h"

namespace onnxpack::cli {
namespace {

class Ternarize final : public Command {
 public:
  void declare(Flags& flags) override {
    flags.positional("MODEL", Count::one, "a model with weights in {-s, 0, s}",
                     [this](const std::string& text) -> Status {
                       model_ = text;
                       return {};
                     });
    flags.each("--form", "NAME",
               "operators (org.onnxpack, the default), standard (UINT2, opset 25) or portable (any "
               "runtime, opset 13)",
               [this](const std::string& text) -> Status {
                 ONNXPACK_TRY(request_.form, transform::parse_ternary_form(text));
                 return {};
               });
    flags.each("--encoding", "NAME",
               "of the form operators: t5r (1.6 bits, the default), t5k or u2 (2 bits)",
               [this](const std::string& text) -> Status {
                 ONNXPACK_TRY(auto chosen, parse_choice(text, {"t5r", "t5k", "u2"}));
                 (void)chosen;
                 request_.encoding = fmt::format("ternary.{}/1", text);
                 return {};
               });
    flags.flag("--float-activations", "the form operators computes with unquantised activations",
               [this] { request_.float_activations = true; });
    flags.flag("--negative-zero-as-zero",
               "take -0.0 as 0; weights then come back equal, not bit for bit",
               [this] { request_.negative_zero_as_zero = true; });
    flags.path("--output,-o", "FILE", "the model to write; weights go beside it", output_);
    flags.flag("--force", "replace files that are there",
               [this] { overwrite_ = io::Overwrite::yes; });
  }

  Result<ExitCode> run(Context& context) override {
    if (output_.empty())
      return fail(ErrorKind::invalid_argument, "no output was named",
                  fmt::format("add -o {}-ternary.onnx", printable(model_.stem().string())));
    ONNXPACK_TRY(auto model, model::ModelFile::open(context.files(), model_));
    request_.location = output_.stem().string() + ".weights";
    const auto codes_path = output_.parent_path() / request_.location;
    ONNXPACK_TRY(auto codes, context.files().create(codes_path));
    auto made = transform::ternarize(model, request_, *codes, &context.cancel());
    if (!made) return std::unexpected(std::move(made.error()).in(model_.string()));
    if (made->tensors.empty())
      return fail(ErrorKind::unsupported, fmt::format("{} has no ternary weights", model_.string()),
                  why_not(*made));
    const std::uint64_t size = codes->position() + made->splice.size;
    ONNXPACK_CHECK(codes->publish(overwrite_));
    ONNXPACK_CHECK(transform::save_ternarized(context.files(), model, *made, output_, overwrite_));
    context.end_progress();
    if (context.json()) {
      context.print(to_document(*made));
    } else {
      render(context, *made);
      context.console().note(fmt::format(
          "{}: {}; every weight decoded again and equal {}", output_.string(), human_size(size),
          zeros(*made) == 0 ? "bit for bit" : "but for the sign of zeros"));
    }
    return ExitCode::ok;
  }

 private:
  static std::uint64_t zeros(const transform::Ternarized& made) {
    std::uint64_t sum = 0;
    for (const auto& tensor : made.tensors) sum += tensor.negative_zeros;
    return sum;
  }
  static std::string why_not(const transform::Ternarized& made) {
    if (made.left.empty())
      return "no MatMul, Gemm or Gather has a float matrix of 256 elements or more as its weight";
    return fmt::format("{}: {}", made.left.front().name, made.left.front().why);
  }

  json::Value to_document(const transform::Ternarized& made) const {
    json::Value out = document("ternarize");
    out["form"] = std::string(transform::to_string(request_.form));
    json::Array tensors;
    for (const auto& tensor : made.tensors)
      tensors.push_back(json::object({{"name", tensor.name},
                                      {"rows", tensor.rows},
                                      {"columns", tensor.columns},
                                      {"scales", tensor.scales},
                                      {"scale_bytes", tensor.scale_bytes},
                                      {"size_before", tensor.size_before},
                                      {"offset", tensor.offset},
                                      {"size", tensor.size},
                                      {"negative_zeros", tensor.negative_zeros}}));
    out["tensors"] = std::move(tensors);
    json::Array left;
    for (const auto& tensor : made.left)
      left.push_back(json::object({{"name", tensor.name}, {"why", tensor.why}}));
    out["left"] = std::move(left);
    return out;
  }

  static void render(const Context& context, const transform::Ternarized& made) {
    Table table({Align::left, Align::right, Align::right, Align::left, Align::right, Align::right},
                {"weight", "N", "K", "scales", "before", "now"});
    for (const auto& tensor : made.tensors)
      table.add({Cell(tensor.name, Style::name), std::to_string(tensor.rows),
                 std::to_string(tensor.columns), tensor.scales, human_size(tensor.size_before),
                 human_size(tensor.size + tensor.scale_bytes)});
    context.out() << table.render(context.console().paint(), 0);
    for (const auto& tensor : made.left)
      context.out() << "left: " << tensor.name << ": " << tensor.why << '\n';
  }

  std::filesystem::path model_;
  std::filesystem::path output_;
  transform::TernarizeRequest request_;
  io::Overwrite overwrite_ = io::Overwrite::no;
};

}  // namespace

const Verb ternarize_verb = {
    .name = "ternarize",
    .help = "store weights that are exactly ternary in 1.6 or 2 bits each",
    .examples =
        "onnx-pack ternarize model.onnx -o model-t5r.onnx    # for ONNX Runtime with "
        "libonnxpack_ops.so\n"
        "onnx-pack ternarize model.onnx --form standard -o model-u2.onnx    # UINT2 and "
        "DequantizeLinear\n"
        "onnx-pack ternarize model.onnx --form portable -o model-any.onnx    # for any runtime",
    .needs = Needs::files,
    .make = make_command<Ternarize>};

}  // namespace onnxpack::cli
