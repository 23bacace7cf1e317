// What the verbs need of the world, as a value: files, variables, where backends and the cache
// live, who is watching.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "onnxpack/base/cancel.h"
#include "onnxpack/io/file.h"

namespace onnxpack::package {

// Told what is going on while a verb works; called from several threads, one call at a time.
// Rendering is cli's business.
class Watcher {
 public:
  virtual ~Watcher() = default;
  // One line of work that runs for a while, alone or beside others: "write model.onnxpkg",
  // "x86-64-v3 openvino compile". `total` in bytes, 0 when not known. The same `task` may be
  // started again with another total.
  virtual void started(std::string_view task, std::uint64_t total) = 0;
  virtual void advanced(std::string_view task, std::uint64_t done) = 0;
  virtual void stage(std::string_view task, std::string_view text) = 0;
  virtual void finished(std::string_view task, std::string_view outcome) = 0;
  virtual void warning(std::string_view text) = 0;
};
Watcher& silent_watcher();

struct Environment {
  io::FileSystem* files = &io::real_file_system();
  const CancelFlag* cancel = nullptr;  // never null while a verb runs
  Watcher* watcher = &silent_watcher();
  std::map<std::string, std::string> variables;     // the process environment
  std::string version;                              // of onnx-pack
  std::filesystem::path libexec;                    // where the install keeps its backends
  std::vector<std::filesystem::path> backend_path;  // --backend-path, in order
  std::filesystem::path cache;                      // build cache root; empty: no cache
  std::filesystem::path logs;                       // where logs of failed backends are kept
};

}  // namespace onnxpack::package
