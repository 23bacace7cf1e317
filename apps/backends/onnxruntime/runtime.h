// ONNX Runtime, loaded on demand: the program starts, describes itself and explains what is missing
// without it.
#pragma once

#include <onnxruntime_c_api.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "log_tail.h"
#include "onnxpack/base/error.h"

namespace onnxpack::ort_backend {

// Owns what the C API hands out; each handle releases itself through the API it came from.
template <typename T>
using Handle = std::unique_ptr<T, void(ORT_API_CALL*)(T*)>;

class Runtime {
 public:
  // Looked for in this order: `path` when not empty (and nowhere else), the environment variable
  // ONNXPACK_ORT_LIBRARY (and nowhere else), beside the program, in ../../lib/onnx-pack from it (an
  // install), then as the system loader does, which includes the run path set at build time.
  // Errors: unavailable, naming what was tried and how to get it; also for a library older than the
  // C API version built against.
  static Result<Runtime> load(const std::string& path);

  const OrtApi& api() const { return *api_; }
  const std::string& version() const { return version_; }  // "1.31.1"
  const std::string& path() const { return path_; }        // of the file that was loaded

  // Turns an OrtStatus into a result and frees it. Errors: unsupported for what ORT says it cannot
  // load or run, invalid_argument, io (files), internal otherwise; the text is ORT's, on one line.
  Status check(OrtStatus* status) const;

  template <typename T>
  Handle<T> own(T* raw, void(ORT_API_CALL* release)(T*)) const {
    return Handle<T>(raw, release);
  }

  // `log`: receives every line and outlives the environment; none: ONNX Runtime's own printing.
  Result<Handle<OrtEnv>> make_environment(LogTail* log = nullptr) const;
  Result<std::vector<std::string>> providers() const;

 private:
  Runtime(const OrtApi* api, std::string version, std::string path)
      : api_(api), version_(std::move(version)), path_(std::move(path)) {}
  const OrtApi* api_;
  std::string version_;
  std::string path_;
};

inline constexpr const char* library_variable = "ONNXPACK_ORT_LIBRARY";

}  // namespace onnxpack::ort_backend
