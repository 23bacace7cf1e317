#include <fmt/format.h>

#include "documents.h"
#include "onnxpack/model/signature.h"
#include "onnxpack/package/annex.h"
#include "onnxpack/package/runtime_check.h"
#include "onnxpack/package/slim.h"
#include "render.h"
#include "verb.h"

namespace onnxpack::cli {
namespace {

class Select final : public Command {
 public:
  void declare(Flags& flags) override;
  Result<ExitCode> run(Context& context) override;

 private:
  std::filesystem::path package_;
  std::string target_;
  std::vector<std::filesystem::path> evidence_;
  bool explain_ = false;
  bool check_runtime_ = false;
  package::SlimRequest request_;
};

void Select::declare(Flags& flags) {
  select::Request& selection = request_.selection;
  flags.positional("PACKAGE", Count::one, "a package, whole or slim",
                   [this](const std::string& text) -> Status {
                     package_ = text;
                     return {};
                   });
  flags.text("--target,-t", "TARGET", "a profile name, a JSON file, or host", target_);
  flags.path("--output,-o", "FILE", "the slim package to write", request_.output);
  flags.flag("--force", "replace the output if it exists",
             [this] { request_.overwrite = io::Overwrite::yes; });
  flags.on("--dry-run", "rank only, write nothing", request_.dry_run);
  flags.on("--explain", "say of every variant why it stands where it stands", explain_);
  flags.on("--verify", "check the digests of what is copied", request_.verify);
  flags.on("--check-runtime", "ask the runtimes on this machine as well; for --target host",
           check_runtime_);
  flags.heading("What to keep");
  flags.once("--variant", "NAME", "keep this one; it must suit the target all the same",
             [&selection](const std::string& name) -> Status {
               selection.forced_variant = name;
               return {};
             });
  flags.number("--keep", "N", "variants to keep per component, best first (default 1)",
               request_.keep);
  flags.flag("--no-fallback", "drop the original graph",
             [&selection] { selection.fallback = select::Fallback::drop; });
  flags.on(
      "--prefer-mapped",
      "hold the variant in one piece, to be mapped into memory, and the original as extents of it",
      request_.prefer_mapped);
  flags.heading("How to rank");
  flags.choice<select::Policy>(
      "--policy", "what decides: measurements, or ONNX Runtime's own rule",
      {{"measured", select::Policy::measured}, {"ort", select::Policy::ort}}, selection.policy);
  flags.flag("--prefer-variants",
             "put variants for a CPU or any GPU that nobody measured above the original graph",
             [&selection] { selection.unmeasured = select::Unmeasured::above_original; });
  flags.paths("--evidence", "FILE",
              "measurements to go by, from bench or verify --record; may be repeated", evidence_);
  flags.texts("--ep", "NAME",
              "the application's execution providers in order; the first one counts",
              selection.ep_order);
  flags.each("--input-shape", "INPUT:1,3,48,192", "a shape that the application will use",
             [&selection](const std::string& text) -> Status {
               ONNXPACK_TRY(auto shape, model::parse_input_shape(text));
               selection.input_shapes[shape.input] = shape.dims;
               return {};
             });
}

Result<ExitCode> Select::run(Context& context) {
  if (target_.empty()) {
    return fail(ErrorKind::invalid_argument, "no target was named",
                "add --target host for this machine, or a name from 'onnx-pack targets'");
  }
  if (request_.output.empty() && !request_.dry_run) {
    return fail(ErrorKind::invalid_argument, "no output was named",
                "add -o slim.onnxpkg, or --dry-run to rank only");
  }
  if (check_runtime_ && target_ != "host") {
    return fail(ErrorKind::invalid_argument,
                "--check-runtime asks the runtimes on this machine, so it wants --target host");
  }
  ONNXPACK_TRY(auto package, package::PackageFile::open(context.files(), package_));
  ONNXPACK_TRY(request_.selection.target, context.target(target_, package::Probes::recent));
  ONNXPACK_TRY(request_.selection.evidence, package::read_evidence(context.files(), evidence_));
  ONNXPACK_TRY(auto report, package::select_package(context.environment(), package, request_));
  std::vector<package::RuntimeCheck> checks;
  if (check_runtime_) {
    ONNXPACK_TRY(checks, package::check_runtimes(context.environment(), package.manifest(),
                                                 request_.selection.target));
  }
  context.end_progress();
  if (context.json()) {
    auto document = select_document(report, request_.selection.target, request_.output.string());
    if (check_runtime_) document["runtime_checks"] = runtime_checks(checks);
    context.print(document);
  } else {
    if (check_runtime_) render_runtime_checks(context.console(), checks);
    render_select(context.console(), package, request_.selection.target, report,
                  explain_ ? Explain::yes : Explain::no, request_.output.string());
  }
  return ExitCode::ok;
}

}  // namespace

const Verb select_verb = {
    .name = "select",
    .help = "keep only what one device needs; the package id stays",
    .examples =
        "onnx-pack select model.onnxpkg --target host -o slim.onnxpkg\n"
        "onnx-pack select model.onnxpkg --target qualcomm-sm8650 --dry-run --explain\n"
        "onnx-pack select model.onnxpkg --target device.json --evidence measured.json -o "
        "slim.onnxpkg",
    .needs = Needs::backends,
    .make = make_command<Select>};

}  // namespace onnxpack::cli
