#include "log_tail.h"

#include <cstdio>

#include <fmt/format.h>

#include "ort_message.h"

namespace onnxpack::ort_backend {

std::string LogTail::first_error() const {
  const std::scoped_lock lock(mutex_);
  return errors_.empty() ? "" : errors_.front();
}

std::vector<std::string> LogTail::errors() const {
  const std::scoped_lock lock(mutex_);
  return errors_;
}

void ORT_API_CALL LogTail::receive(void* self, OrtLoggingLevel severity, const char*, const char*,
                                   const char* location, const char* message) {
  // Letters as in ONNX Runtime's own log.
  constexpr char letters[] = {'V', 'I', 'W', 'E', 'F'};
  const auto index = static_cast<std::size_t>(severity);
  const std::string line =
      fmt::format("[{} {}] {}\n", index < sizeof letters ? letters[index] : '?', location, message);
  std::fputs(line.c_str(), stderr);
  if (severity < ORT_LOGGING_LEVEL_ERROR) return;
  auto& log = *static_cast<LogTail*>(self);
  const std::scoped_lock lock(log.mutex_);
  if (log.errors_.size() < most) log.errors_.push_back(tidy_message(message));
}

}  // namespace onnxpack::ort_backend
