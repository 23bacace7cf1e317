#include "edit_flags.h"
#include "verb.h"

namespace onnxpack::cli {
namespace {

class Merge final : public Command {
 public:
  void declare(Flags& flags) override {
    flags.positional("PACKAGE", Count::many, "packages of the same models, in any order",
                     [this](const std::string& text) -> Status {
                       paths_.emplace_back(text);
                       return {};
                     });
    output_.declare(flags);
  }

  Result<ExitCode> run(Context& context) override {
    std::vector<package::PackageFile> packages;
    for (const auto& path : paths_) {
      ONNXPACK_TRY(auto package, package::PackageFile::open(context.files(), path));
      packages.push_back(std::move(package));
    }
    ONNXPACK_TRY(auto report, package::merge_packages(context.environment(), packages, output_.path,
                                                      output_.overwrite));
    report_edit(context, "merge", report, output_);
    return ExitCode::ok;
  }

 private:
  std::vector<std::filesystem::path> paths_;
  EditOutput output_;
};

}  // namespace

const Verb merge_verb = {
    .name = "merge",
    .help = "make one package of several with the same models",
    .examples =
        "onnx-pack merge linux.onnxpkg phones.onnxpkg -o model.onnxpkg    # shards of a CI matrix\n"
        "onnx-pack merge slim-a.onnxpkg slim-b.onnxpkg -o whole.onnxpkg    # parts of one package",
    .needs = Needs::files,
    .make = make_command<Merge>};

}  // namespace onnxpack::cli
