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

enum class Action { list, show, diff };

class Targets final : public Command {
 public:
  void declare(Flags& flags) override {
    flags.positional("ACTION", Count::optional, "list (the default), show, or diff",
                     [this](const std::string& text) -> Status {
                       auto chosen = parse_choice(text, {"list", "show", "diff"});
                       if (!chosen) return std::unexpected(with_show(chosen.error(), text));
                       action_ = static_cast<Action>(*chosen);
                       return {};
                     });
    flags.positional("TARGET", Count::optional,
                     "for show and diff: a profile name, a JSON file, or host",
                     [this](const std::string& text) -> Status {
                       name_ = text;
                       return {};
                     });
    flags.positional("OTHER", Count::optional, "for diff: the target to compare with",
                     [this](const std::string& text) -> Status {
                       other_ = text;
                       return {};
                     });
  }

  Result<ExitCode> run(Context& context) override {
    ONNXPACK_CHECK(check());
    if (action_ == Action::show) return show(context);
    if (action_ == Action::diff) return diff(context);
    if (context.json()) {
      context.print(targets_document(target::profiles()));
    } else {
      render_targets(context.console(), target::profiles());
    }
    return ExitCode::ok;
  }

 private:
  Status check() const {
    if (action_ == Action::list && !name_.empty()) {
      return fail(ErrorKind::invalid_argument,
                  fmt::format("list takes no target, found '{}'", printable(name_)),
                  fmt::format("did you mean 'onnx-pack targets show {}'?", printable(name_)));
    }
    if (action_ == Action::show && name_.empty()) {
      return fail(ErrorKind::invalid_argument, "no target was named",
                  "type 'onnx-pack targets show host', or a name from 'onnx-pack targets'");
    }
    if (action_ == Action::show && !other_.empty()) {
      return fail(ErrorKind::invalid_argument,
                  fmt::format("show takes one target, found '{}'", printable(other_)),
                  fmt::format("did you mean 'onnx-pack targets diff {} {}'?", printable(name_),
                              printable(other_)));
    }
    if (action_ == Action::diff && other_.empty()) {
      return fail(ErrorKind::invalid_argument, "diff needs two targets",
                  "type 'onnx-pack targets diff x86-64-v3 host'");
    }
    return {};
  }

  // Always the target's own JSON, so that the output is a target file.
  Result<ExitCode> show(Context& context) {
    ONNXPACK_TRY(auto target, context.target(name_));
    context.end_progress();
    context.print(target::to_json(target));
    return ExitCode::ok;
  }

  // What differs is a result, so the exit code is 0 all the same.
  Result<ExitCode> diff(Context& context) {
    ONNXPACK_TRY(auto a, context.target(name_));
    ONNXPACK_TRY(auto b, context.target(other_));
    context.end_progress();
    if (context.json()) {
      context.print(targets_diff_document(a, b));
    } else {
      render_targets_diff(context.console(), a, b);
    }
    return ExitCode::ok;
  }

  Action action_ = Action::list;
  std::string name_;
  std::string other_;
};

}  // namespace

const Verb targets_verb = {.name = "targets",
                           .help = "list target profiles, write one as JSON, or compare two",
                           .examples =
                               "onnx-pack targets\n"
                               "onnx-pack targets show host > device.json    # what this machine "
                               "is, for --target device.json\n"
                               "onnx-pack targets show x86-64-v3\n"
                               "onnx-pack targets diff qualcomm-sm8550 qualcomm-sm8650",
                           .needs = Needs::backends,
                           .make = make_command<Targets>};

}  // namespace onnxpack::cli
