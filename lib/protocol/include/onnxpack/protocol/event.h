// Events: one compact JSON object a line on the descriptor named by ONNX_PACK_EVENTS_FD. Anything
// may be said at any time; the host reads lines up to max_event_line bytes and counts, but
// otherwise ignores, lines it cannot read.
#pragma once

#include <cstddef>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "onnxpack/protocol/common.h"

namespace onnxpack::protocol {

struct Progress {
  std::string stage;               // "import", "optimize", "compile", ...
  std::optional<double> fraction;  // 0 to 1, of the whole request
  bool operator==(const Progress&) const = default;
};
struct LogLine {
  std::string level = "info";  // debug, info, warning, error
  std::string text;
  bool operator==(const LogLine&) const = default;
};
struct Heartbeat {
  bool operator==(const Heartbeat&) const = default;
};
struct BlobWritten {
  std::string path;  // relative to output_dir; complete from here on
  bool operator==(const BlobWritten&) const = default;
};
using Event = std::variant<Progress, LogLine, Heartbeat, BlobWritten>;

inline constexpr std::size_t max_event_line = 64 * 1024;

// One line, without the newline.
std::string to_line(const Event& event);
// Errors: corrupt, also for kinds of a later minor version.
Result<Event> event_from_line(std::string_view line);

// The backend's end. Thread safe. A host that went away makes every call a no-op.
class EventEmitter {
 public:
  // -1: nobody listens.
  explicit EventEmitter(int descriptor) : descriptor_(descriptor) {}
  // From the environment variable; closes the descriptor on exec so that the backend's own children
  // cannot hold it open.
  static EventEmitter& from_environment();

  void progress(std::string_view stage, std::optional<double> fraction = std::nullopt);
  void log(std::string_view level, std::string_view text);
  void heartbeat();
  void blob(std::string_view path);

 private:
  void send(const Event& event);
  std::mutex mutex_;
  int descriptor_;
};

}  // namespace onnxpack::protocol
