#include <fmt/format.h>

#include "documents.h"
#include "onnxpack/base/text.h"
#include "onnxpack/package/build.h"
#include "render.h"
#include "verb.h"

namespace onnxpack::cli {
namespace {

// The likeliest mistake: a target where the action should be.
Error with_show(Error error, const std::string& text) {
  if (text != "host" && !target::find_profile(text)) return error;
  return std::move(error).with_hint(fmt::format("did you mean 'onnx-pack targets show {}'?", text));
}

class Targets final : public Command {
 public:
  void declare(Flags& flags) override {
    flags.positional("ACTION", Count::optional, "list (the default), or show",
                     [this](const std::string& text) -> Status {
                       auto chosen = parse_choice(text, {"list", "show"});
                       if (!chosen) return std::unexpected(with_show(chosen.error(), text));
                       show_ = *chosen == 1;
                       return {};
                     });
    flags.positional("TARGET", Count::optional, "for show: a profile name, a JSON file, or host",
                     [this](const std::string& text) -> Status {
                       name_ = text;
                       return {};
                     });
  }

  Result<ExitCode> run(Context& context) override {
    if (show_) return show(context);
    if (!name_.empty()) {
      return fail(ErrorKind::invalid_argument,
                  fmt::format("list takes no target, found '{}'", printable(name_)),
                  fmt::format("did you mean 'onnx-pack targets show {}'?", printable(name_)));
    }
    if (context.json()) {
      context.print(targets_document(target::profiles()));
    } else {
      render_targets(context.console(), target::profiles());
    }
    return ExitCode::ok;
  }

 private:
  // Always the target's own JSON, so that the output is a target file.
  Result<ExitCode> show(Context& context) {
    if (name_.empty()) {
      return fail(ErrorKind::invalid_argument, "no target was named",
                  "type 'onnx-pack targets show host', or a name from 'onnx-pack targets'");
    }
    ONNXPACK_TRY(auto target, context.target(name_));
    context.end_progress();
    context.print(target::to_json(target));
    return ExitCode::ok;
  }

  bool show_ = false;
  std::string name_;
};

}  // namespace

const Verb targets_verb = {.name = "targets",
                           .help = "list target profiles, or write one as JSON",
                           .examples =
                               "onnx-pack targets\n"
                               "onnx-pack targets show host > device.json    # what this machine "
                               "is, for --target device.json\n"
                               "onnx-pack targets show x86-64-v3",
                           .needs = Needs::backends,
                           .make = make_command<Targets>};

}  // namespace onnxpack::cli
