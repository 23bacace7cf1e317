// Runs a backend program once, under watch.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>

#include "onnxpack/backend/outcome.h"
#include "onnxpack/base/cancel.h"
#include "onnxpack/base/error.h"
#include "onnxpack/json/value.h"
#include "onnxpack/protocol/event.h"
#include "onnxpack/protocol/version.h"

namespace onnxpack::backend {

struct Limits {
  // Longest time without a sign of life: an event, a line of output (up to log_bytes), a file of
  // the work folder that grew.
  std::chrono::milliseconds quiet = std::chrono::minutes(2);
  // Longest time in all. None by default: some compiles take an hour.
  std::optional<std::chrono::milliseconds> total;
  std::uint64_t memory_bytes = 0;  // resident, all its processes together, polled; 0: no limit
  std::uint64_t file_bytes = 0;    // of any one file; 0: no limit
  std::uint64_t log_bytes = std::uint64_t{8}
                            << 20;  // more output is read and dropped but for its end
  std::chrono::milliseconds grace = std::chrono::milliseconds(400);  // from SIGTERM to SIGKILL
  std::chrono::milliseconds memory_period = std::chrono::milliseconds(250);
};

struct Invocation {
  std::string backend;  // for texts
  std::filesystem::path program;
  protocol::Verb verb = protocol::Verb::describe;
  json::Value request;
  std::filesystem::path work_folder;  // exists; request.json and response.json are put there, and
                                      // TMPDIR points into it
  std::filesystem::path log_file;     // created when there is output
  Limits limits;
  const CancelFlag* cancel = nullptr;
  std::function<void(const protocol::Event&)> on_event;  // on the calling thread
  std::map<std::string, std::string> environment;        // all it gets, but for TMPDIR
};

// Blocks until the program and everything it started are gone. A set cancel flag ends it within
// limits.grace and 100 ms. Thread safe. Errors: io (the work folder or log cannot be written);
// everything that the backend does is an Outcome.
Result<Outcome> run_backend(const Invocation& invocation);

// The part of this process's environment that backends get: search paths, homes, locale fixed to
// C.UTF-8, and the variables by which vendors' runtimes are found or tuned. An allow-list, so that
// secrets stay here.
std::map<std::string, std::string> backend_environment();
// Whether backend_environment() hands on the variable of that name.
bool reaches_backends(std::string_view name);

}  // namespace onnxpack::backend
