#include <fmt/format.h>

#include "documents.h"
#include "onnxpack/base/text.h"
#include "onnxpack/package/extract.h"
#include "render.h"
#include "verb.h"

namespace onnxpack::cli {
namespace {

class Extract final : public Command {
 public:
  void declare(Flags& flags) override {
    flags.positional("PACKAGE", Count::one, "a package, whole or slim",
                     [this](const std::string& text) -> Status {
                       package_ = text;
                       return {};
                     });
    flags.on("--original", "the models and their data as they were given, byte for byte",
             original_);
    flags.text("--variant", "NAME", "the blobs of one variant, and what they refer to",
               request_.variant);
    flags.on("--all", "everything that this file holds, as a folder that ONNX tools open", all_);
    flags.texts("--component", "NAME", "only this component; may be repeated", request_.components);
    flags.path("--output,-o", "PATH",
               "the folder to make; for one model without data files also a file", request_.output);
    flags.flag("--force", "replace files that are there", [this] { request_.overwrite = true; });
  }

  Result<ExitCode> run(Context& context) override {
    ONNXPACK_CHECK(choose());
    ONNXPACK_TRY(auto package, package::PackageFile::open(context.files(), package_));
    ONNXPACK_TRY(auto report, package::extract(context.environment(), package, request_));
    context.end_progress();
    if (context.json()) {
      context.print(extract_document(report, request_.output.string()));
      return ExitCode::ok;
    }
    for (const std::string& file : report.files) context.out() << printable(file) << '\n';
    context.console().note(fmt::format("{}: {}, {}, every byte checked", request_.output.string(),
                                       count(report.files.size(), "file"),
                                       human_size(report.bytes)));
    return ExitCode::ok;
  }

 private:
  Status choose() {
    int chosen = int{original_} + int{all_} + int{!request_.variant.empty()};
    if (chosen != 1) {
      return fail(ErrorKind::invalid_argument,
                  chosen == 0 ? "nothing was chosen to extract"
                              : "more than one thing was chosen to extract",
                  "add one of --original, --variant NAME, --all");
    }
    request_.what = original_ ? package::ExtractWhat::original
                    : all_    ? package::ExtractWhat::all
                              : package::ExtractWhat::variant;
    if (!request_.output.empty()) return {};
    return fail(ErrorKind::invalid_argument, "no output was named",
                fmt::format("add -o {}", printable(package_.stem().string().empty()
                                                       ? "folder"
                                                       : package_.stem().string())));
  }

  std::filesystem::path package_;
  bool original_ = false;
  bool all_ = false;
  package::ExtractRequest request_;
};

}  // namespace

const Verb extract_verb = {
    .name = "extract",
    .help = "give back the original model, a variant's blobs, or everything",
    .examples =
        "onnx-pack extract model.onnxpkg --original -o restored\n"
        "onnx-pack extract model.onnxpkg --variant x86-64-v3-onnxruntime -o blobs\n"
        "onnx-pack extract model.onnxpkg --all -o folder",
    .needs = Needs::files,
    .make = make_command<Extract>};

}  // namespace onnxpack::cli
