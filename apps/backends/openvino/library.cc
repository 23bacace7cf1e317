#include "library.h"

#include <dlfcn.h>
#include <fmt/format.h>

#include <cstdlib>
#include <filesystem>
#include <vector>

namespace onnxpack::openvino_backend {
namespace {

namespace fs = std::filesystem;

// "libopenvino.so.2641"; empty in a build without OpenVINO's headers.
constexpr std::string_view soname = ONNXPACK_OPENVINO_SONAME;

fs::path program_folder() {
  std::error_code error;
  const auto program = fs::read_symlink("/proc/self/exe", error);
  return error ? fs::path() : program.parent_path();
}

std::vector<std::string> candidates(const fs::path& folder) {
  if (const char* named = std::getenv(library_variable); named != nullptr && *named != '\0')
    return {named};
  std::vector<std::string> out;
  std::error_code error;
  for (const auto& place :
       {folder / soname, folder.parent_path().parent_path() / "lib" / "onnx-pack" / soname}) {
    if (fs::exists(place, error)) out.push_back(place.string());
  }
  out.emplace_back(soname);
  return out;
}

std::string why() {
  const char* text = ::dlerror();
  return text != nullptr ? text : "no reason given";
}

// Global, so that the module's own need of the library is met by the one found here.
Result<void*> open_openvino(const fs::path& folder) {
  std::string reasons;
  for (const std::string& candidate : candidates(folder)) {
    if (void* library = ::dlopen(candidate.c_str(), RTLD_NOW | RTLD_GLOBAL)) return library;
    reasons = why();
  }
  return fail(ErrorKind::unavailable, fmt::format("OpenVINO cannot be loaded: {}", reasons),
              fmt::format("run cmake/setup.sh --backend openvino, or point {} at the {} of an "
                          "installed OpenVINO",
                          library_variable, soname));
}

std::string path_of(void* symbol) {
  Dl_info info{};
  if (symbol != nullptr && ::dladdr(symbol, &info) != 0 && info.dli_fname != nullptr)
    return info.dli_fname;
  return std::string(soname);
}

}  // namespace

Result<LoadedModule> load_module() {
  const fs::path folder = program_folder();
  const fs::path file = folder / module_file;
  std::error_code error;
  if (soname.empty() || !fs::exists(file, error)) {
    return fail(ErrorKind::unavailable,
                "this onnx-pack was built without OpenVINO, whose headers come with it",
                "run cmake/setup.sh --backend openvino, then configure and build again");
  }
  ONNXPACK_TRY(void* openvino, open_openvino(folder));
  void* module = ::dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (module == nullptr) {
    return fail(ErrorKind::unavailable,
                fmt::format("the module built for {} cannot be loaded: {}", soname, why()),
                "build onnx-pack again with the OpenVINO that is installed");
  }
  LoadedModule out;
  out.serve = reinterpret_cast<ServeFunction>(::dlsym(module, serve_symbol));
  if (out.serve == nullptr) {
    return fail(ErrorKind::unavailable,
                fmt::format("{} is not a part of onnx-pack: no {}", file.string(), serve_symbol));
  }
  // A C function of the library, whose name no release changes.
  out.openvino = path_of(::dlsym(openvino, "get_openvino_version"));
  return out;
}

}  // namespace onnxpack::openvino_backend
