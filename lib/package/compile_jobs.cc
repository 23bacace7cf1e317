#include "compile_jobs.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <mutex>
#include <optional>
#include <thread>

#include "onnxpack/backend/compile.h"
#include "onnxpack/backend/schedule.h"
#include "onnxpack/base/log.h"
#include "onnxpack/base/text.h"
#include "onnxpack/crypto/digest.h"
#include "variant.h"

namespace onnxpack::package {
namespace {

using backend::Outcome;
using backend::OutcomeKind;
using Clock = std::chrono::steady_clock;
using Content = std::map<std::string, std::string>;

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
  JobRun(const Environment& environment, const BuildRequest& request, const Job& job,
         const PreparedComponent& component, const std::filesystem::path& scratch,
         std::size_t index, const Content& content, backend::Cache* cache, const CancelFlag& cancel)
      : environment_(environment),
        request_(request),
        job_(job),
        component_(component),
        scratch_(scratch),
        content_(content),
        cache_(cache),
        cancel_(cancel),
        work_(scratch / fmt::format("job-{}", index)),
        task_(fmt::format("{} {}", job.request.variant_name,
                          request.components.size() > 1 ? component.description.name : "")) {
    while (task_.ends_with(' ')) task_.pop_back();
  }

  Result<JobResult> run() {
    auto start = Clock::now();
    JobResult result;
    result.report = report_of(request_, job_, component_);
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
    out.components_root = stage_root(scratch_, job_.source);
    out.work_folder = work_;
    out.log_file = work_ / "log";
    out.limits.quiet = request_.heartbeat_timeout;
    if (request_.compile_timeout) out.limits.total = *request_.compile_timeout;
    out.limits.memory_bytes = request_.memory_limit;
    out.cancel = &cancel_;
    out.content = content_;
    out.cache = cache_;
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

  const Environment& environment_;
  const BuildRequest& request_;
  const Job& job_;
  const PreparedComponent& component_;
  const std::filesystem::path& scratch_;
  const Content& content_;
  backend::Cache* cache_;
  const CancelFlag& cancel_;
  std::filesystem::path work_;
  std::string task_;
};

// Digests of a job's model files as the user gave them, or as transformations made them: what the
// build key says of the model.
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

unsigned job_threads(const BuildRequest& request) {
  if (request.jobs > 0) return request.jobs;
  return std::max(1U, std::thread::hardware_concurrency());
}

class JobList {
 public:
  JobList(const Environment& environment, const BuildRequest& request, const Plan& plan,
          const std::vector<PreparedComponent>& components, const std::filesystem::path& scratch)
      : environment_(environment),
        request_(request),
        plan_(plan),
        components_(components),
        scratch_(scratch),
        results_(plan.jobs.size()) {}

  Result<CompiledJobs> run() {
    for (const auto& component : components_) {
      ONNXPACK_TRY(auto content, content_of(environment_, component));
      contents_.push_back(std::move(content));
    }
    if (!environment_.cache.empty()) {
      ONNXPACK_TRY(cache_, backend::Cache::open(environment_.cache));
    }
    std::vector<backend::Job> jobs;
    for (std::size_t i = 0; i < plan_.jobs.size(); ++i) {
      jobs.push_back({plan_.jobs[i].request.variant_name, 0,
                      [this, i](const CancelFlag& cancel) { return run_one(i, cancel); }});
    }
    auto ends = backend::run_jobs(jobs, {.jobs = job_threads(request_),
                                         .fail_fast = request_.fail_fast,
                                         .cancel = environment_.cancel});
    if (!error_) return std::unexpected(std::move(error_.error()));
    for (std::size_t i = 0; i < ends.size(); ++i) {
      if (ends[i].end != backend::JobEnd::skipped) continue;
      results_[i].report = report_of(request_, plan_.jobs[i], components_[plan_.jobs[i].component]);
      results_[i].report.status = JobStatus::skipped;
      results_[i].report.reason = "not started: another target failed first (--fail-fast)";
    }
    Schedule schedule = schedule_of(ends);
    return CompiledJobs{std::move(results_), schedule};
  }

