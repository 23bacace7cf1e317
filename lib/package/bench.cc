#include "onnxpack/package/bench.h"

#include <algorithm>
#include <set>
#include <thread>

#include <fmt/format.h>

#include "inputs.h"
#include "onnxpack/base/text.h"
#include "onnxpack/package/annex.h"
#include "onnxpack/package/backends.h"
#include "onnxpack/select/select.h"
#include "onnxpack/tensor/compare.h"
#include "runner.h"
#include "variant_trial.h"

namespace onnxpack::package {
namespace {

constexpr unsigned rounds_of_slow = 2;

double median(std::vector<double> values) {
  std::ranges::sort(values);
  std::size_t half = values.size() / 2;
  return values.size() % 2 == 1 ? values[half] : (values[half - 1] + values[half]) / 2;
}

template <typename Field>
double median_of(const std::vector<manifest::Latency>& rounds, Field field) {
  std::vector<double> values;
  for (const auto& round : rounds) values.push_back(round.*field);
  return median(std::move(values));
}

std::unexpected<Error> no_reference(const RunResult& result) {
  return fail(ErrorKind::unavailable,
              fmt::format("the original graph did not run, so there is nothing to compare with: {}",
                          result.reason.empty() ? "no timings" : result.reason),
              "`onnx-pack doctor` shows what its runtime needs");
}

// One that takes its turns.
struct Subject {
  const manifest::Variant* variant = nullptr;  // null: the original graph
  BenchLine line;
  bool slow = false;
  std::vector<manifest::Latency> rounds;
};

class ComponentBench {
 public:
  ComponentBench(const Environment& environment, const PackageFile& package,
                 const BenchRequest& request, Runner& runner, const manifest::Component& component,
                 BenchReport& report)
      : environment_(environment),
        package_(package),
        request_(request),
        runner_(runner),
        component_(component),
        report_(report) {}

  Status run() {
    ONNXPACK_CHECK(choose_subjects());
    ONNXPACK_CHECK(choose_inputs());
    ONNXPACK_CHECK(look_at_all());
    for (unsigned round = 0; round < request_.rounds; ++round) ONNXPACK_CHECK(run_round(round));
    for (Subject& subject : subjects_) sum_up(subject);
    std::ranges::sort(lines_, {}, &BenchLine::variant);  // the original's name is empty: first
    std::ranges::move(lines_, std::back_inserter(report_.lines));
    return {};
  }

 private:
  BenchLine line_of(const std::string& variant) const {
    BenchLine out;
    out.component = component_.name;
    out.variant = variant;
    return out;
  }
  void leave_out(BenchLine line, BenchStatus status, std::string reason) {
    line.status = status;
    line.reason = std::move(reason);
    lines_.push_back(std::move(line));
  }

  bool asked(const std::string& variant) const {
    return request_.variants.empty() ||
           std::ranges::find(request_.variants, variant) != request_.variants.end();
  }

  // What select would let run on this machine takes part. An emulator could run more, and its
  // figures would say nothing.
  Status choose_subjects() {
    select::Request wanted;
    wanted.target = report_.device;
    wanted.component = component_.name;
    wanted.input_shapes = request_.inputs.shapes;
    ONNXPACK_TRY(auto selection, select::rank(package_.manifest(), wanted));
    subjects_.push_back({nullptr, line_of(""), false, {}});
    for (const auto& rung : selection.ladder) {
      if (rung.variant.empty() || !asked(rung.variant)) continue;
      const auto* variant = package_.manifest().find_variant(rung.variant);
      if (holds_blobs(package_, *variant)) {
        subjects_.push_back({variant, line_of(rung.variant), false, {}});
      } else {
        leave_out(line_of(rung.variant), BenchStatus::not_run,
                  "its blobs are not in this package: dropped by select");
      }
    }
    for (const auto& miss : selection.refused) {
      if (asked(miss.variant)) leave_out(line_of(miss.variant), BenchStatus::not_run, miss.reason);
    }
    return {};
  }

  // One set of inputs for all, or the figures would not compare: of the shapes that the first
  // variant here was compiled for, unless the caller names others.
  Status choose_inputs() {
    std::vector<const manifest::Variant*> variants;
    for (const Subject& subject : subjects_)
      if (subject.variant != nullptr) variants.push_back(subject.variant);
    const Shapes fixed = shapes_for(variants, request_.inputs.shapes);
    ONNXPACK_TRY(auto sets,
                 make_inputs(environment_, package_, component_, request_.inputs, fixed));
    inputs_ = std::move(sets.front());
    report_.inputs_description = inputs_.description;
    drop_if(
        [&](const Subject& subject) {
          return subject.variant == nullptr
                     ? ""
                     : shape_conflict(inputs_, subject.variant->fixed_shapes);
        },
        BenchStatus::not_run);
    return {};
  }

