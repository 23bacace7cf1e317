#include <fmt/format.h>

#include "documents.h"
#include "onnxpack/package/backends.h"
#include "render.h"
#include "verb.h"

namespace onnxpack::cli {
namespace {

class Backends final : public Command {
 public:
  void declare(Flags&) override {}

  Result<ExitCode> run(Context& context) override {
    ONNXPACK_TRY(auto backends, package::list_backends(context.environment()));
    context.end_progress();
    if (context.json()) {
      context.print(backends_document(backends));
    } else if (backends.empty()) {
      context.out() << "no backend was found\n";
      context.console().note(
          fmt::format("looked for onnx-pack-backend-NAME in {}, --backend-path and PATH",
                      context.environment().libexec.string()));
    } else {
      render_backends(context.console(), backends);
    }
    return ExitCode::ok;
  }
};

}  // namespace

const Verb backends_verb = {.name = "backends",
                            .help = "list the compilers that are installed, and what they need",
                            .examples =
                                "onnx-pack backends\n"
                                "onnx-pack backends -v    # with paths and options\n"
                                "onnx-pack backends --backend-path ./my-backends",
                            .needs = Needs::backends,
                            .make = make_command<Backends>};

}  // namespace onnxpack::cli
