#include <algorithm>
#include <chrono>

#include <fmt/format.h>

#include "onnxpack/base/text.h"
#include "onnxpack/target/vocabulary.h"
#include "render.h"

namespace onnxpack::cli {
namespace {

using package::BenchLine;
using package::BenchStatus;

std::string_view word(BenchStatus status) {
  switch (status) {
    case BenchStatus::measured:
      return "measured";
    case BenchStatus::not_run:
      return "NOT RUN";
    case BenchStatus::failed:
      return "FAILED";
  }
  return "?";
}

Style style_of(BenchStatus status) {
  return status == BenchStatus::measured ? Style::good
         : status == BenchStatus::failed ? Style::bad
                                         : Style::caution;
}

std::string range(double from, double to) {
  return fmt::format("{} to {}", milliseconds(from), milliseconds(to));
}

void add_line(Table& table, const BenchLine& line, bool with_component) {
  std::string name = line.variant.empty() ? fmt::format("(original {})", line.component)
                     : with_component     ? fmt::format("{}: {}", line.component, line.variant)
                                          : line.variant;
  std::vector<Cell> row{Cell(name, Style::name)};
  if (line.latency) {
    row.insert(
        row.end(),
        {milliseconds(line.latency->session_ms), milliseconds(line.latency->first_run_ms),
         Cell(milliseconds(line.latency->median_ms), Style::bold),
         range(line.latency->p10_ms, line.latency->p90_ms), range(line.lowest_ms, line.highest_ms),
         line.ratio ? fmt::format("{:.2f}", *line.ratio) : "", line.runtime});
  } else {
    row.emplace_back(word(line.status), style_of(line.status));
  }
  table.add(std::move(row));
  if (!line.reason.empty()) table.note(line.reason, style_of(line.status));
}

// What the figures hold for: enough to tell this machine from another.
std::string machine(const target::Target& device) {
  std::string out;
  for (std::string_view feature : {"cpu.microarchitecture", "arch.name"}) {
    const auto* values = target::find_fact(device.facts, feature);
    if (values != nullptr && !values->empty())
      out += (out.empty() ? "" : ", ") + printable(values->front());
  }
  return out;
}

}  // namespace

std::string milliseconds(double value) {
  if (value <= 0) return "";
  if (value >= 1000)
    return human_duration(std::chrono::nanoseconds(static_cast<std::int64_t>(value * 1e6)));
  return fmt::format("{:.{}f} ms", value, value < 100 ? 2 : 0);
}

void render_bench(const Console& console, const package::BenchReport& report) {
  auto& out = console.out();
  out << fmt::format("{}: {} of {}, {}, in turns (inputs: {})\n", machine(report.device),
                     count(report.rounds, "round"), count(report.runs, "run"),
                     count(report.threads, "thread"), printable(report.inputs_description));
  Table table({Align::left, Align::right, Align::right, Align::right, Align::left, Align::left,
               Align::right, Align::left},
              {"variant", "session", "first run", "median", "p10 to p90", "between rounds",
               "of the original", "runtime"});
  bool several = std::ranges::any_of(report.lines, [&](const BenchLine& line) {
    return line.component != report.lines.front().component;
  });
  for (const BenchLine& line : report.lines) add_line(table, line, several);
  out << table.render(console.paint(), 2);
  for (const std::string& chosen : report.chosen)
    out << fmt::format("select --target host would take {}\n", printable(chosen));
}

}  // namespace onnxpack::cli
