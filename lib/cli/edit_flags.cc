#include "edit_flags.h"

#include <fmt/format.h>

#include "documents.h"
#include "onnxpack/base/text.h"
#include "render.h"

namespace onnxpack::cli {

void EditOutput::declare(Flags& flags) {
  flags.path("--output,-o", "FILE", "the package to write; may be one that is read, with --force",
             path);
  flags.flag("--force", "replace the output if it exists",
             [this] { overwrite = io::Overwrite::yes; });
}

void report_edit(Context& context, std::string_view verb, const package::EditReport& report,
                 const EditOutput& output) {
  context.end_progress();
  if (context.json()) {
    context.print(edit_document(verb, report, output.path.string()));
    return;
  }
  auto& out = context.out();
  const Paint& paint = context.console().paint();
  for (const auto& name : report.removed)
    out << paint(Style::bad, fmt::format("- variant {}", printable(name))) << '\n';
  for (const auto& name : report.added)
    out << paint(Style::good, fmt::format("+ variant {}", printable(name))) << '\n';
  for (const auto& name : report.dropped_annexes)
    out << fmt::format("- {}: speaks of what is no longer there\n", printable(name));
  out << fmt::format("{}: {}, {}, id {}\n", paint(Style::bold, printable(output.path.string())),
                     human_size(report.package_size), count(report.variants.size(), "variant"),
                     short_id(report.package_id));
}

}  // namespace onnxpack::cli
