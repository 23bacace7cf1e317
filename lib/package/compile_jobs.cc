#include "compile_jobs.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <mutex>
#include <optional>
#include <thread>

#include "onnxpack/backend/supervisor.h"
#include "onnxpack/base/log.h"
#include "onnxpack/base/text.h"
#include "outputs.h"
#include "variant.h"

namespace onnxpack::package {
namespace {

using backend::Outcome;
using backend::OutcomeKind;
using Clock = std::chrono::steady_clock;

JobReport report_of(const BuildRequest& request, const Job& job, const PreparedComponent& component) {
  JobReport out;
  out.target = request.targets[job.target].name;
  out.component = component.description.name;
  out.backend = job.backend->name;
  out.total_nodes = component.model.nodes().size();
  return out;
}

JobStatus to_status(OutcomeKind kind) {
  switch (kind) {
    case OutcomeKind::ok: return JobStatus::built;
    case OutcomeKind::refused: return JobStatus::refused;
    case OutcomeKind::error: return JobStatus::failed;
    default: return JobStatus::crashed;
  }
}

// Everything that one job needs while it runs, on its own thread.
class JobRun {
 public:
  JobRun(const Environment& environment, const BuildRequest& request, const Job& job, const PreparedComponent& component,
         const std::filesystem::path& scratch, std::size_t index)
      : environment_(environment),
        request_(request),
        job_(job),
        component_(component),
        scratch_(scratch),
        work_(scratch / fmt::format("job-{}", index)),
        task_(fmt::format("{} {}", job.request.variant_name, request.components.size() > 1 ? component.description.name : "")) {
    while (task_.ends_with(' ')) task_.pop_back();
  }

  Result<JobResult> run() {
    auto start = Clock::now();
    JobResult result;
    result.report = report_of(request_, job_, component_);
    environment_.watcher->started(task_, 0);
    ONNXPACK_CHECK(compile(result));
    result.report.duration = std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - start);
    environment_.watcher->finished(task_, to_string(result.report.status));
    log::info(fmt::format("{}: {} in {} ms{}{}", task_, to_string(result.report.status), result.report.duration.count(),
                          result.report.reason.empty() ? "" : ": ", result.report.reason));
    return result;
  }

 private:
  Status compile(JobResult& result) {
    ONNXPACK_CHECK(make_work_folder());
    ONNXPACK_TRY(auto outcome, backend::run_backend(invocation()));
    if (outcome.kind == OutcomeKind::cancelled) return fail(ErrorKind::cancelled, "interrupted");
    result.report.status = to_status(outcome.kind);
    for (const auto& warning : outcome.warnings) log::warning(fmt::format("{}: {}", task_, warning));
    if (!outcome.ok()) return explain(outcome, result.report);

    auto response = protocol::compile_response_from_json(json::Cursor(outcome.response));
    if (!response) {
      result.report.status = JobStatus::crashed;
      result.report.reason = fmt::format("its answer is malformed: {}", response.error().message());
      return keep_log(outcome, result.report);
    }
    if (auto taken = take_variants(*response, result); !taken) {
      if (taken.error().kind() == ErrorKind::io || taken.error().kind() == ErrorKind::cancelled) return taken;
      result.variants.clear();
      result.blobs.clear();
      result.report.variants.clear();
      result.report.status = JobStatus::crashed;
      result.report.reason = taken.error().message();
      return keep_log(outcome, result.report);
    }
    check_coverage(result);
    return {};
  }

  // The staged components are shared by all jobs through a link to their folder: no runtime minds a linked folder above the weights (a linked
  // weight file they refuse), and nothing is copied for each compiler.
  Status make_work_folder() {
    ONNXPACK_CHECK(environment_.files->make_directories(work_ / "out"));
    ONNXPACK_CHECK(environment_.files->make_directories(work_ / "scratch"));
    std::error_code error;
    std::filesystem::create_directory_symlink("../components", work_ / "components", error);
    if (error) return fail(ErrorKind::io, fmt::format("cannot link the components into {}: {}", work_.string(), error.message()));
    return {};
  }

