#include <fmt/format.h>

#include "documents.h"
#include "input_flags.h"
#include "onnxpack/base/text.h"
#include "onnxpack/package/verify.h"
#include "render.h"
#include "verb.h"

namespace onnxpack::cli {
namespace {

class Verify final : public Command {
 public:
  void declare(Flags& flags) override;

  Result<ExitCode> run(Context& context) override {
    if (request_.integrity_only && (request_.require_verified || request_.record)) {
      return fail(ErrorKind::invalid_argument,
                  fmt::format("--integrity-only runs nothing, so {} cannot be met",
                              request_.record ? "--record" : "--require-verified"));
    }
    ONNXPACK_TRY(auto package, package::PackageFile::open(context.files(), package_));
    ONNXPACK_TRY(auto report, package::verify(context.environment(), package, request_));
    context.end_progress();
    if (context.json()) {
      context.print(verify_document(report));
    } else {
      render_verify(context.console(), package, report);
    }
    if (request_.record && !context.json())
      context.console().note("recorded " + request_.record->string());
    return report.ok ? ExitCode::ok : ExitCode::untrusted;
  }

 private:
  std::filesystem::path package_;
  package::VerifyRequest request_;
};

void Verify::declare(Flags& flags) {
  flags.positional("PACKAGE", Count::one, "a package, whole or slim",
                   [this](const std::string& text) -> Status {
                     package_ = text;
                     return {};
                   });
  flags.on("--integrity-only", "check bytes and digests, run nothing", request_.integrity_only);
  flags.on("--require-verified", "a variant that cannot run here is a failure",
           request_.require_verified);
  flags.texts("--variant", "NAME", "only this variant; may be repeated", request_.variants);
  flags.once("--record", "FILE", "write what was measured, for select --evidence",
             [this](const std::string& file) -> Status {
               request_.record = file;
               return {};
             });
  flags.on("--reference",
           "run an original with FlexAttention by the plain kernels instead of the fast ones",
           request_.plain_reference);
  declare_input_flags(flags, request_.inputs);
  flags.heading("Running");
  flags.number("--runs", "N", "timed runs per variant (default 10)", request_.runs, 1U);
  flags.number("--warmup", "N", "runs before the timed ones (default 2)", request_.warmup);
  flags.number("--threads", "N", "threads of the runtime (default: its own)", request_.threads);
}

}  // namespace

const Verb verify_verb = {
    .name = "verify",
    .help = "check that a package is whole and that its variants compute what the original does",
    .examples =
        "onnx-pack verify model.onnxpkg\n"
        "onnx-pack verify model.onnxpkg --input x=image.npy --require-verified\n"
        "onnx-pack verify model.onnxpkg --record measured.json    # on the device, for select "
        "--evidence\n"
        "onnx-pack verify model.onnxpkg --integrity-only",
    .needs = Needs::backends,
    .make = make_command<Verify>};

}  // namespace onnxpack::cli
