#include "compile_job.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>

#include "onnxpack/backend/compile.h"
#include "onnxpack/base/log.h"
#include "onnxpack/base/text.h"
#include "onnxpack/crypto/digest.h"
#include "variant.h"

namespace onnxpack::package {
namespace {

using backend::Outcome;
using backend::OutcomeKind;
using Clock = std::chrono::steady_clock;

JobStatus to_status(OutcomeKind kind) {
  switch (kind) {
    case OutcomeKind::ok:
      return JobStatus::built;
    case OutcomeKind::refused:
      return JobStatus::refused;
    case OutcomeKind::no_gain:
      return JobStatus::no_gain;
    case OutcomeKind::error:
      return JobStatus::failed;
    default:
      return JobStatus::crashed;
  }
}

std::vector<std::pair<std::uint64_t, std::uint64_t>> coverages(
    const std::vector<manifest::Variant>& variants) {
  std::vector<std::pair<std::uint64_t, std::uint64_t>> out;
  for (const auto& variant : variants)
    out.emplace_back(variant.coverage.covered_nodes, variant.coverage.total_nodes);
  return out;
}

// Everything that one job needs while it runs, on its own thread.
class JobRun {
 public:
  explicit JobRun(const CompileJob& given)
      : given_(given),
        environment_(given.environment),
        request_(given.request),
        job_(given.job),
        work_(given.scratch / fmt::format("job-{}", given.index)),
        task_(given.job.request.variant_name) {
    if (request_.components.size() > 1) task_ += " " + given.component.description.name;
  }

  Result<JobResult> run() {
    auto start = Clock::now();
    JobResult result;
    result.report = report_of(request_, job_, given_.component);
    environment_.watcher->started(task_, 0);
    ONNXPACK_CHECK(compile(result));
    result.report.duration =
        std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - start);
    environment_.watcher->finished(task_, to_string(result.report.status));
    log::info(fmt::format("{}: {} in {} ms{}{}", task_, to_string(result.report.status),
                          result.report.duration.count(), result.report.reason.empty() ? "" : ": ",
                          result.report.reason));
    return result;
  }

 private:
  Status compile(JobResult& result) {
    ONNXPACK_CHECK(environment_.files->make_directories(work_));
    ONNXPACK_TRY(auto compiled, backend::compile(call()));
    const Outcome& outcome = compiled.outcome;
    result.report.compiler = outcome.wall;
    if (outcome.kind == OutcomeKind::cancelled && !environment_.cancel->is_set()) {
      result.report.status = JobStatus::skipped;
      result.report.reason = "stopped: another target failed first (--fail-fast)";
      return {};
    }
    if (outcome.kind == OutcomeKind::cancelled) return fail(ErrorKind::cancelled, "interrupted");
    result.report.status = compiled.from_cache ? JobStatus::cached : to_status(outcome.kind);
    for (const auto& warning : outcome.warnings)
      log::warning(fmt::format("{}: {}", task_, warning));
    for (const auto& note : compiled.response.notes) log::info(fmt::format("{}: {}", task_, note));
    if (!outcome.ok()) return explain(outcome, result.report);
    take_variants(compiled, result);
    check_coverage(result);
    return {};
  }

  backend::CompileCall call() {
    backend::CompileCall out;
    out.backend = job_.backend;
    out.request = job_.request;
    out.components_root = stage_root(given_.scratch, job_.source);
    out.work_folder = work_;
    out.log_file = work_ / "log";
    out.limits.quiet = request_.heartbeat_timeout;
    if (request_.compile_timeout) out.limits.total = *request_.compile_timeout;
    out.limits.memory_bytes = request_.memory_limit;
    out.cancel = &given_.cancel;
    out.content = given_.content;
    out.cache = given_.cache;
    out.on_event = [this](const protocol::Event& event) { show(event); };
    return out;
  }

  void show(const protocol::Event& event) {
    if (const auto* progress = std::get_if<protocol::Progress>(&event)) {
      environment_.watcher->stage(task_, printable(progress->stage));
    } else if (const auto* line = std::get_if<protocol::LogLine>(&event)) {
      log::info(fmt::format("{}: {}", task_, printable(line->text)));
    }
  }

  Status explain(const Outcome& outcome, JobReport& report) {
    bool answered = outcome.kind == OutcomeKind::refused || outcome.kind == OutcomeKind::error ||
                    outcome.kind == OutcomeKind::no_gain;
    report.reason = answered ? outcome.reason : backend::headline(outcome);
    if (answered && !outcome.stage.empty())
      report.reason = fmt::format("{}: {}", outcome.stage, report.reason);
    report.hint = outcome.hint;
    // A refusal is an answer; what failed or died leaves its log for whoever wants to know why.
    if (report.status == JobStatus::no_gain || report.status == JobStatus::refused) return {};
    return keep_log(outcome, report);
  }

