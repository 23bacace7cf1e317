// What ONNX Runtime and its plug-ins log while they work. The Compile API answers "unable to
// compile any nodes" whatever the reason; the reason stands in the log only.
#pragma once

#include <onnxruntime_c_api.h>

#include <mutex>
#include <string>
#include <vector>

namespace onnxpack::ort_backend {

// Copies each line to standard error (the host's log file) and keeps the first errors. Called from
// any thread. Must outlive the environment it is given to.
class LogTail {
 public:
  // The first error logged, on one line; empty when there was none.
  std::string first_error() const;
  std::vector<std::string> errors() const;

  // OrtLoggingFunction; `self` is a LogTail.
  static void ORT_API_CALL receive(void* self, OrtLoggingLevel severity, const char* category,
                                   const char* logger, const char* location, const char* message);

 private:
  static constexpr std::size_t most = 16;
  mutable std::mutex mutex_;
  std::vector<std::string> errors_;
};

}  // namespace onnxpack::ort_backend
