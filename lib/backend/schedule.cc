#include "onnxpack/backend/schedule.h"

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <thread>

namespace onnxpack::backend {
namespace {

using Clock = std::chrono::steady_clock;
constexpr std::chrono::milliseconds cancel_period{50};

class Schedule {
 public:
  Schedule(const std::vector<Job>& jobs, const ScheduleOptions& options)
      : jobs_(jobs), options_(options), results_(jobs.size()), taken_(jobs.size(), false) {}

  std::vector<JobResult> run() {
    std::size_t count = std::min(std::max<std::size_t>(options_.jobs, 1), jobs_.size());
    running_threads_ = count;
    std::vector<std::jthread> threads;
    for (std::size_t i = 0; i < count; ++i) threads.emplace_back([this] { work(); });
    relay_cancel();
    threads.clear();
    return std::move(results_);
  }

 private:
  // The caller's flag reaches the jobs through ours, which fail_fast sets as well.
  void relay_cancel() {
    std::unique_lock lock(mutex_);
    while (!wake_.wait_for(lock, cancel_period, [this] { return running_threads_ == 0; })) {
      if (options_.cancel != nullptr && options_.cancel->is_set() && !stopping_) {
        stop(JobEnd::cancelled);
      }
    }
  }

  void stop(JobEnd rest) {
    stopping_ = true;
    flag_.set();
    for (std::size_t i = 0; i < jobs_.size(); ++i) {
      if (!taken_[i]) results_[i].end = rest;
      taken_[i] = true;
    }
    wake_.notify_all();
  }

  bool fits(const Job& job) const {
    return options_.memory_budget == 0 || running_ == 0 ||
           memory_ + job.memory_bytes <= options_.memory_budget;
  }

  // The first job that may start; nothing when all are taken.
  std::optional<std::size_t> take(std::unique_lock<std::mutex>& lock) {
    for (;;) {
      bool left = false;
      for (std::size_t i = 0; i < jobs_.size(); ++i) {
        if (taken_[i]) continue;
        left = true;
        if (!fits(jobs_[i])) continue;
        taken_[i] = true;
        ++running_;
        memory_ += jobs_[i].memory_bytes;
        return i;
      }
      if (!left) return std::nullopt;
      wake_.wait(lock);
    }
  }

  void work() {
    std::unique_lock lock(mutex_);
    while (auto index = take(lock)) {
      const Job& job = jobs_[*index];
      JobResult result;
      auto begin = Clock::now();
      result.begin = std::chrono::duration_cast<std::chrono::milliseconds>(begin - begin_);
      lock.unlock();
      bool succeeded = job.work(flag_);
      lock.lock();
      result.end = succeeded ? JobEnd::done : JobEnd::failed;
      result.duration = std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - begin);
      results_[*index] = result;
      --running_;
      memory_ -= job.memory_bytes;
      if (!succeeded && options_.fail_fast && !stopping_) stop(JobEnd::skipped);
      wake_.notify_all();
    }
    --running_threads_;
    wake_.notify_all();
  }

  const std::vector<Job>& jobs_;
  const ScheduleOptions& options_;
  const Clock::time_point begin_ = Clock::now();
  std::mutex mutex_;
  std::condition_variable wake_;
  std::vector<JobResult> results_;
  std::vector<bool> taken_;
  CancelFlag flag_;
  bool stopping_ = false;
  std::size_t running_ = 0;
  std::uint64_t memory_ = 0;
  std::size_t running_threads_ = 0;
};

}  // namespace

std::vector<JobResult> run_jobs(const std::vector<Job>& jobs, const ScheduleOptions& options) {
  return Schedule(jobs, options).run();
}

}  // namespace onnxpack::backend
