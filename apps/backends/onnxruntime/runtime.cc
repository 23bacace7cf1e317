#include "runtime.h"

#include <dlfcn.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>

#include "ort_message.h"

namespace onnxpack::ort_backend {
namespace {

constexpr const char* soname = "libonnxruntime.so.1";
constexpr const char* how_to_get =
    "run cmake/setup.sh, or install onnxruntime and point ONNXPACK_ORT_LIBRARY at its "
    "libonnxruntime.so";

std::vector<std::string> candidates(const std::string& path) {
  if (!path.empty()) return {path};
  if (const char* named = std::getenv(library_variable); named != nullptr && *named != '\0')
    return {named};
  std::vector<std::string> out;
  std::error_code error;
  const auto program = std::filesystem::read_symlink("/proc/self/exe", error);
  if (!error) {
    const auto folder = program.parent_path();
    for (const auto& place :
         {folder / soname, folder.parent_path().parent_path() / "lib" / "onnx-pack" / soname}) {
      if (std::filesystem::exists(place, error)) out.push_back(place.string());
    }
  }
  out.emplace_back(soname);
  return out;
}

std::string loaded_path(void* symbol, const std::string& asked) {
  Dl_info info{};
  if (::dladdr(symbol, &info) != 0 && info.dli_fname != nullptr) return info.dli_fname;
  return asked;
}

ErrorKind kind_of(OrtErrorCode code, std::string_view text) {
  switch (code) {
    case ORT_INVALID_ARGUMENT:
      return ErrorKind::invalid_argument;
    case ORT_NO_SUCHFILE:
      return ErrorKind::not_found;
    case ORT_INVALID_PROTOBUF:
      return ErrorKind::corrupt;
    case ORT_NOT_IMPLEMENTED:
    case ORT_INVALID_GRAPH:
      return ErrorKind::unsupported;
    default:
      break;
  }
  // ORT reports unsupported IR versions, opsets and operators as plain failures.
  for (const std::string_view sign :
       {"opset", "IR version", "No Op registered", "Could not find an implementation",
        "is not a registered function/op"}) {
    if (text.find(sign) != std::string_view::npos) return ErrorKind::unsupported;
  }
  return ErrorKind::internal;
}

}  // namespace

Result<Runtime> Runtime::load(const std::string& path) {
  std::string reasons;
  for (const std::string& candidate : candidates(path)) {
    void* library = ::dlopen(candidate.c_str(),
                             RTLD_NOW | RTLD_LOCAL);  // never closed: its threads outlive any scope
    if (library == nullptr) {
      const char* why = ::dlerror();
      reasons = why != nullptr ? why : "no reason given";
      continue;
    }
    void* symbol = ::dlsym(library, "OrtGetApiBase");
    if (symbol == nullptr) {
      return fail(ErrorKind::unavailable,
                  fmt::format("{}: not an ONNX Runtime library (no OrtGetApiBase)", candidate),
                  how_to_get);
    }
    const auto get_base = reinterpret_cast<const OrtApiBase*(ORT_API_CALL*)()>(symbol);
    const OrtApiBase* base = get_base();
    const std::string version = base->GetVersionString();
    const OrtApi* api = base->GetApi(ORT_API_VERSION);
    if (api == nullptr) {
      return fail(ErrorKind::unavailable,
                  fmt::format("{}: ONNX Runtime {} is too old, 1.{} or later is needed", candidate,
                              version, ORT_API_VERSION),
                  how_to_get);
    }
    return Runtime(api, version, loaded_path(symbol, candidate));
  }
  return fail(ErrorKind::unavailable, fmt::format("ONNX Runtime cannot be loaded: {}", reasons),
              how_to_get);
}

Status Runtime::check(OrtStatus* status) const {
  if (status == nullptr) return {};
  std::string text = tidy_message(api_->GetErrorMessage(status));
  const ErrorKind kind = kind_of(api_->GetErrorCode(status), text);
  api_->ReleaseStatus(status);
  return fail(kind, std::move(text));
}

Result<Handle<OrtEnv>> Runtime::make_environment(LogTail* log) const {
  OrtEnv* raw = nullptr;
  if (log == nullptr) {
    ONNXPACK_CHECK(check(api_->CreateEnv(ORT_LOGGING_LEVEL_WARNING, "onnx-pack", &raw)));
  } else {
    ONNXPACK_CHECK(check(api_->CreateEnvWithCustomLogger(
        LogTail::receive, log, ORT_LOGGING_LEVEL_WARNING, "onnx-pack", &raw)));
  }
  auto environment = own(raw, api_->ReleaseEnv);
  ONNXPACK_CHECK(check(api_->DisableTelemetryEvents(raw)));
  return environment;
}

Result<std::vector<std::string>> Runtime::providers() const {
  char** names = nullptr;
  int count = 0;
  ONNXPACK_CHECK(check(api_->GetAvailableProviders(&names, &count)));
  std::vector<std::string> out(names, names + count);
  ONNXPACK_CHECK(check(api_->ReleaseAvailableProviders(names, count)));
  return out;
}

}  // namespace onnxpack::ort_backend
