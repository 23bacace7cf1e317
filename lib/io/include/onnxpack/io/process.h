// Child processes that cannot outlive their use. Linux only.
//
// Every child runs under a small guardian process, forked from this one, which is a child
// subreaper: whatever the program starts, in its own group or session or orphaned, stays a
// descendant of the guardian and is killed when the program ends, when the caller asks, or when
// this process dies (the guardian sees its control pipe close). A subreaper flag on this process
// itself would do the same for one child only: with several at once an orphan could not be told
// apart.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "onnxpack/base/error.h"

namespace onnxpack::io {

struct ProcessSpec {
  std::filesystem::path program;       // a path, not searched for
  std::vector<std::string> arguments;  // without argv[0], which is the program's path
  std::filesystem::path working_directory;
  std::map<std::string, std::string> environment;  // all of it
  // The variable that tells the program the number of its events descriptor.
  std::string events_variable;
  // Largest file it may write, in bytes (RLIMIT_FSIZE, which also ends it with SIGXFSZ). 0: as this
  // process.
  std::uint64_t file_size_limit = 0;
};

struct ProcessExit {
  int code = 0;               // meaningful when signal is 0
  int signal = 0;             // the signal that ended it
  std::size_t leftovers = 0;  // processes it left behind, killed by the guardian
};
// "signal 11 (SIGSEGV)", "exit code 3".
std::string to_text(const ProcessExit& exit);

struct ProcessUsage {
  std::uint64_t resident_bytes =
      0;  // sum over the program and its descendants; shared pages count each time
  std::size_t processes = 0;
};

// To be used by one thread, which must also be the one that started it. Standard input is empty,
// standard output and error go to one pipe, events to another, core dumps are off, all other
// descriptors are closed.
class Process {
 public:
  // Errors: not_found (no such program, or no interpreter for the script), io (permissions,
  // resources).
  static Result<Process> start(const ProcessSpec& spec);
  Process(Process&&) noexcept;
  Process& operator=(Process&&) noexcept;
  // Kills everything and waits up to two seconds for it to be gone.
  ~Process();

  // Non-blocking read ends to poll; closed by the caller never. status() becomes readable when
  // try_wait() has news.
  int output() const;
  int events() const;
  int status() const;

  // The result once the program and all it started are gone.
  std::optional<ProcessExit> try_wait();
  // SIGTERM to the program's group. try_wait() tells when it worked.
  void terminate();
  // SIGKILL to every descendant.
  void kill();

  // Cost: one walk of /proc.
  ProcessUsage usage() const;

 private:
  struct State;
  explicit Process(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace onnxpack::io
