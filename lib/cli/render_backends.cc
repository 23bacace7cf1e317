#include <fmt/format.h>

#include "onnxpack/base/text.h"
#include "render.h"

namespace onnxpack::cli {
namespace {

void print_details(Table& table, const package::BackendInfo& backend, bool verbose) {
  if (!backend.problem.empty()) table.note(backend.problem, Style::bad);
  if (!backend.hint.empty()) table.note("hint: " + backend.hint, Style::caution);
  for (const std::string& other : backend.shadowed) table.note("shadows " + other, Style::caution);
  if (!backend.profiles.empty()) table.note("compiles for " + join(backend.profiles, ", "));
  for (const auto& need : backend.needs) {
    if (!need.found) {
      table.note(fmt::format("missing: {}{}", need.what, need.hint.empty() ? "" : "; " + need.hint),
                 Style::bad);
    } else if (verbose) {
      table.note(fmt::format("uses {}: {}", need.what, need.where));
    }
  }
  if (!verbose) return;
  table.note("at " + backend.path);
  if (!backend.verbs.empty()) table.note("verbs " + join(backend.verbs, ", "));
  for (const std::string& option : backend.options) table.note("option " + option);
  table.note(backend.deterministic ? "same request, same bytes" : "may give other bytes each time");
}

}  // namespace

void render_backends(const Console& console, const std::vector<package::BackendInfo>& backends) {
  Table table({Align::left, Align::left, Align::left, Align::left},
              {"backend", "state", "versions", "what it is"});
  for (const auto& backend : backends) {
    std::vector<std::string> versions;
    for (const auto& [tool, version] : backend.versions)
      versions.push_back(fmt::format("{} {}", tool, version));
    table.add({Cell(backend.name, Style::name),
               backend.usable ? Cell("ready", Style::good) : Cell("not usable", Style::bad),
               join(versions, ", "), backend.description});
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

}  // namespace onnxpack::cli
