// A work folder, the hostile backends of tests/support/backends, and a look for processes that were
// left behind.
#pragma once

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <unistd.h>

#include <catch2/catch_test_macros.hpp>

#include "onnxpack/backend/supervisor.h"
#include "onnxpack/io/file.h"

namespace onnxpack::backend::test {

namespace fs = std::filesystem;

inline fs::path hostile_folder() {
  return fs::weakly_canonical(fs::path(ONNXPACK_TEST_DATA) / ".." / "support" / "backends");
}
inline fs::path hostile(const std::string& name) {
  return hostile_folder() / ("onnx-pack-backend-" + name);
}

inline std::string read_file(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}
inline void write_file(const fs::path& path, const std::string& text) {
  fs::create_directories(path.parent_path());
  std::ofstream(path, std::ios::binary) << text;
}

class Folder {
 public:
  Folder() {
    auto made = io::TemporaryDirectory::create(io::real_file_system(), "onnxpack-test-");
    REQUIRE(made);
    folder_.emplace(std::move(*made));
  }
  const fs::path& path() const { return folder_->path(); }
  fs::path operator/(const std::string& name) const { return path() / name; }

 private:
  std::optional<io::TemporaryDirectory> folder_;
};

// Every process whose environment holds `mark` (children inherit it, whatever session they hide
// in).
inline std::vector<std::string> processes_marked(const std::string& mark) {
  std::vector<std::string> out;
  for (const auto& entry : fs::directory_iterator("/proc")) {
    std::string pid = entry.path().filename().string();
    if (pid.find_first_not_of("0123456789") != std::string::npos) continue;
    if (pid == std::to_string(::getpid())) continue;
    if (read_file(entry.path() / "environ").find(mark) != std::string::npos) out.push_back(pid);
  }
  return out;
}

// One call of a hostile backend's `compile`, with limits that make a test quick.
struct Call {
  Folder folder;
  std::string mark = fmt::format("ONNX_PACK_TEST_MARK=mark-{}-{}", ::getpid(), ++counter());
  Invocation invocation;

  explicit Call(const std::string& name) {
    fs::create_directories(folder / "out");
    invocation.backend = name;
    invocation.program = hostile(name);
    invocation.verb = protocol::Verb::compile;
    invocation.request = json::object({{"output_dir", "out"}});
    invocation.work_folder = folder.path();
    invocation.log_file = folder / "log.txt";
    invocation.limits.quiet = std::chrono::seconds(20);
    invocation.limits.grace = std::chrono::milliseconds(100);
    invocation.limits.memory_period = std::chrono::milliseconds(20);
    invocation.environment = backend_environment();
    auto equals = mark.find('=');
    invocation.environment[mark.substr(0, equals)] = mark.substr(equals + 1);
  }
  Outcome run() {
    auto outcome = run_backend(invocation);
    if (!outcome) FAIL(outcome.error().message());
    CHECK(processes_marked(mark) == std::vector<std::string>{});
    return std::move(*outcome);
  }
  static int& counter() {
    static int value = 0;
    return value;
  }
};

}  // namespace onnxpack::backend::test