  // Takes those out for which `why` has an answer.
  template <typename Why>
  void drop_if(Why&& why, BenchStatus status) {
    std::erase_if(subjects_, [&](Subject& subject) {
      std::string reason = why(subject);
      if (reason.empty()) return false;
      leave_out(std::move(subject.line), status, std::move(reason));
      return true;
    });
  }

  // One run of each: does it run, is it right, and does it take long?
  Status look_at_all() {
    std::optional<RunResult> expected;
    for (Subject& subject : subjects_) {
      environment_.watcher->started(task(subject), 0);
      ONNXPACK_TRY(auto result, runner_.run_exactly(component_, subject.variant, inputs_.tensors,
                                                    {0, 1, report_.threads}));
      subject.line.runtime = result.runtime;
      subject.slow = is_slow(result);
      if (subject.variant == nullptr) {
        if (result.status != RunStatus::ran) return no_reference(result);
        expected = std::move(result);
        continue;
      }
      ONNXPACK_CHECK(judge(subject, *expected, result));
    }
    std::erase_if(subjects_, [&](Subject& subject) {
      if (subject.line.reason.empty()) return false;
      lines_.push_back(std::move(subject.line));
      return true;
    });
    return {};
  }

  // Sets a reason when the subject takes no further part.
  Status judge(Subject& subject, const RunResult& expected, const RunResult& result) const {
    if (result.status != RunStatus::ran) {
      subject.line.status =
          result.status == RunStatus::failed ? BenchStatus::failed : BenchStatus::not_run;
      subject.line.reason = result.reason.empty() ? "no reason given" : result.reason;
      return {};
    }
    const std::string& declared = subject.variant->precision;
    ONNXPACK_TRY(auto precision, tensor::parse_precision(declared.empty() ? "fp32" : declared));
    for (const auto& output : tensor::compare_all(expected.outputs, result.outputs, precision)) {
      if (output.verdict != tensor::Verdict::failed) continue;
      subject.line.status = BenchStatus::failed;
      subject.line.reason = fmt::format("computes something else than the original: output {}: {}",
                                        printable(output.name), output.reason);
      break;
    }
    return {};
  }

  Status run_round(unsigned round) {
    for (std::size_t i = 0; i < subjects_.size(); ++i) {
      Subject& subject = subjects_[(i + round) % subjects_.size()];
      if (!subject.line.reason.empty() || (subject.slow && round >= rounds_of_slow)) continue;
      RunOptions options{request_.warmup, std::max(1U, request_.runs), report_.threads};
      if (subject.slow) options = {0, 1, report_.threads};
      environment_.watcher->stage(task(subject), fmt::format("round {}", round + 1));
      ONNXPACK_TRY(auto result,
                   runner_.run_exactly(component_, subject.variant, inputs_.tensors, options));
      if (result.status != RunStatus::ran || !result.latency) {
        if (subject.variant == nullptr) return no_reference(result);
        subject.line.status = BenchStatus::failed;
        subject.line.reason =
            result.reason.empty() ? "it ran and gave no timings" : std::move(result.reason);
        continue;
      }
      subject.rounds.push_back(*result.latency);
    }
    return {};
  }

  void sum_up(Subject& subject) {
    environment_.watcher->finished(task(subject), "");
    if (!subject.line.reason.empty() || subject.rounds.empty()) {
      lines_.push_back(std::move(subject.line));
      return;
    }
    using manifest::Latency;
    BenchLine& line = subject.line;
    line.status = BenchStatus::measured;
    Latency sum;
    sum.session_ms = median_of(subject.rounds, &Latency::session_ms);
    sum.first_run_ms = median_of(subject.rounds, &Latency::first_run_ms);
    sum.median_ms = median_of(subject.rounds, &Latency::median_ms);
    sum.p10_ms = median_of(subject.rounds, &Latency::p10_ms);
    sum.p90_ms = median_of(subject.rounds, &Latency::p90_ms);
    for (const auto& round : subject.rounds) sum.runs += round.runs;
    sum.threads = report_.threads;
    line.latency = sum;
    auto [low, high] = std::ranges::minmax(subject.rounds, {}, &Latency::median_ms);
    line.lowest_ms = low.median_ms;
    line.highest_ms = high.median_ms;
    const auto& original = subjects_.front().rounds;
    std::vector<double> ratios;
    for (std::size_t i = 0; i < std::min(subject.rounds.size(), original.size()); ++i) {
      if (original[i].median_ms > 0)
        ratios.push_back(subject.rounds[i].median_ms / original[i].median_ms);
    }
    if (subject.variant != nullptr && !ratios.empty()) line.ratio = median(std::move(ratios));
    if (subject.slow) line.reason = "a single run in each round, since one takes long";
    lines_.push_back(line);
  }

