#include <fmt/format.h>

#include "documents.h"
#include "onnxpack/base/text.h"
#include "onnxpack/kernels/flex_attention.h"
#include "onnxpack/kernels/kernel_list.h"
#include "onnxpack/transform/flex_attention.h"
#include "text_layout.h"
#include "verb.h"

namespace onnxpack::cli {
namespace {

Result<kernels::CpuFeatures> allowed_features(const Context& context,
                                              kernels::CpuFeatures machine) {
  const auto& variables = context.world().variables;
  auto forced = variables.find(kernels::force_variable);
  auto features =
      kernels::choose_features(machine, forced == variables.end() ? "" : forced->second);
  if (!features) return fail(ErrorKind::invalid_argument, features.error());
  return *features;
}

namespace flex = kernels::flex;

// What becomes of the tiles of one head of 2048 by 2048 scores. Programs with captured values have
// no answer without them.
std::string tile_text(const std::string& bytes) {
  constexpr std::int64_t length = 2048;
  auto program = flex::parse(bytes);
  if (!program) return program.error();
  if (program->captured_count() > 0) return "tiles by the captured values";
  flex::Spec spec;
  const flex::Type type = program->nodes[program->output].type;
  spec.element = type == flex::Type::f64 ? flex::Type::f64 : flex::Type::f32;
  if (type != flex::Type::f32) return "every tile runs it, in the reference kernel";
  spec.score_mod = std::move(*program);
  auto kernel = flex::FlexAttention::create(std::move(spec), kernels::CpuFeatures::detect());
  if (!kernel || kernel->isa() == kernels::Isa::reference) return "every tile runs it";
  const std::vector<float> ones(length, 1.0F);
  std::vector<float> y(length);
  flex::Arguments arguments{.batch = 1,
                            .kv_batch = 1,
                            .q_heads = 1,
                            .kv_heads = 1,
                            .q_length = length,
                            .kv_length = length,
                            .qk_size = 1,
                            .v_size = 1,
                            .q = ones.data(),
                            .k = ones.data(),
                            .v = ones.data(),
                            .y = y.data(),
                            .tables = {}};
  kernels::Serial serial;
  flex::TileCounts counts;
  if (auto ran = kernel->run(arguments, serial, &counts); !ran) return ran.error();
  constexpr std::size_t all = (length + 95) / 96 * (length / 128);
  return fmt::format("of {} tiles at L = S = {}: {} run it, {} are as they were, {} are skipped",
                     all, length, counts.partial, counts.full, all - counts.partial - counts.full);
}

void print_program(std::ostream& out, const char* name, const std::string& text) {
  if (text.empty()) return;
  out << "  " << name << '\n';
  for (std::string_view line : split(text, '\n')) {
    if (!line.empty()) out << "    " << line << '\n';
  }
}

class Kernels final : public Command {
 public:
  void declare(Flags& flags) override {
    flags.positional("ACTION", Count::optional, "list (the default), or explain",
                     [this](const std::string& text) -> Status {
                       auto chosen = parse_choice(text, {"list", "explain"});
                       if (!chosen) return std::unexpected(chosen.error());
                       explain_ = *chosen == 1;
                       return {};
                     });
    flags.positional("MODEL", Count::optional, "for explain: a model with FlexAttention",
                     [this](const std::string& text) -> Status {
                       model_ = text;
                       return {};
                     });
  }

  Result<ExitCode> run(Context& context) override {
    if (explain_) return explain(context);
    if (!model_.empty()) {
      return fail(
          ErrorKind::invalid_argument,
          fmt::format("list takes no model, found '{}'", printable(model_.string())),
          fmt::format("did you mean 'onnx-pack kernels explain {}'?", printable(model_.string())));
    }
    const auto machine = kernels::CpuFeatures::detect();
    ONNXPACK_TRY(auto allowed, allowed_features(context, machine));
    const auto choices = kernels::list_kernels(machine, allowed);
    if (context.json()) {
      context.print(to_document(choices));
    } else {
      render(context, choices);
    }
    return ExitCode::ok;
  }

