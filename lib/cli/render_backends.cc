#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "onnxpack/base/text.h"
#include "onnxpack/target/difference.h"
#include "render.h"

namespace onnxpack::cli {
namespace {

// Names while they fit on a line.
std::string profiles_text(const std::vector<std::string>& profiles, bool verbose) {
  constexpr std::size_t shown = 8;
  if (verbose || profiles.size() <= shown) return join(profiles, ", ");
  if (profiles.size() == target::profiles().size())
    return fmt::format("all {} profiles", profiles.size());
  return fmt::format("{} and {} more profiles (-v lists them)",
                     join(std::span(profiles).first(shown), ", "), profiles.size() - shown);
}

// Needs that one and the same step brings are named on one line, and the step is not said again
// when it is the backend's own hint.
void print_needs(Table& table, const package::BackendInfo& backend, bool verbose) {
  std::vector<std::pair<std::string, std::string>> missing;  // hint -> names
  for (const auto& need : backend.needs) {
    if (need.found) {
      if (verbose) table.note(fmt::format("uses {}: {}", need.what, need.where));
      continue;
    }
    auto same = std::ranges::find(missing, need.hint, [](const auto& item) { return item.first; });
    if (same == missing.end()) {
      missing.emplace_back(need.hint, need.what);
    } else {
      same->second += ", " + need.what;
    }
  }
  for (const auto& [hint, names] : missing) {
    table.note("missing: " + names, Style::bad);
    if (!hint.empty() && hint != backend.hint) table.note("hint: " + hint, Style::caution);
  }
}

void print_details(Table& table, const package::BackendInfo& backend, bool verbose) {
  if (!backend.problem.empty())
    table.note(backend.problem, backend.usable ? Style::caution : Style::bad);
  if (!backend.hint.empty()) table.note("hint: " + backend.hint, Style::caution);
  for (const std::string& other : backend.shadowed) table.note("shadows " + other, Style::caution);
  std::vector<std::string> versions;
  for (const auto& [tool, version] : backend.versions)
    versions.push_back(fmt::format("{} {}", tool, version));
  if (!versions.empty()) table.note(join(versions, ", "));
  if (!backend.profiles.empty())
    table.note("compiles for " + profiles_text(backend.profiles, verbose));
  print_needs(table, backend, verbose);
  if (!verbose) return;
  table.note("at " + backend.path);
  if (!backend.verbs.empty()) table.note("verbs " + join(backend.verbs, ", "));
  for (const std::string& option : backend.options) table.note("option " + option);
  table.note(backend.deterministic ? "same request, same bytes" : "may give other bytes each time");
}

}  // namespace

void render_backends(const Console& console, const std::vector<package::BackendInfo>& backends) {
  Table table({Align::left, Align::left, Align::left}, {"backend", "state", "what it is"});
  for (const auto& backend : backends) {
    Cell state = !backend.usable    ? Cell("not usable", Style::bad)
                 : backend.compiles ? Cell("ready", Style::good)
                                    : Cell("runs only", Style::caution);
    table.add({Cell(backend.name, Style::name), std::move(state), backend.description});
    print_details(table, backend, console.verbose());
  }
  console.out() << table.render(console.paint(), 0);
}

void render_targets(const Console& console, const std::vector<target::Target>& targets) {
  Table table({Align::left, Align::left});
  table.add({Cell("host", Style::name), "this machine, as found (onnx-pack targets show host)"});
  for (const auto& target : targets)
    table.add({Cell(target.name, Style::name), target.description});
  console.out() << table.render(console.paint(), 0);
  if (!console.verbose()) return;
  console.out() << "\nalso known as\n";
  Table aliases({Align::left, Align::left});
  for (const auto& [alias, profile] : target::profile_aliases()) aliases.add({alias, profile});
  console.out() << aliases.render(console.paint(), 2);
}

void render_targets_diff(const Console& console, const target::Target& a, const target::Target& b) {
  auto& out = console.out();
  Table table({Align::left, Align::left, Align::left});
  for (const auto& one : target::differences(a, b)) {
    std::string feature = one.feature;
    auto add = [&](std::string_view who, bool stated, const std::vector<std::string>& values) {
      std::string text = !stated ? "(not stated)" : values.empty() ? "(none)" : join(values, " ");
      table.add({Cell(std::exchange(feature, ""), Style::name), Cell(who),
                 Cell(std::move(text), stated && !values.empty() ? Style::bold : Style::dim)});
    };
    // A side that has nothing of its own is said only where the two share nothing either.
    if (!one.only_a.empty() || one.both.empty()) add(a.name, one.in_a, one.only_a);
    if (!one.only_b.empty() || one.both.empty()) add(b.name, one.in_b, one.only_b);
    if (!one.both.empty()) add("both", true, one.both);
  }
  if (table.empty()) {
    out << "the facts are the same\n";
  } else {
    out << table.render(console.paint(), 0);
  }
  for (const auto& [made_for, device] : {std::pair(&a, &b), std::pair(&b, &a)}) {
    auto check = target::suits(*made_for, *device);
    out << fmt::format("code for {} {} {}{}\n", printable(made_for->name),
                       check.outcome == target::Outcome::met       ? "suits"
                       : check.outcome == target::Outcome::not_met ? "does not suit"
                                                                   : "may not suit",
                       printable(device->name),
                       check.outcome == target::Outcome::met ? "" : ": " + check.reason);
  }
}

}  // namespace onnxpack::cli
