#include <fmt/format.h>

#include "onnxpack/base/text.h"
#include "render.h"

namespace onnxpack::cli {
namespace {

using select::Place;
using select::Ranked;

std::string name_of(const Ranked& rung) {
  return rung.variant.empty() ? "(original graph)" : rung.variant;
}

Style style_of(const Ranked& rung) {
  switch (rung.place) {
    case Place::selected:
      return Style::good;
    case Place::compatible:
      return Style::plain;
    case Place::incompatible:
      return Style::bad;
    case Place::unknown:
      return Style::caution;
  }
  return Style::plain;
}

void add_rung(Table& table, std::string number, const Ranked& rung) {
  std::string verdict = rung.variant.empty() ? "" : std::string(target::to_string(rung.verdict));
  table.add({std::move(number), Cell(name_of(rung), Style::name),
             Cell(select::to_string(rung.place), style_of(rung)), std::move(verdict),
             rung.latency ? fmt::format("{:.2f} ms", rung.latency->median_ms) : ""});
  if (!rung.reason.empty()) table.note("   " + rung.reason);
  for (const std::string& note : rung.notes) table.note("   " + note, Style::caution);
}

// Complete enough to be pasted into an issue: every fact that the decision rests on.
void print_explanation(const Console& console, const package::PackageFile& package,
                       const target::Target& target, const package::SlimReport& report) {
  auto& out = console.out();
  out << fmt::format("package  {} (id {})\n", printable(package.path().filename().string()),
                     package.id());
  out << fmt::format("target   {}\n", printable(target.name));
  Table facts({Align::left, Align::left});
  for (const auto& [feature, values] : target.facts)
    facts.add({feature, values.empty() ? "(none)" : join(values, " ")});
  out << facts.render(console.paint(), 9);
  for (const auto& [component, selection] : report.selections) {
    out << fmt::format("\ncomponent {}: {} on the ladder, {} refused\n",
                       console.paint()(Style::name, printable(component)), selection.ladder.size(),
                       selection.refused.size());
    Table table({Align::right, Align::left, Align::left, Align::left, Align::right});
    std::size_t place = 0;
    for (const Ranked& rung : selection.ladder) add_rung(table, fmt::format("{}.", ++place), rung);
    for (const Ranked& rung : selection.refused) add_rung(table, "-", rung);
    out << table.render(console.paint(), 2);
    if (!selection.decided_by.empty())
      out << fmt::format("decided by {}\n", printable(selection.decided_by));
  }
  out << '\n';
}

void print_short(const Console& console, const package::SlimReport& report) {
  Table table({Align::left, Align::left, Align::left});
  for (const auto& [component, selection] : report.selections) {
    if (selection.ladder.empty()) continue;
    const Ranked& first = selection.ladder.front();
    table.add({component, Cell(name_of(first), Style::good), first.reason});
    for (const std::string& note : first.notes) table.note(note, Style::caution);
    std::string more;
    if (selection.ladder.size() > 1)
      more = fmt::format("{} more on the ladder", selection.ladder.size() - 1);
    if (!selection.refused.empty())
      more += fmt::format("{}{} refused", more.empty() ? "" : ", ", selection.refused.size());
    if (!more.empty()) table.note(more + " (--explain says why)");
  }
  console.out() << table.render(console.paint(), 0);
}

// Variants that would run but stand below the original graph because nobody measured them.
std::vector<std::string> unmeasured(const package::SlimReport& report) {
  std::vector<std::string> out;
  for (const auto& [component, selection] : report.selections) {
    bool below = false;
    for (const Ranked& rung : selection.ladder) {
      if (rung.variant.empty()) {
        below = true;
      } else if (below && !rung.latency) {
        out.push_back(rung.variant);
      }
    }
  }
  return out;
}

void print_kept(const Console& console, const package::SlimReport& report) {
  std::string kept = join(report.kept_variants, ", ");
  if (kept.empty()) {
    kept = "the original graph alone";
  } else if (report.kept_original) {
    kept += " and the original graph";
  }
  console.out() << fmt::format("keeps {}: {} of members, drops {} ({})\n", printable(kept),
                               human_size(report.kept_bytes), human_size(report.dropped_bytes),
                               count(report.dropped_members.size(), "member"));
  auto waiting = unmeasured(report);
  if (report.kept_variants.empty() && !waiting.empty()) {
    console.out() << fmt::format(
        "  {} would run too, but nobody measured {} on such a device: 'verify --record' on one and "
        "'select --evidence' here decide, --prefer-variants takes the risk\n",
        printable(join(waiting, ", ")), waiting.size() == 1 ? "it" : "them");
  }
}

}  // namespace

void render_runtime_checks(const Console& console,
                           const std::vector<package::RuntimeCheck>& checks) {
  Table table({Align::left, Align::left, Align::left},
              {"variant", "by rule", "by the runtime here"});
  for (const auto& check : checks) {
    std::string theirs = check.theirs
                             ? fmt::format("{} ({})", target::to_string(*check.theirs), check.by)
                             : "not asked";
    table.add({Cell(check.variant, Style::name), target::to_string(check.ours.verdict),
               Cell(theirs, check.agrees() ? Style::plain : Style::bad)});
    if (!check.theirs) table.note(check.why);
    if (!check.agrees())
      table.note(fmt::format("the two differ: by rule {}", check.ours.reason), Style::bad);
  }
  console.out() << (table.empty() ? "no variant has a compatibility text\n"
                                  : table.render(console.paint(), 0))
                << '\n';
}

void render_select(const Console& console, const package::PackageFile& package,
                   const target::Target& target, const package::SlimReport& report, Explain explain,
                   const std::string& output) {
  if (explain == Explain::yes) {
    print_explanation(console, package, target, report);
  } else {
    print_short(console, report);
  }
  print_kept(console, report);
  if (report.package_size > 0) {
    console.out() << fmt::format("{}: {}, id {} as before\n",
                                 console.paint()(Style::bold, printable(output)),
                                 human_size(report.package_size), short_id(report.package_id));
  } else {
    console.out() << "dry run: nothing was written\n";
  }
}

}  // namespace onnxpack::cli