 private:
  // For each FlexAttention node its tile programs and what the kernel skips, or why it is not
  // tileable.
  Result<ExitCode> explain(Context& context) {
    if (model_.empty()) {
      return fail(ErrorKind::invalid_argument, "no model was named",
                  "type 'onnx-pack kernels explain model.onnx'");
    }
    ONNXPACK_TRY(auto model, model::ModelFile::open(context.files(), model_));
    auto lowering = transform::lower_flex_attention(model, transform::FlexForm::operator_);
    if (!lowering) return std::unexpected(std::move(lowering.error()).in(model_.string()));
    context.end_progress();
    if (context.json()) {
      json::Value out = document("kernels_explain");
      json::Array nodes;
      for (const auto& node : lowering->nodes) {
        nodes.push_back(json::object({{"name", node.name},
                                      {"why_not_tileable", node.why_expanded},
                                      {"score_mod", node.score_mod},
                                      {"prob_mod", node.prob_mod},
                                      {"captured", strings(node.captured)}}));
      }
      out["nodes"] = std::move(nodes);
      context.print(out);
      return ExitCode::ok;
    }
    if (lowering->nodes.empty()) context.out() << "no FlexAttention in this model\n";
    for (const auto& node : lowering->nodes) explain_node(context, node);
    return ExitCode::ok;
  }

  static void explain_node(const Context& context, const transform::FlexNode& node) {
    auto& out = context.out();
    out << context.console().paint()(Style::name, printable(node.name)) << '\n';
    if (node.expanded) {
      out << "  not tileable, expanded to standard operators: " << node.why_expanded << '\n';
      return;
    }
    if (!node.captured.empty())
      out << "  captures " << printable(join(node.captured, ", ")) << '\n';
    print_program(out, "score_mod", node.score_mod);
    if (!node.score_bytes.empty()) out << "    " << tile_text(node.score_bytes) << '\n';
    print_program(out, "prob_mod", node.prob_mod);
    if (!node.prob_bytes.empty()) {
      auto program = flex::parse(node.prob_bytes);
      const bool one = program && flex::is_homogeneous(*program);
      out << (one ? "    scales: one pass over the keys\n"
                  : "    does not scale: two passes over the keys\n");
    }
    if (node.score_mod.empty() && node.prob_mod.empty()) out << "  no modifier\n";
  }

  static json::Value to_document(const std::vector<kernels::KernelChoice>& choices) {
    json::Value out = document("kernels");
    json::Array list;
    for (const auto& choice : choices) {
      list.push_back(json::object({{"operation", std::string(choice.entry.operation)},
                                   {"kernel", std::string(kernels::to_string(choice.entry.isa))},
                                   {"what", std::string(choice.entry.what)},
                                   {"chosen", choice.chosen},
                                   {"why_not", choice.why}}));
    }
    out["kernels"] = std::move(list);
    return out;
  }

  static void render(const Context& context, const std::vector<kernels::KernelChoice>& choices) {
    Table table({Align::left, Align::left, Align::left, Align::left},
                {"operation", "kernel", "state", "what it is"});
    for (const auto& choice : choices) {
      table.add({Cell(choice.entry.operation, Style::name), kernels::to_string(choice.entry.isa),
                 choice.chosen ? Cell("chosen", Style::good) : Cell(choice.why, Style::dim),
                 choice.entry.what});
    }
    context.out() << table.render(context.console().paint(), 0);
  }

  bool explain_ = false;
  std::filesystem::path model_;
};

}  // namespace

const Verb kernels_verb = {
    .name = "kernels",
    .help = "list the built-in kernels, or explain what becomes of a model's FlexAttention",
    .examples =
        "onnx-pack kernels\n"
        "ONNXPACK_KERNELS=avx2 onnx-pack kernels    # nothing beyond AVX2\n"
        "onnx-pack kernels explain model.onnx",
    .needs = Needs::files,
    .make = make_command<Kernels>};

}  // namespace onnxpack::cli