  Status keep_log(const Outcome& outcome, JobReport& report) {
    auto& files = *environment_.files;
    if (environment_.logs.empty() || !files.exists(outcome.log)) return {};
    ONNXPACK_CHECK(files.make_directories(environment_.logs));
    auto path = environment_.logs / fmt::format("{}.log", job_.request.variant_name);
    ONNXPACK_TRY(auto source, files.open(outcome.log));
    ONNXPACK_TRY(auto kept, files.create(path));
    ONNXPACK_CHECK(kept->append_from(*source, 0, source->size()));
    ONNXPACK_CHECK(kept->publish_unsynced(io::Overwrite::yes));
    report.log = path.string();
    return {};
  }

  void take_variants(const backend::Compiled& compiled, JobResult& result) {
    for (const auto& answer : compiled.response.variants) {
      manifest::Variant variant =
          make_variant(job_, request_.targets[job_.target], answer, compiled.key);
      for (const auto& partition : answer.partitions) {
        for (const auto& blob : partition.blobs) {
          auto file = std::ranges::find(compiled.files, blob.path, &backend::OutputFile::path);
          std::string member = fmt::format("variants/{}/{}", variant.name, blob.path);
          // Two partitions may share a blob; a member is written once.
          if (std::ranges::find(result.blobs, member, &SourceFile::member) != result.blobs.end())
            continue;
          result.report.size += file->size;
          result.blobs.push_back({std::move(member), file->file, file->sha256});
        }
      }
      result.report.variants.push_back(variant.name);
      result.variants.push_back(std::move(variant));
    }
  }

  // The share is of the graph that the backend compiled, which preparation may have made smaller
  // than the model's.
  void check_coverage(JobResult& result) {
    double share = 1.0;
    for (const auto& [covered, total] : coverages(result.variants)) {
      double own = total == 0 ? 1.0 : static_cast<double>(covered) / static_cast<double>(total);
      if (own > share) continue;
      share = own;
      result.report.covered_nodes = covered;
      result.report.total_nodes = total;
    }
    if (share >= request_.min_coverage) return;
    result.report.status = JobStatus::low_coverage;
    result.report.reason =
        fmt::format("covers {} of {} nodes ({:.0f} %), less than --min-coverage {:.0f} %",
                    result.report.covered_nodes, result.report.total_nodes, share * 100,
                    request_.min_coverage * 100);
    result.variants.clear();
    result.blobs.clear();
    result.report.variants.clear();
    result.report.size = 0;
  }

  const CompileJob& given_;
  const Environment& environment_;
  const BuildRequest& request_;
  const Job& job_;
  std::filesystem::path work_;
  std::string task_;
};

}  // namespace

Content content_of(const PreparedSource& source) {
  Content out = {{"model", source.description.sha256}};
  for (std::size_t i = 0; i < source.description.transformations.size(); ++i)
    out[fmt::format("transformation/{}", i + 1)] = to_text(source.description.transformations[i]);
  for (const auto& [location, digest] : source.description.external_data)
    out["data/" + location] = digest;
  return out;
}

Result<Content> content_of(const Environment& environment, const PreparedComponent& component) {
  Content out = {{"model", component.description.original.sha256}};
  for (std::size_t i = 0; i < component.model.external_files().size(); ++i) {
    ONNXPACK_TRY(auto file, component.model.open_external(i));
    ONNXPACK_TRY(auto digest, crypto::sha256_file(*file, environment.cancel));
    out["data/" + component.model.external_files()[i].location] = digest.hex();
  }
  return out;
}

JobReport report_of(const BuildRequest& request, const Job& job,
                    const PreparedComponent& component) {
  JobReport out;
  out.target = request.targets[job.target].name;
  out.component = component.description.name;
  out.backend = job.backend->program.name;
  const PreparedComponent& compiled = job.source != nullptr ? *job.source->prepared : component;
  out.total_nodes = compiled.model.nodes().size();
  if (job.source != nullptr) {
    for (const auto& step : job.source->description.transformations)
      out.transformations.push_back(to_text(step));
    out.notes = job.source->notes;
  }
  return out;
}

Result<JobResult> run(const CompileJob& job) {
  return JobRun(job).run();
}

}  // namespace onnxpack::package