 private:
  // Before the results are handed out: also tells each report when its job began.
  Schedule schedule_of(const std::vector<backend::JobResult>& ends) {
    Schedule out;
    out.workers = static_cast<unsigned>(std::min<std::size_t>(job_threads(request_), ends.size()));
    for (std::size_t i = 0; i < ends.size(); ++i) {
      if (ends[i].end == backend::JobEnd::skipped) continue;
      JobReport& report = results_[i].report;
      report.begin = ends[i].begin;
      if (report.status != JobStatus::cached) ++out.compiled;
      out.wall = std::max(out.wall, ends[i].begin + ends[i].duration);
      out.busy += ends[i].duration;
      out.longest = std::max(out.longest, ends[i].duration);
    }
    return out;
  }

  bool run_one(std::size_t index, const CancelFlag& cancel) {
    const Job& job = plan_.jobs[index];
    Content content = job.source != nullptr ? content_of(*job.source) : contents_[job.component];
    JobRun run(environment_, request_, job, components_[job.component], scratch_, index, content,
               cache_ ? &*cache_ : nullptr, cancel);
    auto result = run.run();
    if (!result) {
      std::scoped_lock lock(mutex_);
      if (error_) error_ = std::unexpected(std::move(result.error()));
      return false;
    }
    auto status = result->report.status;
    results_[index] = std::move(*result);
    return status == JobStatus::built || status == JobStatus::cached ||
           status == JobStatus::no_gain;
  }

  const Environment& environment_;
  const BuildRequest& request_;
  const Plan& plan_;
  const std::vector<PreparedComponent>& components_;
  const std::filesystem::path& scratch_;
  std::vector<Content> contents_;
  std::optional<backend::Cache> cache_;
  std::mutex mutex_;
  Status error_;
  std::vector<JobResult> results_;
};

// Why a job is not answered by the cache.
std::string why_compiled(const Environment& environment, const backend::Cache::Lookup& lookup) {
  if (environment.cache.empty()) return "the cache is not used";
  if (!lookup.ever) return "never compiled for this target by this backend";
  return "since it was last compiled: " + join(lookup.changed, "; ");
}

// A dry run says what would be compiled and why; nothing is started, and no cache is made.
Result<CompiledJobs> planned(const Environment& environment, const BuildRequest& request,
                             const Plan& plan, const std::vector<PreparedComponent>& components) {
  std::vector<Content> contents;
  for (const auto& component : components) {
    ONNXPACK_TRY(auto content, content_of(environment, component));
    contents.push_back(std::move(content));
  }
  std::optional<backend::Cache> cache;
  if (!environment.cache.empty() && environment.files->exists(environment.cache)) {
    ONNXPACK_TRY(cache, backend::Cache::open(environment.cache));
  }
  CompiledJobs out;
  for (const Job& job : plan.jobs) {
    JobReport& report = out.results.emplace_back().report;
    report = report_of(request, job, components[job.component]);
    backend::CompileCall call;
    call.backend = job.backend;
    call.request = job.request;
    call.content = job.source != nullptr ? content_of(*job.source) : contents[job.component];
    backend::Cache::Lookup lookup;
    if (cache) {
      ONNXPACK_TRY(lookup, cache->look(backend::key_parts(call)));
    }
    report.status = lookup.found ? JobStatus::cached : JobStatus::planned;
    if (!lookup.found) report.reason = why_compiled(environment, lookup);
  }
  return out;
}

}  // namespace

std::chrono::milliseconds Schedule::least() const {
  return std::max(longest, workers > 0 ? busy / workers : busy);
}

std::chrono::milliseconds Schedule::idle() const {
  return std::max(wall * workers - busy, std::chrono::milliseconds(0));
}

Result<CompiledJobs> compile_jobs(const Environment& environment, const BuildRequest& request,
                                  const Plan& plan,
                                  const std::vector<PreparedComponent>& components,
                                  const std::filesystem::path& scratch) {
  if (request.dry_run) return planned(environment, request, plan, components);
  if (plan.jobs.empty()) return CompiledJobs();
  return JobList(environment, request, plan, components, scratch).run();
}

}  // namespace onnxpack::package
