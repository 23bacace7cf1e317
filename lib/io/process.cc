#include "onnxpack/io/process.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <fstream>
#include <system_error>
#include <unordered_map>
#include <utility>

#include "process_guardian.h"

namespace onnxpack::io {
namespace {

// A descriptor with an owner.
class Descriptor {
 public:
  Descriptor() = default;
  explicit Descriptor(int value) : value_(value) {}
  Descriptor(Descriptor&& other) noexcept : value_(std::exchange(other.value_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(value_, other.value_);
    return *this;
  }
  ~Descriptor() { close(); }
  int get() const { return value_; }
  void close() {
    if (value_ >= 0) ::close(value_);
    value_ = -1;
  }

 private:
  int value_ = -1;
};

std::string error_text(int number) {
  return std::generic_category().message(number);
}

struct Pipe {
  Descriptor read;
  Descriptor write;
};

Result<Pipe> make_pipe() {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) {
    return fail(ErrorKind::io, fmt::format("cannot make a pipe: {}", error_text(errno)));
  }
  return Pipe{Descriptor(ends[0]), Descriptor(ends[1])};
}

// A socket, not a pipe: writing to a guardian that was killed must not raise SIGPIPE here.
Result<Pipe> make_control() {
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0) {
    return fail(ErrorKind::io, fmt::format("cannot make a socket pair: {}", error_text(errno)));
  }
  return Pipe{Descriptor(ends[0]), Descriptor(ends[1])};
}

void set_nonblocking(int descriptor) {
  ::fcntl(descriptor, F_SETFL, ::fcntl(descriptor, F_GETFL) | O_NONBLOCK);
}

// argv or envp: pointers into strings that live as long as this.
class StringArray {
 public:
  explicit StringArray(std::vector<std::string> strings) : strings_(std::move(strings)) {
    for (std::string& string : strings_) pointers_.push_back(string.data());
    pointers_.push_back(nullptr);
  }
  char* const* get() const { return pointers_.data(); }

 private:
  std::vector<std::string> strings_;
  std::vector<char*> pointers_;
};

StringArray make_arguments(const ProcessSpec& spec) {
  std::vector<std::string> out = {spec.program.string()};
  out.insert(out.end(), spec.arguments.begin(), spec.arguments.end());
  return StringArray(std::move(out));
}

StringArray make_environment(const ProcessSpec& spec) {
  std::map<std::string, std::string> variables = spec.environment;
  if (!spec.events_variable.empty()) {
    variables[spec.events_variable] = std::to_string(guardian::events_descriptor);
  }
  std::vector<std::string> out;
  for (const auto& [name, value] : variables) out.push_back(fmt::format("{}={}", name, value));
  return StringArray(std::move(out));
}

Error start_error(const ProcessSpec& spec, int number) {
  std::string program = spec.program.string();
  if (number == ENOENT && ::access(program.c_str(), F_OK) == 0) {
    if (::access(spec.working_directory.c_str(), X_OK) != 0) {
      return Error(ErrorKind::io, fmt::format("{}: cannot be a work folder: {}",
                                              spec.working_directory.string(), error_text(errno)));
    }
    return Error(ErrorKind::not_found,
                 fmt::format("{}: cannot be started: the interpreter named in its first line "
                             "does not exist",
                             program));
  }
  return Error(number == ENOENT ? ErrorKind::not_found : ErrorKind::io,
               fmt::format("{}: cannot be started: {}", program, error_text(number)));
}

struct ProcessStat {
  int parent = 0;
  std::uint64_t resident_pages = 0;
};

// Fields 4 (ppid) and 24 (rss) of /proc/PID/stat, counted after the name's closing parenthesis.
std::optional<ProcessStat> read_stat(const std::filesystem::path& folder) {
  std::ifstream file(folder / "stat");
  std::string text;
  if (!std::getline(file, text)) return std::nullopt;
  auto name_end = text.rfind(')');
  if (name_end == std::string::npos) return std::nullopt;
  ProcessStat out;
  std::size_t field = 2;
  std::size_t at = name_end + 1;
  while (at < text.size()) {
    std::size_t begin = text.find_first_not_of(' ', at);
    if (begin == std::string::npos) break;
    std::size_t end = std::min(text.find(' ', begin), text.size());
    ++field;
    const char* first = text.data() + begin;
    if (field == 4) std::from_chars(first, text.data() + end, out.parent);
    if (field == 24) {
      std::from_chars(first, text.data() + end, out.resident_pages);
      return out;
    }
    at = end;
  }
  return std::nullopt;
}

std::unordered_map<int, ProcessStat> all_processes() {
  std::unordered_map<int, ProcessStat> out;
  std::error_code error;
  for (std::filesystem::directory_iterator it("/proc", error), end; !error && it != end;
       it.increment(error)) {
    std::string name = it->path().filename().string();
    int pid = 0;
    auto [rest, failed] = std::from_chars(name.data(), name.data() + name.size(), pid);
    if (failed != std::errc{} || rest != name.data() + name.size()) continue;
    if (auto stat = read_stat(it->path())) out.emplace(pid, *stat);
  }
  return out;
}

bool descends_from(int pid, int ancestor, const std::unordered_map<int, ProcessStat>& processes) {
  // Bounded: pids are reused while we read, so the parents seen may form a ring.
  for (std::size_t steps = 0; steps < processes.size(); ++steps) {
    auto it = processes.find(pid);
    if (it == processes.end()) return false;
    if (it->second.parent == ancestor) return true;
    pid = it->second.parent;
  }
  return false;
}

std::string signal_name(int number) {
  const char* name = ::sigabbrev_np(number);
  return name == nullptr ? "unknown" : fmt::format("SIG{}", name);
}

}  // namespace

