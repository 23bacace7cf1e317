// Runs jobs side by side: at most so many, within a memory budget, results in the order of the list
// whatever ends first.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "onnxpack/base/cancel.h"

namespace onnxpack::backend {

enum class JobEnd : std::uint8_t {
  done,
  failed,
  skipped,    // never started, after a failure with fail_fast
  cancelled,  // never started, after the cancel flag
};

struct Job {
  std::string label;
  std::uint64_t memory_bytes = 0;  // estimate; 0: unknown, counts nothing
  // On a thread of the scheduler. Watches the flag it is given, which is also set when another job
  // failed and fail_fast is on. Returns whether it succeeded. Must not throw.
  std::function<bool(const CancelFlag&)> work;
};

struct ScheduleOptions {
  std::size_t jobs = 1;
  std::uint64_t memory_budget = 0;  // 0: none. A job that alone exceeds it runs alone
  bool fail_fast = false;
  const CancelFlag* cancel = nullptr;
};

struct JobResult {
  JobEnd end = JobEnd::skipped;
  std::chrono::milliseconds begin{0};  // since the schedule began
  std::chrono::milliseconds duration{0};
};

// Starts jobs in list order (a later one may overtake one that waits for memory). Blocks until all
// are over.
std::vector<JobResult> run_jobs(const std::vector<Job>& jobs, const ScheduleOptions& options);

}  // namespace onnxpack::backend
