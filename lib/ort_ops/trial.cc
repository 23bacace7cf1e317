#include "trial.h"

#include <csetjmp>
#include <csignal>
#include <mutex>

namespace onnxpack::ort_ops {
namespace {

// SIGILL is delivered to the thread that caused it, so its own buffer is the right one; another
// thread's SIGILL meanwhile is not ours and goes where it would have gone.
thread_local sigjmp_buf* landing = nullptr;
struct sigaction before = {};

void on_illegal(int signal, siginfo_t* info, void* context) {
  if (landing != nullptr) siglongjmp(*landing, 1);
  if ((before.sa_flags & SA_SIGINFO) != 0 && before.sa_sigaction != nullptr) {
    before.sa_sigaction(signal, info, context);
  } else if (before.sa_handler != SIG_DFL && before.sa_handler != SIG_IGN) {
    before.sa_handler(signal);
  } else {
    std::signal(signal, SIG_DFL);  // returning runs the instruction again, now fatally
  }
}

}  // namespace

bool runs_without_fault(const std::function<bool()>& trial) {
  static std::mutex one_at_a_time;
  const std::scoped_lock lock(one_at_a_time);
  struct sigaction action = {};
  action.sa_sigaction = on_illegal;
  action.sa_flags = SA_SIGINFO;
  sigemptyset(&action.sa_mask);
  if (sigaction(SIGILL, &action, &before) != 0) return false;
  sigjmp_buf buffer;
  volatile bool good = false;
  if (sigsetjmp(buffer, 1) == 0) {
    landing = &buffer;
    good = trial();
  }
  landing = nullptr;
  sigaction(SIGILL, &before, nullptr);
  return good;
}

}  // namespace onnxpack::ort_ops