std::string to_text(const ProcessExit& exit) {
  if (exit.signal != 0) {
    return fmt::format("signal {} ({})", exit.signal, signal_name(exit.signal));
  }
  return fmt::format("exit code {}", exit.code);
}

struct Process::State {
  pid_t guardian = -1;
  Descriptor output;
  Descriptor events;
  Descriptor status;
  Descriptor control;
  std::optional<ProcessExit> exit;

  // One message, or nothing when none is there yet; the end of the pipe (a guardian that was
  // killed) counts as an end by SIGKILL.
  std::optional<guardian::Message> read_message() {
    guardian::Message message;
    ssize_t got = 0;
    do {
      got = ::read(status.get(), &message, sizeof message);
    } while (got < 0 && errno == EINTR);
    if (got < 0) return std::nullopt;
    if (got != sizeof message) return guardian::Message{guardian::News::ended, SIGKILL, 0};
    return message;
  }

  void command(char what) {
    while (::send(control.get(), &what, 1, MSG_NOSIGNAL) < 0 && errno == EINTR) {
    }
  }

  void reap_guardian() {
    while (guardian > 0 && ::waitpid(guardian, nullptr, 0) < 0 && errno == EINTR) {
    }
    guardian = -1;
  }
};

Process::Process(std::unique_ptr<State> state) : state_(std::move(state)) {}
Process::Process(Process&&) noexcept = default;
Process& Process::operator=(Process&&) noexcept = default;

Result<Process> Process::start(const ProcessSpec& spec) {
  ONNXPACK_TRY(Pipe output, make_pipe());
  ONNXPACK_TRY(Pipe events, make_pipe());
  ONNXPACK_TRY(Pipe status, make_pipe());
  ONNXPACK_TRY(Pipe control, make_control());
  Descriptor null_input(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  if (null_input.get() < 0) {
    return fail(ErrorKind::io, fmt::format("/dev/null: {}", error_text(errno)));
  }
  StringArray arguments = make_arguments(spec);
  StringArray environment = make_environment(spec);
  std::string program = spec.program.string();
  std::string folder = spec.working_directory.string();
  guardian::Plan plan;
  plan.program = program.c_str();
  plan.argv = arguments.get();
  plan.envp = environment.get();
  plan.working_directory = folder.c_str();
  if (spec.file_size_limit != 0) plan.file_size_limit = spec.file_size_limit;
  plan.null_input = null_input.get();
  plan.output = output.write.get();
  plan.events = events.write.get();
  plan.status = status.write.get();
  plan.control = control.read.get();

  auto state = std::make_unique<State>();
  state->guardian = ::fork();
  if (state->guardian < 0) {
    return fail(ErrorKind::io, fmt::format("cannot start a process: {}", error_text(errno)));
  }
  if (state->guardian == 0) guardian::guard(plan);
  status.write.close();
  state->output = std::move(output.read);
  state->events = std::move(events.read);
  state->status = std::move(status.read);
  state->control = std::move(control.write);

  auto first = state->read_message();
  if (!first || first->news != guardian::News::started) {
    state->reap_guardian();
    int number = first && first->news == guardian::News::not_started ? first->value : ECHILD;
    return std::unexpected(start_error(spec, number));
  }
  for (int descriptor : {state->output.get(), state->events.get(), state->status.get()}) {
    set_nonblocking(descriptor);
  }
  return Process(std::move(state));
}

Process::~Process() {
  if (!state_ || state_->guardian < 0) return;
  kill();
  pollfd wait{.fd = state_->status.get(), .events = POLLIN, .revents = 0};
  for (int round = 0; round < 20 && !try_wait(); ++round) ::poll(&wait, 1, 100);
  // Still there: something sleeps uninterruptibly. The guardian stays to kill it when it wakes, and
  // is not waited for.
}

int Process::output() const {
  return state_->output.get();
}
int Process::events() const {
  return state_->events.get();
}
int Process::status() const {
  return state_->status.get();
}

std::optional<ProcessExit> Process::try_wait() {
  if (state_->exit) return state_->exit;
  auto message = state_->read_message();
  if (!message) return std::nullopt;
  ProcessExit out;
  if (WIFSIGNALED(message->value)) {
    out.signal = WTERMSIG(message->value);
  } else {
    out.code = WEXITSTATUS(message->value);
  }
  out.leftovers = static_cast<std::size_t>(std::max(message->extra, 0));
  state_->reap_guardian();
  state_->exit = out;
  return out;
}

void Process::terminate() {
  state_->command(guardian::command_terminate);
}
void Process::kill() {
  state_->command(guardian::command_kill);
}

ProcessUsage Process::usage() const {
  ProcessUsage out;
  if (state_->guardian < 0) return out;
  auto page = static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
  auto processes = all_processes();
  for (const auto& [pid, stat] : processes) {
    if (!descends_from(pid, state_->guardian, processes)) continue;
    out.resident_bytes += stat.resident_pages * page;
    ++out.processes;
  }
  return out;
}

}  // namespace onnxpack::io
