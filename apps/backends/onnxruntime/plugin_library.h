// Where a plug-in execution provider's library lies. Nothing is loaded here.
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "onnxpack/base/error.h"

namespace onnxpack::ort_backend {

inline constexpr const char* qnn_provider = "QNNExecutionProvider";
inline constexpr const char* qnn_library_name = "libonnxruntime_providers_qnn.so";
inline constexpr const char* qnn_compiler_name = "libQnnHtp.so";
inline constexpr const char* qnn_library_variable = "ONNXPACK_QNN_LIBRARY";
inline constexpr const char* qnn_root_variable = "ONNXPACK_QNN_ROOT";
inline constexpr const char* qnn_install = "cmake/setup.sh --backend onnxruntime-qnn";

struct PluginLibrary {
  std::filesystem::path path;
  // Of the release ("2.7.0") where the file build_and_package_info.py of the vendor's wheel stands
  // beside it, else a digest of the library.
  std::string version;
  std::string sdk_version;  // the vendor's compiler ("2.51.0"), where known
};

// What is known when looking for a library.
struct LibrarySearch {
  std::string asked;              // option ep_library: this file and no other
  std::string library;            // ONNXPACK_QNN_LIBRARY: likewise
  std::string root;               // ONNXPACK_QNN_ROOT: a folder with the library, in it or in lib
  std::filesystem::path program;  // beside it, or ../../lib/onnx-pack from it
  std::filesystem::path onnxruntime;  // of the file of libonnxruntime.so; beside its package
};
LibrarySearch qnn_search(const std::string& asked, const std::string& onnxruntime);

// The files that are tried, in order: option, variable, root (each and nowhere else), beside the
// program, in an install's lib/onnx-pack, where cmake/setup.sh puts it beside onnxruntime
// (PREFIX/backends/onnxruntime-qnn/lib), where pip does (site-packages/onnxruntime_qnn).
std::vector<std::filesystem::path> qnn_candidates(const LibrarySearch& search);

// ONNXPACK_EP_LIBRARIES: which file each other provider's plug-in is, "NAME=FILE:NAME=FILE".
inline constexpr const char* ep_libraries_variable = "ONNXPACK_EP_LIBRARIES";
std::map<std::string, std::string> named_libraries(std::string_view text);
std::map<std::string, std::string> named_libraries();

// Of a provider that is not QNN: `asked` when not empty, else what the variable names for it.
// Errors: unavailable when there is no such file or none is named; a path must be absolute, since
// backends work in folders of their own.
Result<PluginLibrary> find_plugin(const std::string& ep, const std::string& asked);

// Errors: unavailable with what was tried and how to install it; also when Qualcomm's compiler,
// libQnnHtp.so, does not lie beside the plug-in.
Result<PluginLibrary> find_qnn(const LibrarySearch& search);

}  // namespace onnxpack::ort_backend