  backend::Invocation invocation() {
    backend::Invocation out;
    out.backend = job_.backend->name;
    out.program = job_.backend->path;
    out.verb = protocol::Verb::compile;
    protocol::CompileRequest request = job_.request;
    request.output_dir = "out";
    request.scratch_dir = "scratch";
    out.request = protocol::to_json(request);
    out.work_folder = work_;
    out.log_file = work_ / "log";
    out.limits.quiet = request_.heartbeat_timeout;
    if (request_.compile_timeout) out.limits.total = *request_.compile_timeout;
    out.limits.memory_bytes = request_.memory_limit;
    out.cancel = environment_.cancel;
    out.environment = backend::backend_environment();
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
    const json::Value* status = outcome.response.find("status");
    if (status != nullptr && *status == json::Value("no-gain")) report.status = JobStatus::no_gain;
    bool answered = outcome.kind == OutcomeKind::refused || outcome.kind == OutcomeKind::error;
    report.reason = answered ? outcome.reason : backend::headline(outcome);
    if (answered && !outcome.stage.empty()) report.reason = fmt::format("{}: {}", outcome.stage, report.reason);
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

  Status take_variants(const protocol::CompileResponse& response, JobResult& result) {
    environment_.watcher->stage(task_, "hash");
    for (const auto& answer : response.variants) {
      manifest::Variant variant = make_variant(job_, request_.targets[job_.target], answer, "");
      for (const auto& partition : answer.partitions) {
        for (const auto& blob : partition.blobs) {
          ONNXPACK_TRY(auto file, take_output(*environment_.files, work_ / "out", blob, environment_.cancel));
          result.report.size += file.size;
          result.blobs.push_back({fmt::format("variants/{}/{}", variant.name, blob.path), file.path, file.sha256});
        }
      }
      result.report.variants.push_back(variant.name);
      result.variants.push_back(std::move(variant));
    }
    return {};
  }

  void check_coverage(JobResult& result) {
    for (const auto& variant : result.variants) {
      result.report.covered_nodes = std::max(result.report.covered_nodes, variant.coverage.covered_nodes);
      result.report.total_nodes = std::max(result.report.total_nodes, variant.coverage.total_nodes);
    }
    double share = result.report.total_nodes == 0 ? 1.0
                                                  : static_cast<double>(result.report.covered_nodes) / static_cast<double>(result.report.total_nodes);
    if (share >= request_.min_coverage) return;
    result.report.status = JobStatus::low_coverage;
    result.report.reason = fmt::format("covers {} of {} nodes ({:.0f} %), less than --min-coverage {:.0f} %", result.report.covered_nodes,
                                       result.report.total_nodes, share * 100, request_.min_coverage * 100);
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
  std::filesystem::path work_;
  std::string task_;
};

// Runs `count` pieces of work on `threads` threads; the first error stops what has not begun.
Status run_parallel(std::size_t count, unsigned threads, const std::function<Status(std::size_t)>& work) {
  std::atomic<std::size_t> next = 0;
  std::atomic<bool> stop = false;
  std::mutex mutex;
  Status first;
  auto loop = [&] {
    while (!stop) {
      std::size_t index = next++;
      if (index >= count) return;
      if (auto status = work(index); !status) {
        std::scoped_lock lock(mutex);
        if (first) first = std::move(status);
        stop = true;
      }
    }
  };
  std::vector<std::jthread> pool;
  for (unsigned i = 1; i < threads && i < count; ++i) pool.emplace_back(loop);
  loop();
  pool.clear();
  return first;
}

unsigned job_threads(const BuildRequest& request) {
  if (request.jobs > 0) return request.jobs;
  return std::max(1U, std::thread::hardware_concurrency());
}

}  // namespace

Result<std::vector<JobResult>> compile_jobs(const Environment& environment, const BuildRequest& request, const Plan& plan,
                                            const std::vector<PreparedComponent>& components, const std::filesystem::path& scratch) {
  std::vector<JobResult> out(plan.jobs.size());
  std::atomic<bool> lost = false;
  ONNXPACK_CHECK(run_parallel(plan.jobs.size(), job_threads(request), [&](std::size_t index) -> Status {
    const Job& job = plan.jobs[index];
    const PreparedComponent& component = components[job.component];
    out[index].report = report_of(request, job, component);
    if (request.dry_run) {
      out[index].report.status = JobStatus::planned;
      return {};
    }
    if (request.fail_fast && lost) {
      out[index].report.status = JobStatus::skipped;
      out[index].report.reason = "another target failed first (--fail-fast)";
      return {};
    }
    ONNXPACK_TRY(out[index], JobRun(environment, request, job, component, scratch, index).run());
    auto status = out[index].report.status;
    if (status != JobStatus::built && status != JobStatus::cached && status != JobStatus::no_gain) lost = true;
    return {};
  }));
  return out;
}

}  // namespace onnxpack::package
