#include "plugin_library.h"

#include <cstdlib>
#include <fstream>

#include <fmt/format.h>

#include "mapped_file.h"
#include "onnxpack/base/text.h"

namespace onnxpack::ort_backend {
namespace {

namespace fs = std::filesystem;

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

// Lines of the form  name = 'value'.
std::string quoted_value(const fs::path& file, std::string_view name) {
  std::ifstream in(file);
  for (std::string line; std::getline(in, line);) {
    const auto parts = split(line, '=');
    if (parts.size() != 2 || trim(parts[0]) != name) continue;
    const std::string_view value = trim(parts[1]);
    if (value.size() > 2) return std::string(value.substr(1, value.size() - 2));
  }
  return "";
}

// Tells builds of the library apart for the build key; nothing is trusted by it. FNV-1a.
Result<std::string> digest_version(const fs::path& library) {
  ONNXPACK_TRY(const MappedFile file, MappedFile::open(library));
  std::uint64_t hash = 0xcbf29ce484222325;
  for (const std::byte byte : file.bytes())
    hash = (hash ^ std::to_integer<std::uint64_t>(byte)) * 0x100000001b3;
  return fmt::format("fnv1a:{:016x}", hash);
}

}  // namespace

LibrarySearch qnn_search(const std::string& asked, const std::string& onnxruntime) {
  std::error_code ignored;
  return {asked, variable(qnn_library_variable), variable(qnn_root_variable),
          fs::read_symlink("/proc/self/exe", ignored),
          onnxruntime.empty() ? fs::path{} : fs::weakly_canonical(onnxruntime, ignored)};
}

std::vector<fs::path> qnn_candidates(const LibrarySearch& search) {
  if (!search.asked.empty()) return {search.asked};
  if (!search.library.empty()) return {search.library};
  if (!search.root.empty()) {
    const fs::path root = search.root;
    return {root / qnn_library_name, root / "lib" / qnn_library_name};
  }
  std::vector<fs::path> out;
  if (!search.program.empty()) {
    const fs::path folder = search.program.parent_path();
    out.push_back(folder / qnn_library_name);
    out.push_back(folder.parent_path().parent_path() / "lib" / "onnx-pack" / qnn_library_name);
  }
  if (!search.onnxruntime.empty()) {
    const fs::path folder = search.onnxruntime.parent_path();
    const fs::path above = folder.parent_path().parent_path();
    out.push_back(above / "backends" / "onnxruntime-qnn" / "lib" / qnn_library_name);
    out.push_back(above / "onnxruntime_qnn" / qnn_library_name);
  }
  return out;
}

std::map<std::string, std::string> named_libraries(std::string_view text) {
  std::map<std::string, std::string> out;
  for (const std::string_view entry : split(text, ':')) {
    const auto equals = entry.find('=');
    if (equals == std::string_view::npos) continue;
    out[std::string(entry.substr(0, equals))] = entry.substr(equals + 1);
  }
  return out;
}

std::map<std::string, std::string> named_libraries() {
  return named_libraries(variable(ep_libraries_variable));
}

Result<PluginLibrary> find_plugin(const std::string& ep, const std::string& asked) {
  const std::string how = fmt::format(
      "give the absolute path of its library as onnxruntime.ep_library, in the target's "
      "backend_options.onnxruntime.ep_library, or as {}={}=PATH",
      ep_libraries_variable, ep);
  std::string path = asked;
  if (path.empty()) {
    const auto named = named_libraries();
    const auto found = named.find(ep);
    if (found != named.end()) path = found->second;
  }
  if (path.empty())
    return fail(ErrorKind::unavailable,
                fmt::format("nothing is known of where {}'s plug-in lies", ep), how);
  std::error_code error;
  if (!fs::path(path).is_absolute() || !fs::is_regular_file(path, error)) {
    return fail(ErrorKind::unavailable,
                fmt::format("{}: {}", path,
                            fs::path(path).is_absolute() ? "no such file" : "not an absolute path"),
                how);
  }
  ONNXPACK_TRY(std::string version, digest_version(path));
  return PluginLibrary{path, std::move(version), ""};
}

Result<PluginLibrary> find_qnn(const LibrarySearch& search) {
  std::vector<std::string> tried;
  for (const fs::path& candidate : qnn_candidates(search)) {
    std::error_code error;
    if (!fs::is_regular_file(candidate, error)) {
      tried.push_back(candidate.string());
      continue;
    }
    const fs::path path = fs::absolute(candidate);
    if (!fs::is_regular_file(path.parent_path() / qnn_compiler_name, error)) {
      return fail(ErrorKind::unavailable,
                  fmt::format("{}: Qualcomm's compiler {} is not beside it", path.string(),
                              qnn_compiler_name),
                  fmt::format("run {}", qnn_install));
    }
    const fs::path info = path.parent_path() / "build_and_package_info.py";
    PluginLibrary out{path, quoted_value(info, "__version__"), quoted_value(info, "qnn_version")};
    if (out.version.empty()) {
      ONNXPACK_TRY(out.version, digest_version(path));
    }
    return out;
  }
  return fail(
      ErrorKind::unavailable,
      fmt::format("Snapdragon targets need ONNX Runtime's plug-in onnxruntime-qnn, which is "
                  "not here (tried {})",
                  join(tried, ", ")),
      fmt::format("run {}, or point {} at its {}", qnn_install, qnn_library_variable,
                  qnn_library_name));
}

}  // namespace onnxpack::ort_backend
