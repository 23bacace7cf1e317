#include "onnxpack/io/scratch.h"

#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch_test_macros.hpp>
#include <filesystem>
#include <fstream>

namespace onnxpack::io {
namespace {

namespace fs = std::filesystem;

std::string prefix() {
  return "onnxpack-scratch-test-" + std::to_string(::getpid()) + "-";
}

}  // namespace

TEST_CASE("a scratch folder goes away with its owner") {
  fs::path path;
  {
    auto scratch = ScratchDirectory::create(prefix());
    REQUIRE(scratch);
    path = scratch->path();
    std::ofstream(path / "big") << "x";
    ScratchDirectory moved = std::move(*scratch);
    CHECK(moved.path() == path);
    CHECK(fs::exists(path / "big"));
  }
  CHECK_FALSE(fs::exists(path));
}

TEST_CASE("what a killed process left is removed by the next; what is in use is not") {
  auto mine = ScratchDirectory::create(prefix());
  REQUIRE(mine);
  std::string name = prefix();
  pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    auto left = ScratchDirectory::create(name);
    // No destructor runs: as after SIGKILL.
    ::_exit(left ? 0 : 1);
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  REQUIRE(WIFEXITED(status));
  REQUIRE(WEXITSTATUS(status) == 0);
  auto count = [&] {
    int out = 0;
    for (const auto& entry : fs::directory_iterator(mine->path().parent_path()))
      out += entry.path().filename().string().starts_with(name) ? 1 : 0;
    return out;
  };
  CHECK(count() == 2);
  auto next = ScratchDirectory::create(name);
  REQUIRE(next);
  CHECK(count() == 2);
  CHECK(fs::exists(mine->path()));
  CHECK(fs::exists(next->path()));
}

}  // namespace onnxpack::io