  std::string task(const Subject& subject) const {
    return fmt::format("bench {}", subject.variant == nullptr
                                       ? fmt::format("original graph of {}", component_.name)
                                       : subject.variant->name);
  }

  const Environment& environment_;
  const PackageFile& package_;
  const BenchRequest& request_;
  Runner& runner_;
  const manifest::Component& component_;
  BenchReport& report_;
  InputSet inputs_;
  std::vector<Subject> subjects_;  // the original first
  std::vector<BenchLine> lines_;
};

manifest::EvidenceEntry entry_of(const PackageFile& package, const BenchLine& line) {
  auto out = evidence_about(package, line.component, line.variant);
  out.runtime = line.runtime;
  if (line.status == BenchStatus::failed) {
    out.equivalence = "failed";
    out.equivalence_reason = line.reason;
  }
  return out;
}

// The latency to rank by: the paired ratio times the original's median. Medians of two subjects may
// come from different moments of a busy machine; their ratio within a round does not.
std::optional<manifest::Latency> steady_latency(const BenchReport& report, const BenchLine& line) {
  auto original = std::ranges::find_if(report.lines, [&](const BenchLine& other) {
    return other.component == line.component && other.variant.empty();
  });
  if (!line.latency || !line.ratio || original == report.lines.end() || !original->latency)
    return line.latency;
  manifest::Latency out = *line.latency;
  double scale = out.median_ms > 0 ? *line.ratio * original->latency->median_ms / out.median_ms : 1;
  out.median_ms *= scale;
  out.p10_ms *= scale;
  out.p90_ms *= scale;
  return out;
}

void learn(const Environment& environment, const PackageFile& package, BenchReport& report) {
  manifest::Evidence& evidence = report.evidence;
  evidence.package_id = package.id();
  evidence.device = report.device;
  evidence.producer = fmt::format("onnx-pack {}", environment.version);
  for (const BenchLine& line : report.lines) {
    if (line.status == BenchStatus::not_run) continue;
    evidence.entries.push_back(entry_of(package, line));
    evidence.entries.back().latency = steady_latency(report, line);
  }
}

Status choose(const PackageFile& package, BenchReport& report) {
  for (const auto& component : package.manifest().components) {
    if (std::ranges::find(report.lines, component.name, &BenchLine::component) ==
        report.lines.end())
      continue;
    select::Request request;
    request.target = report.device;
    request.component = component.name;
    request.evidence = {report.evidence};
    ONNXPACK_TRY(auto selection, select::rank(package.manifest(), request));
    const std::string& first = selection.ladder.front().variant;
    report.chosen.push_back(
        fmt::format("{}: {}", component.name, first.empty() ? "the original graph" : first));
  }
  return {};
}

}  // namespace

std::string_view to_string(BenchStatus status) {
  switch (status) {
    case BenchStatus::measured:
      return "measured";
    case BenchStatus::not_run:
      return "not-run";
    case BenchStatus::failed:
      return "failed";
  }
  return "failed";
}

Result<BenchReport> bench(const Environment& environment, const PackageFile& package,
                          const BenchRequest& request) {
  ONNXPACK_CHECK(check_variant_names(package, request.variants));
  BenchReport report;
  report.rounds = request.rounds;
  report.runs = request.runs;
  report.threads =
      request.threads > 0 ? request.threads : std::max(1U, std::thread::hardware_concurrency());
  ONNXPACK_TRY(report.device, host_target(environment));
  ONNXPACK_TRY(auto runner, Runner::start(environment, package));
  for (const auto& component : package.manifest().components) {
    if (!package.holds(component.model)) continue;
    ComponentBench one(environment, package, request, *runner, component, report);
    ONNXPACK_CHECK(one.run());
  }
  if (report.lines.empty()) {
    return fail(ErrorKind::not_found,
                fmt::format("{}: the original graph is not in this package, so there is nothing to "
                            "compare with",
                            printable(package.path().string())),
                "measure the full package, or a slim one made without --no-fallback");
  }
  learn(environment, package, report);
  ONNXPACK_CHECK(choose(package, report));
  report.ok = std::ranges::none_of(
      report.lines, [](const auto& line) { return line.status == BenchStatus::failed; });
  return report;
}

Result<BenchReport> bench_into(const Environment& environment, const std::filesystem::path& path,
                               const BenchRequest& request) {
  ONNXPACK_TRY(auto package, PackageFile::open(*environment.files, path));
  ONNXPACK_TRY(auto report, bench(environment, package, request));
  ONNXPACK_CHECK(write_with_evidence(environment, package, std::span(&report.evidence, 1), path,
                                     io::Overwrite::yes));
  return report;
}

}  // namespace onnxpack::package
