#include <fmt/format.h>

#include <algorithm>

#include "documents.h"
#include "onnxpack/base/text.h"
#include "onnxpack/transform/flex_attention.h"
#include "onnxpack/transform/save.h"
#include "text_layout.h"
#include "verb.h"

namespace onnxpack::cli {
namespace {

class Lower final : public Command {
 public:
  void declare(Flags& flags) override {
    flags.positional("MODEL", Count::one, "a model with operators that runtimes lack",
                     [this](const std::string& text) -> Status {
                       model_ = text;
                       return {};
                     });
    flags.each("--ops", "NAME", "which operators: flex-attention (the default, and all there is)",
               [](const std::string& text) -> Status {
                 auto chosen = parse_choice(text, {"flex-attention"});
                 if (!chosen) return std::unexpected(chosen.error());
                 return {};
               });
    flags.flag("--expand", "to standard operators, for runtimes without libonnxpack_ops",
               [this] { form_ = transform::FlexForm::expansion; });
    flags.path("--output,-o", "FILE", "the model to write", output_);
    flags.flag("--force", "replace files that are there",
               [this] { overwrite_ = io::Overwrite::yes; });
  }

  Result<ExitCode> run(Context& context) override {
    if (output_.empty()) {
      return fail(ErrorKind::invalid_argument, "no output was named",
                  fmt::format("add -o {}-lowered.onnx", printable(model_.stem().string())));
    }
    ONNXPACK_TRY(auto model, model::ModelFile::open(context.files(), model_));
    auto lowering = transform::lower_flex_attention(model, form_);
    if (!lowering) return std::unexpected(std::move(lowering.error()).in(model_.string()));
    ONNXPACK_TRY(auto saved, transform::save_model(context.files(), model, lowering->splice,
                                                   output_, overwrite_));
    context.end_progress();
    if (context.json()) {
      context.print(to_document(*lowering, saved));
    } else {
      render(context, *lowering);
      context.console().note(fmt::format(
          "{}: {}{}", output_.string(), human_size(saved.bytes),
          saved.copied.empty()
              ? ""
              : fmt::format(", {} copied beside it", count(saved.copied.size(), "data file"))));
    }
    return ExitCode::ok;
  }

 private:
  static std::string form_of(const transform::FlexNode& node) {
    return node.expanded ? "standard operators" : "org.onnxpack::FlexAttention";
  }

  json::Value to_document(const transform::FlexLowering& lowering,
                          const transform::Saved& saved) const {
    json::Value out = document("lower");
    json::Array nodes;
    for (const auto& node : lowering.nodes) {
      nodes.push_back(json::object({{"name", node.name},
                                    {"operator", "ai.onnx.preview::FlexAttention"},
                                    {"expanded", node.expanded},
                                    {"why_expanded", node.why_expanded},
                                    {"captured", strings(node.captured)}}));
    }
    out["nodes"] = std::move(nodes);
    out["output"] = json::object({{"path", output_.string()}, {"size", saved.bytes}});
    return out;
  }

  static void render(const Context& context, const transform::FlexLowering& lowering) {
    if (lowering.nodes.empty()) {
      context.out() << "no FlexAttention: the model is written as it is\n";
      return;
    }
    Table table({Align::left, Align::left, Align::left}, {"node", "operator", "now"});
    for (const auto& node : lowering.nodes) {
      table.add({Cell(node.name, Style::name), "ai.onnx.preview::FlexAttention",
                 Cell(form_of(node), node.why_expanded.empty() ? Style::good : Style::caution)});
      if (!node.why_expanded.empty())
        table.note("not tileable: " + node.why_expanded, Style::caution);
    }
    context.out() << table.render(context.console().paint(), 0);
  }

  std::filesystem::path model_;
  std::filesystem::path output_;
  transform::FlexForm form_ = transform::FlexForm::operator_;
  io::Overwrite overwrite_ = io::Overwrite::no;
};

}  // namespace

const Verb lower_verb = {
    .name = "lower",
    .help = "replace operators that runtimes lack by ones of libonnxpack_ops, or by standard ones",
    .examples =
        "onnx-pack lower model.onnx --ops flex-attention -o lowered.onnx    # for ONNX Runtime "
        "with "
        "libonnxpack_ops.so\n"
        "onnx-pack lower model.onnx --expand -o portable.onnx    # for any runtime",
    .needs = Needs::files,
    .make = make_command<Lower>};

}  // namespace onnxpack::cli
