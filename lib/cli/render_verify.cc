#include <algorithm>

#include <fmt/format.h>

#include "onnxpack/base/text.h"
#include "render.h"

namespace onnxpack::cli {
namespace {

using package::CheckStatus;
using package::VariantCheck;

// In capitals what nobody should overlook.
std::string_view word(CheckStatus status) {
  switch (status) {
    case CheckStatus::passed:
      return "passed";
    case CheckStatus::failed:
      return "FAILED";
    case CheckStatus::not_run:
      return "NOT RUN";
    case CheckStatus::weak_input:
      return "WEAK INPUT";
    case CheckStatus::absent:
      return "absent";
  }
  return "?";
}

Style style_of(CheckStatus status) {
  return status == CheckStatus::passed   ? Style::good
         : status == CheckStatus::failed ? Style::bad
                                         : Style::caution;
}

void print_integrity(const Console& console, const package::VerifyReport& report) {
  Table table({Align::left, Align::left, Align::left});
  for (const auto& check : report.integrity) {
    // Errors carry the member's name as context; the line has it already.
    std::string_view detail = check.detail;
    if (detail.starts_with(check.name + ": ")) detail.remove_prefix(check.name.size() + 2);
    table.add({check.name, Cell(word(check.status), style_of(check.status)), detail});
  }
  console.out() << console.paint()(Style::bold, "integrity")
                << fmt::format(" ({} hashed)\n", human_size(report.bytes_hashed))
                << table.render(console.paint(), 2);
}

void add_outputs(Table& table, const VariantCheck& check, bool all) {
  for (const auto& output : check.outputs) {
    const tensor::Comparison& c = output.comparison;
    if (!all && c.verdict == tensor::Verdict::passed && check.outputs.size() > 4) continue;
    bool equal =
        c.max_abs_error == 0 && c.mismatches == 0 && c.nonfinite_mismatches == 0 && c.elements > 0;
    std::string figures =
        equal
            ? fmt::format("{}: equal in all {} elements", output.name, c.elements)
            : fmt::format(
                  "{}: max error {:.3g} absolute, {:.3g} of the peak; rms {:.3g} of the output's; "
                  "cosine {:.7f}; SNR {:.1f} dB",
                  output.name, c.max_abs_error, c.relative_peak, c.relative_rms, c.cosine,
                  c.snr_db);
    if (c.mismatches > 0)
      figures += fmt::format("; {} of {} elements differ", c.mismatches, c.elements);
    if (c.nonfinite_mismatches > 0)
      figures += fmt::format("; {} NaN or Inf in other places", c.nonfinite_mismatches);
    table.note(figures, c.verdict == tensor::Verdict::passed ? Style::dim : Style::caution);
    if (!c.reason.empty()) table.note(fmt::format("{}: {}", output.name, c.reason), Style::bad);
  }
}

void print_equivalence(const Console& console, const package::VerifyReport& report) {
  Table table({Align::left, Align::left, Align::left, Align::right, Align::right, Align::left},
              {"variant", "result", "runtime", "session", "median", "p10 to p90"});
  for (const VariantCheck& check : report.variants) {
    bool reference = check.variant.empty();
    std::string name = reference ? fmt::format("(original {})", check.component) : check.variant;
    Cell result = reference && check.status == CheckStatus::passed
                      ? Cell("reference")
                      : Cell(word(check.status), style_of(check.status));
    std::vector<Cell> row{Cell(name, Style::name), result, check.runtime};
    if (check.latency) {
      row.insert(row.end(),
                 {milliseconds(check.latency->session_ms), milliseconds(check.latency->median_ms),
                  fmt::format("{} to {}", milliseconds(check.latency->p10_ms),
                              milliseconds(check.latency->p90_ms))});
    }
    table.add(std::move(row));
    if (!check.reason.empty() && !(reference && check.status == CheckStatus::passed))
      table.note(check.reason, style_of(check.status));
    if (!check.reference.empty())
      table.note((reference ? "by " : "held against ") + check.reference);
    if (!reference) add_outputs(table, check, console.verbose());
  }
  console.out() << '\n' << console.paint()(Style::bold, "equivalence to the original graph");
  if (!report.inputs_description.empty())
    console.out() << fmt::format(" (inputs: {})", printable(report.inputs_description));
  console.out() << '\n' << table.render(console.paint(), 2);
}

std::string conclusion(const package::VerifyReport& report) {
  auto of_variants = [&](CheckStatus status) {
    return static_cast<std::size_t>(
        std::ranges::count_if(report.variants, [&](const VariantCheck& check) {
          return !check.variant.empty() && check.status == status;
        }));
  };
  std::size_t variants = of_variants(CheckStatus::passed) + of_variants(CheckStatus::failed) +
                         of_variants(CheckStatus::not_run) + of_variants(CheckStatus::weak_input) +
                         of_variants(CheckStatus::absent);
  bool whole = std::ranges::none_of(
      report.integrity, [](const auto& check) { return check.status == CheckStatus::failed; });
  std::vector<std::string> parts{whole ? "the file is whole" : "the file is DAMAGED"};
  if (variants > 0)
    parts.push_back(fmt::format("{} of {} verified", of_variants(CheckStatus::passed),
                                count(variants, "variant")));
  for (CheckStatus status :
       {CheckStatus::failed, CheckStatus::not_run, CheckStatus::weak_input, CheckStatus::absent}) {
    if (std::size_t number = of_variants(status))
      parts.push_back(fmt::format("{} {}", number, word(status)));
  }
  return join(parts, ", ");
}

}  // namespace

void render_verify(const Console& console, const package::PackageFile& package,
                   const package::VerifyReport& report) {
  print_integrity(console, report);
  if (!report.variants.empty()) print_equivalence(console, report);
  console.out() << fmt::format(
      "\n{}: {}: {}, id {}\n",
      console.paint()(report.ok ? Style::good : Style::bad, report.ok ? "ok" : "FAILED"),
      printable(package.path().string()), conclusion(report), short_id(report.package_id));
}

}  // namespace onnxpack::cli
