#include <fmt/format.h>

#include "documents.h"
#include "onnxpack/kernels/kernel_list.h"
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

class Kernels final : public Command {
 public:
  void declare(Flags& flags) override {
    flags.positional("ACTION", Count::optional, "list (the default)",
                     [](const std::string& text) -> Status {
                       auto chosen = parse_choice(text, {"list"});
                       if (!chosen) return std::unexpected(chosen.error());
                       return {};
                     });
  }

  Result<ExitCode> run(Context& context) override {
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
};

}  // namespace

const Verb kernels_verb = {.name = "kernels",
                           .help = "list the built-in kernels and which of them this machine gets",
                           .examples =
                               "onnx-pack kernels\n"
                               "ONNXPACK_KERNELS=avx2 onnx-pack kernels    # nothing beyond AVX2",
                           .needs = Needs::nothing,
                           .make = make_command<Kernels>};

}  // namespace onnxpack::cli
