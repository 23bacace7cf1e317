#include <fmt/format.h>

#include "documents.h"
#include "input_flags.h"
#include "onnxpack/base/text.h"
#include "onnxpack/manifest/evidence.h"
#include "onnxpack/package/bench.h"
#include "render.h"
#include "verb.h"

namespace onnxpack::cli {
namespace {

class Bench final : public Command {
 public:
  void declare(Flags& flags) override;

  Result<ExitCode> run(Context& context) override {
    ONNXPACK_TRY(auto package, package::PackageFile::open(context.files(), package_));
    ONNXPACK_TRY(auto report, package::bench(context.environment(), package, request_));
    context.end_progress();
    if (!record_.empty()) {
      std::string text = json::canonical(manifest::to_json(report.evidence));
      ONNXPACK_CHECK(context.files().write_text(record_, text, io::Overwrite::yes));
    }
    if (context.json()) {
      context.print(bench_document(report));
    } else {
      render_bench(context.console(), report);
      if (!record_.empty()) context.console().note("recorded " + printable(record_.string()));
    }
    return report.ok ? ExitCode::ok : ExitCode::untrusted;
  }

 private:
  std::filesystem::path package_;
  std::filesystem::path record_;
  package::BenchRequest request_;
};

void Bench::declare(Flags& flags) {
  flags.positional("PACKAGE", Count::one, "a package, whole or slim",
                   [this](const std::string& text) -> Status {
                     package_ = text;
                     return {};
                   });
  flags.texts("--variant", "NAME", "only this variant and the original; may be repeated",
              request_.variants);
  flags.path("--record", "FILE", "write the figures as evidence, for select --evidence", record_);
  declare_input_flags(flags, request_.inputs);
  flags.heading("Measuring");
  flags.number("--rounds", "N", "turns of each variant, each in a process of its own (default 5)",
               request_.rounds, 1U);
  flags.number("--runs", "N", "timed runs in a turn (default 10)", request_.runs, 1U);
  flags.number("--warmup", "N", "runs before the timed ones (default 2)", request_.warmup);
  flags.number("--threads", "N", "threads of every runtime (default: the machine's cores)",
               request_.threads);
}

}  // namespace

const Verb bench_verb = {
    .name = "bench",
    .help = "measure the variants that suit this machine against the original",
    .examples =
        "onnx-pack bench model.onnxpkg\n"
        "onnx-pack bench model.onnxpkg --record measured.json    # then: select --evidence "
        "measured.json\n"
        "onnx-pack bench model.onnxpkg --threads 1 --input-shape x:1,3,640,640",
    .needs = Needs::backends,
    .make = make_command<Bench>};

}  // namespace onnxpack::cli
