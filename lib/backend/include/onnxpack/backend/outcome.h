// How one call of a backend ended, as the host saw it. Only its own variant is lost, whatever it
// is.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "onnxpack/json/value.h"
#include "onnxpack/protocol/version.h"

namespace onnxpack::backend {

enum class OutcomeKind : std::uint8_t {
  ok,
  refused,    // it answered: cannot do this model or target
  no_gain,    // it answered: the original graph serves this target as well, nothing to ship
  error,      // it answered: went wrong
  crash,      // a signal or an exit code instead of an answer
  hang,       // no sign of life for too long
  timeout,    // longer than it was given
  memory,     // more memory than it was given
  file_size,  // a larger file than it was given
  protocol,   // no answer, or one that breaks the protocol
  not_started,
  cancelled,
};
std::string_view to_string(OutcomeKind kind);

struct Outcome {
  OutcomeKind kind = OutcomeKind::ok;
  std::string backend;
  protocol::Verb verb = protocol::Verb::describe;
  std::string reason;                   // one line, without the backend's name; safe to print
  std::string hint;                     // what would make it work
  std::string stage;                    // where it was, as it said last
  std::filesystem::path log;            // all it wrote; may not exist when it wrote nothing
  std::vector<std::string> last_lines;  // of the log, safe to print; filled unless ok
  std::chrono::milliseconds wall{0};
  std::uint64_t peak_resident_bytes = 0;  // as polled: a lower bound
  std::size_t leftovers = 0;              // processes it left behind, killed
  std::vector<std::string> warnings;      // what was odd but did no harm
  json::Value
      response;  // null unless it answered in JSON (also when the answer breaks the protocol)

  bool ok() const { return kind == OutcomeKind::ok; }
};

// "iree compile crashed: signal 11 (SIGSEGV) in stage \"import\"".
std::string headline(const Outcome& outcome);
// The headline, hint, log file and last lines, one per line.
std::string to_text(const Outcome& outcome);

}  // namespace onnxpack::backend
