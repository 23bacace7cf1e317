#include <algorithm>

#include <fmt/format.h>

#include "onnxpack/base/text.h"
#include "render.h"

namespace onnxpack::cli {
namespace {

using package::BuildReport;
using package::BuildRequest;
using package::JobReport;
using package::JobStatus;

// Below this the manifest decides the ratio, and the ratio says nothing.
constexpr std::uint64_t ratio_from = 100 << 10;

Style style_of(JobStatus status) {
  switch (status) {
    case JobStatus::built:
    case JobStatus::cached:
    case JobStatus::planned:
      return Style::good;
    case JobStatus::no_gain:
    case JobStatus::skipped:
      return Style::caution;
    case JobStatus::refused:
    case JobStatus::failed:
    case JobStatus::crashed:
    case JobStatus::low_coverage:
      return Style::bad;
  }
  return Style::plain;
}

std::string coverage(const JobReport& job) {
  if (job.covered_nodes == 0) return "";
  return fmt::format(
      "{} of {} ({:.0f} %)", job.covered_nodes, count(job.total_nodes, "node"),
      100.0 * static_cast<double>(job.covered_nodes) / static_cast<double>(job.total_nodes));
}

void add_job(Table& table, const JobReport& job, bool with_component) {
  std::vector<Cell> row{{job.target, Style::bold}};
  if (with_component) row.emplace_back(job.component);
  row.insert(
      row.end(),
      {Cell(job.backend), Cell(package::to_string(job.status), style_of(job.status)),
       Cell(job.size > 0 ? human_size(job.size) : ""),
       Cell(job.duration.count() > 0 ? human_duration(job.duration) : ""), Cell(coverage(job))});
  table.add(std::move(row));
  if (!job.transformations.empty()) table.note("of " + join(job.transformations, "; "));
  for (const std::string& note : job.notes) table.note(note, Style::caution);
  if (!job.reason.empty()) table.note(job.reason);
  if (!job.hint.empty()) table.note("hint: " + job.hint, Style::caution);
  if (!job.log.empty()) table.note("log: " + job.log);
}

// One compiler at a time has no schedule worth a line.
void print_schedule(const Console& console, const package::Schedule& schedule) {
  if (schedule.compiled < 2) return;
  console.out() << fmt::format(
      "schedule: {} on {}, {}; no order could take less than {}; {} idle\n",
      count(schedule.compiled, "compiler"), count(schedule.workers, "worker"),
      human_duration(schedule.wall), human_duration(schedule.least()),
      human_duration(schedule.idle()));
}

void print_totals(const Console& console, const BuildRequest& request, const BuildReport& report) {
  auto& out = console.out();
  std::size_t variants = 0;
  for (const JobReport& job : report.jobs) variants += job.variants.size();
  if (report.package_id.empty()) {
    out << fmt::format("dry run: nothing was compiled or written ({})\n",
                       human_duration(report.duration));
    return;
  }
  std::string path = printable(request.output.string());
  std::string contents =
      variants == 0 ? "the original alone" : count(variants, "variant") + " and the original";
  std::string share;
  if (report.original_size >= ratio_from) {
    share = fmt::format(
        "; the package is {:.2f} times that",
        static_cast<double>(report.package_size) / static_cast<double>(report.original_size));
  }
  out << fmt::format("{}: {}, {} ({}{}), in {}\n", console.paint()(Style::bold, path),
                     human_size(report.package_size), contents, human_size(report.original_size),
                     share, human_duration(report.duration));
  out << fmt::format("id {}\n", report.package_id);
  out << fmt::format("next: onnx-pack {} {}\n", variants > 0 ? "verify" : "inspect", path);
}

}  // namespace

void render_build(const Console& console, const BuildRequest& request, const BuildReport& report) {
  bool with_component = request.components.size() > 1;
  std::vector<Align> alignment{Align::left};
  std::vector<std::string> titles{"target"};
  if (with_component) {
    alignment.push_back(Align::left);
    titles.emplace_back("component");
  }
  alignment.insert(alignment.end(),
                   {Align::left, Align::left, Align::right, Align::right, Align::left});
  titles.insert(titles.end(), {"backend", "status", "size", "time", "coverage"});
  Table table(alignment, titles);
  for (const JobReport& job : report.jobs) add_job(table, job, with_component);
  for (const std::string& target : report.unserved_targets) {
    // A backend that was asked and refused has said why already.
    if (std::ranges::find(report.jobs, target, &JobReport::target) != report.jobs.end()) continue;
    std::vector<Cell> row{{target, Style::bold}};
    if (with_component) row.emplace_back("");
    row.insert(row.end(), {Cell("-"), Cell("unserved", Style::bad)});
    table.add(std::move(row));
    table.note("no backend that is installed and was asked for compiles for this target");
    table.note(
        "hint: onnx-pack backends lists what is here, onnx-pack doctor how to get the others",
        Style::caution);
  }
  if (!table.empty()) console.out() << table.render(console.paint(), 0);
  print_schedule(console, report.schedule);
  if (!table.empty()) console.out() << '\n';
  print_totals(console, request, report);
  if (!report.lost_targets.empty()) {
    console.warn(fmt::format("lost {}: {} (exit code 6; --allow-missing TARGET accepts that)",
                             report.lost_targets.size() == 1 ? "a target" : "targets",
                             join(report.lost_targets, ", ")));
  }
}

}  // namespace onnxpack::cli
