#include "process_guardian.h"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <climits>
#include <cstddef>
#include <cstring>

namespace onnxpack::io::guardian {
namespace {

constexpr int exec_failed = 127;
// Numbers in the guardian after rearrange(); 0 to 3 are what the program gets.
constexpr int status_descriptor = 4;
constexpr int control_descriptor = 5;
constexpr int first_free = 6;

void say(News news, int value, int extra = 0) {
  Message message{news, value, extra};
  while (::write(status_descriptor, &message, sizeof message) < 0 && errno == EINTR) {
  }
}

// Moves the plan's descriptors to fixed numbers and closes every other one: pipes and locks of the
// host's other threads must not be held open here. First to high numbers, since a source may lie
// where another is to go.
bool rearrange(const Plan& plan) {
  const std::array<int, 6> sources = {plan.null_input, plan.output, plan.output,
                                      plan.events,     plan.status, plan.control};
  std::array<int, 6> parked{};
  for (std::size_t i = 0; i < sources.size(); ++i) {
    parked[i] = ::fcntl(sources[i], F_DUPFD, first_free);
    if (parked[i] < 0) return false;
  }
  for (std::size_t i = 0; i < parked.size(); ++i) {
    if (::dup2(parked[i], static_cast<int>(i)) < 0) return false;
  }
  if (::syscall(SYS_close_range, first_free, UINT_MAX, 0) != 0) {
    rlimit limit{};
    ::getrlimit(RLIMIT_NOFILE, &limit);
    for (int i = first_free; i < static_cast<int>(limit.rlim_cur); ++i) ::close(i);
  }
  return true;
}

void reset_signals() {
  for (int number = 1; number < NSIG; ++number) ::signal(number, SIG_DFL);
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
}

[[noreturn]] void become_program(const Plan& plan, int report) {
  ::setpgid(0, 0);
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  ::close(status_descriptor);
  ::close(control_descriptor);
  reset_signals();
  rlimit no_core{0, 0};
  ::setrlimit(RLIMIT_CORE, &no_core);
  if (plan.file_size_limit != RLIM_INFINITY) {
    rlimit size{plan.file_size_limit, plan.file_size_limit};
    ::setrlimit(RLIMIT_FSIZE, &size);
  }
  if (::chdir(plan.working_directory) == 0) ::execve(plan.program, plan.argv, plan.envp);
  int why = errno;
  while (::write(report, &why, sizeof why) < 0 && errno == EINTR) {
  }
  ::_exit(exec_failed);
}

// The program's pid once exec succeeded, else minus errno.
int start_program(const Plan& plan) {
  std::array<int, 2> report{};
  if (::pipe2(report.data(), O_CLOEXEC) != 0) return -errno;
  // The guardian was forked by a program that may be linked with anything; vfork would share its
  // stack for no gain here.
  pid_t pid = ::fork();
  if (pid < 0) return -errno;
  if (pid == 0) become_program(plan, report[1]);
  ::close(report[1]);
  int why = 0;
  ssize_t got = 0;
  do {
    got = ::read(report[0], &why, sizeof why);
  } while (got < 0 && errno == EINTR);
  ::close(report[0]);
  if (got == sizeof why) {
    ::waitpid(pid, nullptr, 0);
    return -why;
  }
  return pid;
}

int number_or_zero(const char* text) {
  int out = 0;
  for (; *text != '\0'; ++text) {
    if (*text < '0' || *text > '9' || out > 100'000'000) return 0;
    out = out * 10 + (*text - '0');
  }
  return out;
}

// The parent of a process, from "pid (name) S ppid": the name may hold anything, so the last ')'
// counts. 0 when it is gone.
int parent_of(const char* pid_text) {
  std::array<char, 64> path{};
  std::size_t at = 0;
  for (const char* part : {"/proc/", pid_text, "/stat"}) {
    for (; *part != '\0' && at + 1 < path.size(); ++part) path[at++] = *part;
  }
  int file = ::open(path.data(), O_RDONLY | O_CLOEXEC);
  if (file < 0) return 0;
  std::array<char, 512> text{};
  ssize_t size = ::read(file, text.data(), text.size() - 1);
  ::close(file);
  if (size <= 0) return 0;
  const char* end = ::strrchr(text.data(), ')');
  if (end == nullptr || ::strlen(end) < 5) return 0;
  int parent = 0;
  for (const char* digit = end + 4; *digit >= '0' && *digit <= '9'; ++digit) {
    parent = parent * 10 + (*digit - '0');
  }
  return parent;
}

// One record of getdents64.
struct DirectoryRecord {
  std::uint64_t inode;
  std::int64_t offset;
  std::uint16_t size;
  std::uint8_t type;
  char name[1];  // NUL-terminated, longer in fact
};

// SIGKILL to the guardian's own children. Their children become ours, so the caller repeats until
// there are none.
int kill_children() {
  int self = ::getpid();
  int killed = 0;
  int proc = ::open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (proc < 0) return 0;
  alignas(DirectoryRecord) std::array<char, 4096> buffer{};
  for (;;) {
    long size = ::syscall(SYS_getdents64, proc, buffer.data(), buffer.size());
    if (size <= 0) break;
    for (long at = 0; at < size;) {
      const char* record = buffer.data() + at;
      std::uint16_t length = 0;
      ::memcpy(&length, record + offsetof(DirectoryRecord, size), sizeof length);
      const char* name = record + offsetof(DirectoryRecord, name);
      int pid = number_or_zero(name);
      if (pid > 1 && parent_of(name) == self && ::kill(pid, SIGKILL) == 0) ++killed;
      at += length;
    }
  }
  ::close(proc);
  return killed;
}

// Reaps what has ended. True when the program is among it; `status` is its wait status then.
bool reap(pid_t program, int& status) {
  bool found = false;
  for (;;) {
    int one = 0;
    pid_t pid = ::waitpid(-1, &one, WNOHANG);
    if (pid <= 0) return found;
    if (pid == program) {
      status = one;
      found = true;
    }
  }
}

// Kills and reaps until nobody is left. Returns how many were there besides zombies.
int clean_up() {
  int victims = 0;
  for (int round = 0;; ++round) {
    int ended = 0;
    while (::waitpid(-1, nullptr, WNOHANG) > 0) {
    }
    if (::waitpid(-1, &ended, WNOHANG) < 0 && errno == ECHILD) return victims;
    int killed = kill_children();
    // A process in uninterruptible sleep is counted in each round; the first round has seen the
    // ones that were there.
    if (round == 0) victims = killed;
    ::poll(nullptr, 0, round < 10 ? 1 : 20);
  }
}

// Waits for the program's end and for orders. Returns its wait status.
int watch(pid_t program, int child_signals) {
  bool host_gone = false;
  bool kill_all = false;
  for (;;) {
    std::array<pollfd, 2> wait = {pollfd{child_signals, POLLIN, 0},
                                  pollfd{host_gone ? -1 : control_descriptor, POLLIN, 0}};
    ::poll(wait.data(), wait.size(), kill_all ? 20 : -1);
    if (wait[0].revents != 0) {
      signalfd_siginfo ignored{};
      while (::read(child_signals, &ignored, sizeof ignored) > 0) {
      }
    }
    int status = 0;
    if (reap(program, status)) return status;
    if (wait[1].revents != 0) {
      char command = command_kill;
      ssize_t got = ::read(control_descriptor, &command, 1);
      if (got == 0) host_gone = true;
      if (got == 0 || command == command_kill) {
        kill_all = true;
      } else if (got > 0) {
        ::kill(-program, SIGTERM);
      }
    }
    if (kill_all) {
      ::kill(-program, SIGKILL);
      kill_children();
    }
  }
}

}  // namespace

void guard(const Plan& plan) {
  ::setsid();
  reset_signals();
  ::signal(SIGPIPE, SIG_IGN);
  ::prctl(PR_SET_NAME, "onnx-pack-guard");
  ::prctl(PR_SET_CHILD_SUBREAPER, 1);
  sigset_t child;
  ::sigemptyset(&child);
  ::sigaddset(&child, SIGCHLD);
  ::sigprocmask(SIG_BLOCK, &child, nullptr);
  if (!rearrange(plan)) {
    Message message{News::not_started, errno, 0};
    [[maybe_unused]] ssize_t written = ::write(plan.status, &message, sizeof message);
    ::_exit(exec_failed);
  }
  int child_signals = ::signalfd(-1, &child, SFD_NONBLOCK | SFD_CLOEXEC);
  int program = start_program(plan);
  if (program < 0) {
    say(News::not_started, -program);
    ::_exit(exec_failed);
  }
  // The program's pipes must end with the program, not with the guardian.
  for (int descriptor = 0; descriptor <= events_descriptor; ++descriptor) ::close(descriptor);
  say(News::started, program);
  int status = watch(program, child_signals);
  say(News::ended, status, clean_up());
  ::_exit(0);
}

}  // namespace onnxpack::io::guardian
