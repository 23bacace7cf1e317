#include "compile_jobs.h"

#include <fmt/format.h>

#include <algorithm>
#include <mutex>
#include <optional>
#include <thread>

#include "compile_job.h"
#include "onnxpack/backend/compile.h"
#include "onnxpack/backend/schedule.h"
#include "onnxpack/base/text.h"

namespace onnxpack::package {
namespace {

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
    auto result = package::run({environment_, request_, job, components_[job.component], scratch_,
                                index, content, cache_ ? &*cache_ : nullptr, cancel});
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
