#include <fmt/format.h>

#include "documents.h"
#include "onnxpack/base/text.h"
#include "onnxpack/package/diff.h"
#include "render.h"
#include "verb.h"

namespace onnxpack::cli {
namespace {

class Diff final : public Command {
 public:
  void declare(Flags& flags) override {
    auto into = [](std::filesystem::path& path) {
      return [&path](const std::string& text) -> Status {
        path = text;
        return {};
      };
    };
    flags.positional("A", Count::one, "a package", into(a_));
    flags.positional("B", Count::one, "another", into(b_));
  }

  Result<ExitCode> run(Context& context) override {
    ONNXPACK_TRY(auto a, package::PackageFile::open(context.files(), a_));
    ONNXPACK_TRY(auto b, package::PackageFile::open(context.files(), b_));
    ONNXPACK_TRY(auto diff, package::compare_packages(a, b));
    if (context.json()) {
      context.print(diff_document(diff));
    } else {
      render(context.console(), a, b, diff);
    }
    return diff.changes.empty() ? ExitCode::ok : ExitCode::differs;
  }

 private:
  static void render(const Console& console, const package::PackageFile& a,
                     const package::PackageFile& b, const package::PackageDiff& diff) {
    auto& out = console.out();
    if (diff.changes.empty()) {
      out << "no difference\n";
      return;
    }
    out << fmt::format("--- {}  id {}  {}\n", printable(a.path().string()), short_id(diff.id_a),
                       human_size(a.file_size()));
    out << fmt::format("+++ {}  id {}  {}\n", printable(b.path().string()), short_id(diff.id_b),
                       human_size(b.file_size()));
    for (const auto& change : diff.changes) {
      Style style = change.how == package::Change::How::removed ? Style::bad
                    : change.how == package::Change::How::added ? Style::good
                                                                : Style::caution;
      std::string_view mark = change.how == package::Change::How::removed ? "-"
                              : change.how == package::Change::How::added ? "+"
                                                                          : "~";
      std::string line = fmt::format("{} {}", mark, printable(change.what));
      std::string details = join(change.details, ", ");
      out << console.paint()(style, line)
          << (details.empty() ? "" : fmt::format(" ({})", printable(details))) << '\n';
    }
  }

  std::filesystem::path a_;
  std::filesystem::path b_;
};

}  // namespace

const Verb diff_verb = {
    .name = "diff",
    .help = "show what two packages do not have in common; exit code 10 if there is something",
    .examples =
        "onnx-pack diff old.onnxpkg new.onnxpkg\n"
        "onnx-pack diff full.onnxpkg slim.onnxpkg    # one id: which parts the second lacks",
    .needs = Needs::files,
    .make = make_command<Diff>};

}  // namespace onnxpack::cli
