#include <algorithm>
#include <map>

#include <fmt/format.h>

#include "onnxpack/base/text.h"
#include "render.h"

namespace onnxpack::cli {
namespace {

using select::FleetPlan;
using select::UnitUse;

// "till-1, till-2, till-3 and 27 more".
std::string some(const std::vector<std::string>& names) {
  constexpr std::size_t shown = 3;
  if (names.size() <= shown + 1) return join(names, ", ");
  return fmt::format("{} and {} more",
                     join(std::vector(names.begin(), names.begin() + shown), ", "),
                     names.size() - shown);
}

std::string share(std::size_t part, std::size_t whole) {
  return fmt::format("{:.0f} %", 100.0 * static_cast<double>(part) / static_cast<double>(whole));
}

const std::vector<std::string>& backends_of(const package::FleetReport& report,
                                            const std::string& target) {
  static const std::vector<std::string> none;
  auto found = report.backends.find(target);
  return found == report.backends.end() ? none : found->second;
}

void print_originals(const Console& console, const FleetPlan& plan) {
  if (plan.originals.empty()) return;
  std::map<std::string, std::vector<std::string>> by_reason;
  for (const auto& pick : plan.devices) {
    if (pick.unit.empty()) by_reason[pick.reason].push_back(pick.device);
  }
  console.out() << fmt::format("{} to the original graph\n",
                               plan.originals.size() == 1 ? "falls back" : "fall back");
  Table table({Align::left});
  for (const auto& [reason, devices] : by_reason) {
    table.add({Cell(some(devices), Style::caution)});
    table.note(reason);
  }
  console.out() << table.render(console.paint(), 2);
}

// What a package for the model would have to hold.
void print_targets(const Console& console, const package::FleetReport& report,
                   const FleetPlan& plan) {
  auto& out = console.out();
  std::size_t all = plan.devices.size();
  out << fmt::format("{}: {} serve{} {} of them, {} to the original graph{}\n",
                     count(all, "device"), count(plan.smallest.size(), "target"),
                     plan.smallest.size() == 1 ? "s" : "", all - plan.originals.size(),
                     plan.originals.size() == 1
                         ? "1 falls back"
                         : fmt::format("{} fall back", plan.originals.size()),
                     plan.proved ? "" : " (perhaps fewer targets would do: too many combinations)");
  Table table({Align::left, Align::left, Align::right, Align::right, Align::left},
              {"target", "runs on", "devices", "share", "compiled by"});
  for (const UnitUse& use : plan.units) {
    if (!use.needed) continue;
    table.add({Cell(use.unit, Style::good), use.device, std::to_string(use.set_picks.size()),
               share(use.set_picks.size(), all), join(backends_of(report, use.unit), ", ")});
  }
  out << table.render(console.paint(), 2);
  Table closer({Align::left, Align::left, Align::right});
  for (const UnitUse& use : plan.units) {
    if (!use.needed && !use.picks.empty())
      closer.add({use.unit, use.device, count(use.picks.size(), "device")});
  }
  if (!closer.empty())
    out << "closer to some devices, not needed to serve them\n"
        << closer.render(console.paint(), 2);
}

// What is there, and who takes it.
void print_variants(const Console& console, const FleetPlan& plan) {
  auto& out = console.out();
  std::size_t all = plan.devices.size();
  out << fmt::format("{}: {} take a variant, {} the original graph\n", count(all, "device"),
                     all - plan.originals.size(), plan.originals.size());
  Table table({Align::left, Align::left, Align::right, Align::right, Align::left},
              {"variant", "runs on", "devices", "share", "smallest set"});
  for (const UnitUse& use : plan.units) {
    table.add({Cell(use.unit, use.picks.empty() ? Style::caution : Style::good), use.device,
               use.picks.empty() ? "nobody" : std::to_string(use.picks.size()),
               use.picks.empty() ? "" : share(use.picks.size(), all), use.needed ? "yes" : ""});
    if (!use.reason.empty()) table.note(use.reason);
  }
  if (!table.empty()) out << table.render(console.paint(), 2);
  if (!plan.smallest.empty()) {
    out << fmt::format("smallest set that serves as many{}: {}\n",
                       plan.proved ? "" : " (perhaps not: too many combinations)",
                       join(plan.smallest, ", "));
  }
}

}  // namespace

void render_plan(const Console& console, const package::FleetReport& report,
                 const std::string& subject, std::size_t devices) {
  bool model = report.package_id.empty();
  for (const auto& [component, plan] : report.components) {
    if (report.components.size() > 1)
      console.out() << fmt::format("component {}\n", console.paint()(Style::name, component));
    if (model) {
      print_targets(console, report, plan);
    } else {
      print_variants(console, plan);
    }
    print_originals(console, plan);
  }
  for (const auto& target : report.unserved)
    console.warn(fmt::format("no backend that is here compiles for {}", printable(target)));
  if (!model || report.components.front().plan.smallest.empty() || devices == 0) return;
  std::string flags;
  for (const auto& target : report.components.front().plan.smallest) flags += " -t " + target;
  std::filesystem::path path = subject;
  console.out() << fmt::format("next: onnx-pack build {}{} -o {}.onnxpkg\n", printable(subject),
                               flags, printable(path.stem().string()));
}

}  // namespace onnxpack::cli
