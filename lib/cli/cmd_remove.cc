#include "edit_flags.h"
#include "verb.h"

namespace onnxpack::cli {
namespace {

class Remove final : public Command {
 public:
  void declare(Flags& flags) override {
    flags.positional("PACKAGE", Count::one, "a package", [this](const std::string& text) -> Status {
      package_ = text;
      return {};
    });
    flags.positional("VARIANT", Count::many, "the variants to leave out",
                     [this](const std::string& text) -> Status {
                       variants_.push_back(text);
                       return {};
                     });
    output_.declare(flags);
  }

  Result<ExitCode> run(Context& context) override {
    ONNXPACK_TRY(auto package, package::PackageFile::open(context.files(), package_));
    ONNXPACK_TRY(auto report, package::remove_variants(context.environment(), package, variants_,
                                                       output_.path, output_.overwrite));
    report_edit(context, "remove", report, output_);
    return ExitCode::ok;
  }

 private:
  std::filesystem::path package_;
  std::vector<std::string> variants_;
  EditOutput output_;
};

}  // namespace

const Verb remove_verb = {
    .name = "remove",
    .help = "leave variants out of a package; it gets a new id",
    .examples = "onnx-pack remove model.onnxpkg x86-64-v4-iree -o smaller.onnxpkg",
    .needs = Needs::files,
    .make = make_command<Remove>};

}  // namespace onnxpack::cli
