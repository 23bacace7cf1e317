// The guardian's side of process.h: code that runs between fork() and exec() of a process that may
// have threads, so it may use nothing but async-signal-safe calls: no allocation, no locks, no C++
// library.
#pragma once

#include <sys/resource.h>
#include <sys/types.h>

#include <cstdint>

namespace onnxpack::io::guardian {

// Everything is prepared before the fork.
struct Plan {
  const char* program = nullptr;
  char* const* argv = nullptr;
  char* const* envp = nullptr;
  const char* working_directory = nullptr;
  rlim_t file_size_limit = RLIM_INFINITY;
  // Descriptors in the parent's numbering.
  int null_input = -1;
  int output = -1;
  int events = -1;
  int status = -1;
  int control = -1;
};

// What the program finds its events pipe as.
inline constexpr int events_descriptor = 3;

// Messages to the host, written whole (they are shorter than PIPE_BUF).
enum class News : std::int32_t {
  started,      // value: pid
  not_started,  // value: errno of chdir or exec
  ended,        // value: wait status; everything it left is gone, extra: how many that were
};
struct Message {
  News news = News::started;
  std::int32_t value = 0;
  std::int32_t extra = 0;
};

// Commands from the host; the end of the pipe means kill.
inline constexpr char command_terminate = 'T';
inline constexpr char command_kill = 'K';

[[noreturn]] void guard(const Plan& plan);

}  // namespace onnxpack::io::guardian
