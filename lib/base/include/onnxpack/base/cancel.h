// Cooperative cancellation: one flag, set from a signal handler, asked at every step that may take long.
#pragma once

#include <atomic>

#include "onnxpack/base/error.h"

namespace onnxpack {

// Thread safe and async-signal safe to set. Outlives every operation that was given it.
class CancelFlag {
 public:
  void set() noexcept { set_.store(true, std::memory_order_relaxed); }
  bool is_set() const noexcept { return set_.load(std::memory_order_relaxed); }
  // Errors: cancelled.
  Status check() const {
    if (is_set()) return fail(ErrorKind::cancelled, "interrupted");
    return {};
  }

 private:
  std::atomic<bool> set_ = false;
};
static_assert(std::atomic<bool>::is_always_lock_free);

}  // namespace onnxpack
