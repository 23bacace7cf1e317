#include "edit_flags.h"
#include "verb.h"

namespace onnxpack::cli {
namespace {

class Repack final : public Command {
 public:
  void declare(Flags& flags) override {
    flags.positional("FOLDER", Count::one, "what unzip or extract --all made of a package",
                     [this](const std::string& text) -> Status {
                       folder_ = text;
                       return {};
                     });
    flags.on("--compact", "hold exactly ternary weights of the models in 1.6 bits each", compact_);
    output_.declare(flags);
  }

  Result<ExitCode> run(Context& context) override {
    ONNXPACK_TRY(auto report, package::repack_folder(context.environment(), folder_, output_.path,
                                                     output_.overwrite, compact_));
    report_edit(context, "repack", report, output_);
    return ExitCode::ok;
  }

 private:
  std::filesystem::path folder_;
  bool compact_ = false;
  EditOutput output_;
};

}  // namespace

const Verb repack_verb = {
    .name = "repack",
    .help = "make a package of the folder that unzip or extract --all made of one",
    .examples =
        "onnx-pack repack folder -o model.onnxpkg    # after: unzip -d folder model.onnxpkg",
    .needs = Needs::files,
    .make = make_command<Repack>};

}  // namespace onnxpack::cli
