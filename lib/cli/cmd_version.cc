#include <fmt/format.h>

#include "documents.h"
#include "onnxpack/manifest/manifest.h"
#include "onnxpack/model/model_file.h"
#include "onnxpack/protocol/version.h"
#include "verb.h"

namespace onnxpack::cli {
namespace {

class Version final : public Command {
 public:
  void declare(Flags&) override {}

  Result<ExitCode> run(Context& context) override {
    std::string format =
        fmt::format("{}.{}", manifest::current_version.major, manifest::current_version.minor);
    std::string protocol = protocol::to_string(protocol::current_version);
    if (context.json()) {
      json::Value out = document("version");
      out["onnx_pack"] = ONNXPACK_VERSION;
      out["package_format"] = format;
      out["backend_protocol"] = protocol;
      out["newest_ir_version"] = model::newest_ir_version;
      context.print(out);
    } else {
      context.out() << fmt::format(
          "onnx-pack {}\npackage format {}, backend protocol {}, ONNX models up to IR version {}\n",
          ONNXPACK_VERSION, format, protocol, model::newest_ir_version);
    }
    return ExitCode::ok;
  }
};

}  // namespace

const Verb version_verb = {.name = "version",
                           .help = "print the versions of the program and of its formats",
                           .examples =
                               "onnx-pack version\n"
                               "onnx-pack --version",
                           .needs = Needs::nothing,
                           .make = make_command<Version>};

}  // namespace onnxpack::cli
