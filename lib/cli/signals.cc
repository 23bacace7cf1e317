#include "signals.h"

#include <atomic>
#include <csignal>
#include <string_view>

#include <unistd.h>

#include "exit_code.h"

namespace onnxpack::cli {
namespace {

// A handler reaches nothing but globals. Lock-free atomics are async-signal safe.
std::atomic<CancelFlag*> current_flag = nullptr;
std::atomic<bool> tell_terminal = false;
static_assert(std::atomic<CancelFlag*>::is_always_lock_free);

void on_signal(int) {
  CancelFlag* flag = current_flag.load();
  if (flag == nullptr || flag->is_set()) ::_exit(static_cast<int>(ExitCode::interrupted));
  flag->set();
  if (tell_terminal.load()) {
    constexpr std::string_view text = "\ninterrupted: stopping, once more to leave at once\n";
    // Nothing can be done about a failed write here; the result is named to please the compiler.
    [[maybe_unused]] auto written = ::write(STDERR_FILENO, text.data(), text.size());
  }
}

}  // namespace

struct SignalGuard::Saved {
  struct sigaction interrupt {};
  struct sigaction terminate {};
  struct sigaction pipe {};
  struct sigaction file_size {};
};

SignalGuard::SignalGuard(CancelFlag& flag, SaySo say_so) : saved_(new Saved) {
  current_flag = &flag;
  tell_terminal = say_so == SaySo::yes;
  struct sigaction action {};
  action.sa_handler = on_signal;
  sigemptyset(&action.sa_mask);
  ::sigaction(SIGINT, &action, &saved_->interrupt);
  ::sigaction(SIGTERM, &action, &saved_->terminate);
  action.sa_handler = SIG_IGN;
  ::sigaction(SIGPIPE, &action, &saved_->pipe);
  ::sigaction(SIGXFSZ, &action, &saved_->file_size);
}

SignalGuard::~SignalGuard() {
  ::sigaction(SIGINT, &saved_->interrupt, nullptr);
  ::sigaction(SIGTERM, &saved_->terminate, nullptr);
  ::sigaction(SIGPIPE, &saved_->pipe, nullptr);
  ::sigaction(SIGXFSZ, &saved_->file_size, nullptr);
  current_flag = nullptr;
  delete saved_;
}

}  // namespace onnxpack::cli
