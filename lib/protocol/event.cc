#include "onnxpack/protocol/event.h"

#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <ctime>

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include "codec.h"

namespace onnxpack::protocol {
namespace {

json::Value to_json(const Progress& event) {
  json::Value out = json::object({{"event", "progress"}, {"stage", event.stage}});
  if (event.fraction) out["fraction"] = *event.fraction;
  return out;
}
json::Value to_json(const LogLine& event) {
  return json::object({{"event", "log"}, {"level", event.level}, {"text", event.text}});
}
json::Value to_json(const Heartbeat&) {
  return json::object({{"event", "heartbeat"}});
}
json::Value to_json(const BlobWritten& event) {
  return json::object({{"event", "blob"}, {"path", event.path}});
}

Result<Event> progress_from_json(const json::Cursor& cursor) {
  Progress out;
  ONNXPACK_TRY(out.stage, text_at(cursor, "stage"));
  ONNXPACK_TRY(auto fraction, cursor.find("fraction"));
  if (fraction) {
    ONNXPACK_TRY(double value, fraction->number());
    if (!(value >= 0 && value <= 1)) {
      return std::unexpected(fraction->error("expected a number from 0 to 1"));
    }
    out.fraction = value;
  }
  return out;
}

// SIGPIPE of a host that went away must not kill a backend in the middle of its work; the signal is
// blocked for this thread only and taken back, so the process's own disposition stays as the
// vendor's runtime set it.
bool write_line(int descriptor, std::string_view line) {
  sigset_t pipe_signal;
  sigset_t before;
  sigemptyset(&pipe_signal);
  sigaddset(&pipe_signal, SIGPIPE);
  if (pthread_sigmask(SIG_BLOCK, &pipe_signal, &before) != 0) return false;
  bool broken = false;
  while (!line.empty() && !broken) {
    ssize_t written = ::write(descriptor, line.data(), line.size());
    if (written >= 0) {
      line.remove_prefix(static_cast<std::size_t>(written));
    } else if (errno == EAGAIN) {
      pollfd wait{.fd = descriptor, .events = POLLOUT, .revents = 0};
      ::poll(&wait, 1, 1000);
    } else if (errno != EINTR) {
      broken = true;
    }
  }
  if (broken && errno == EPIPE && sigismember(&before, SIGPIPE) == 0) {
    timespec at_once{};
    sigtimedwait(&pipe_signal, nullptr, &at_once);
  }
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  return !broken;
}

int descriptor_from_environment() {
  const char* text = std::getenv(events_variable);
  if (text == nullptr) return -1;
  int descriptor = -1;
  auto [end, error] = std::from_chars(text, text + std::strlen(text), descriptor);
  if (error != std::errc{} || *end != '\0' || descriptor < 0) return -1;
  if (::fcntl(descriptor, F_SETFD, FD_CLOEXEC) != 0) return -1;
  return descriptor;
}

}  // namespace

std::string to_line(const Event& event) {
  json::Value value = std::visit([](const auto& kind) { return to_json(kind); }, event);
  return json::compact(value);
}

Result<Event> event_from_line(std::string_view line) {
  ONNXPACK_TRY(json::Value value, json::parse(line));
  json::Cursor cursor(value);
  ONNXPACK_TRY(auto kind_field, cursor.at("event"));
  ONNXPACK_TRY(std::string kind, kind_field.string_in({"progress", "log", "heartbeat", "blob"}));
  if (kind == "heartbeat") return Heartbeat{};
  if (kind == "progress") return progress_from_json(cursor);
  if (kind == "blob") {
    ONNXPACK_TRY(std::string path, required_text(cursor, "path"));
    return BlobWritten{std::move(path)};
  }
  LogLine out;
  ONNXPACK_TRY(out.level, cursor.string_or("level", "info"));
  ONNXPACK_TRY(out.text, text_at(cursor, "text"));
  return out;
}

EventEmitter& EventEmitter::from_environment() {
  static EventEmitter emitter(descriptor_from_environment());
  return emitter;
}

void EventEmitter::send(const Event& event) {
  std::scoped_lock lock(mutex_);
  if (descriptor_ < 0) return;
  std::string line = to_line(event);
  line += '\n';
  if (line.size() > max_event_line) return;
  if (!write_line(descriptor_, line)) descriptor_ = -1;
}

void EventEmitter::progress(std::string_view stage, std::optional<double> fraction) {
  send(Progress{std::string(stage), fraction});
}
void EventEmitter::log(std::string_view level, std::string_view text) {
  // Room for the escapes of the worst text.
  send(LogLine{std::string(level), std::string(text.substr(0, max_event_line / 8))});
}
void EventEmitter::heartbeat() {
  send(Heartbeat{});
}
void EventEmitter::blob(std::string_view path) {
  send(BlobWritten{std::string(path)});
}

}  // namespace onnxpack::protocol
