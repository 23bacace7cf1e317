#include "onnxpack/backend/schedule.h"

#include <atomic>
#include <catch2/catch_test_macros.hpp>
#include <thread>

namespace onnxpack::backend {
namespace {

using namespace std::chrono_literals;

std::vector<JobEnd> ends(const std::vector<JobResult>& results) {
  std::vector<JobEnd> out;
  for (const auto& result : results) out.push_back(result.end);
  return out;
}

Job job(
    bool succeeds, std::function<void(const CancelFlag&)> work = [](const CancelFlag&) {}) {
  return {.label = "", .memory_bytes = 0, .work = [=](const CancelFlag& cancel) {
            work(cancel);
            return succeeds;
          }};
}

TEST_CASE("results stand in the order of the list") {
  std::vector<Job> jobs = {job(true, [](const CancelFlag&) { std::this_thread::sleep_for(40ms); }),
                           job(false), job(true)};
  CHECK(ends(run_jobs(jobs, {.jobs = 3})) ==
        std::vector{JobEnd::done, JobEnd::failed, JobEnd::done});
  CHECK(run_jobs({}, {}).empty());
}

TEST_CASE("never more at once than asked, nor more memory") {
  std::atomic<int> running = 0;
  std::atomic<int> most = 0;
  auto work = [&](const CancelFlag&) {
    int now = ++running;
    int seen = most;
    while (now > seen && !most.compare_exchange_weak(seen, now)) {
    }
    std::this_thread::sleep_for(10ms);
    --running;
  };
  std::vector<Job> jobs(8, job(true, work));
  run_jobs(jobs, {.jobs = 2});
  CHECK(most == 2);
  most = 0;
  for (Job& one : jobs) one.memory_bytes = 100;
  run_jobs(jobs, {.jobs = 4, .memory_budget = 50});  // each alone is over it: one at a time
  CHECK(most == 1);
}

TEST_CASE("fail fast stops the running and skips the rest") {
  std::atomic<bool> saw_flag = false;
  std::vector<Job> jobs = {job(true,
                               [&](const CancelFlag& cancel) {
                                 for (int i = 0; i < 500 && !cancel.is_set(); ++i)
                                   std::this_thread::sleep_for(10ms);
                                 saw_flag = cancel.is_set();
                               }),
                           job(false), job(true)};
  auto results = run_jobs(jobs, {.jobs = 2, .fail_fast = true});
  CHECK(saw_flag);
  CHECK(ends(results) == std::vector{JobEnd::done, JobEnd::failed, JobEnd::skipped});
  CHECK(ends(run_jobs(jobs = {job(false), job(true)}, {.jobs = 1})) ==
        std::vector{JobEnd::failed, JobEnd::done});
}

TEST_CASE("the caller's flag reaches the running jobs and the rest never starts") {
  CancelFlag cancel;
  std::vector<Job> jobs = {job(false,
                               [&](const CancelFlag& flag) {
                                 cancel.set();
                                 for (int i = 0; i < 500 && !flag.is_set(); ++i)
                                   std::this_thread::sleep_for(10ms);
                               }),
                           job(true)};
  CHECK(ends(run_jobs(jobs, {.jobs = 1, .cancel = &cancel})) ==
        std::vector{JobEnd::failed, JobEnd::cancelled});
}

}  // namespace
}  // namespace onnxpack::backend
