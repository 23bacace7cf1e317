// What the real disk promises beyond its twin: links below a root are not followed, modes are
// fixed, and what a killed process left goes away.
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch_test_macros.hpp>
#include <csignal>
#include <fstream>
#include <functional>

#include "onnxpack/io/file.h"

namespace onnxpack::io {
namespace {

struct World {
  FileSystem& disk = real_file_system();
  TemporaryDirectory folder = *TemporaryDirectory::create(disk, "onnxpack-io-test-");
  fs::path root = folder.path();
};

unsigned mode_of(const fs::path& path) {
  struct stat info {};
  REQUIRE(::lstat(path.c_str(), &info) == 0);
  return info.st_mode & 07777U;
}

// Runs `work` in a child that then dies as if killed.
void in_killed_process(const std::function<void()>& work) {
  pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    work();
    ::kill(::getpid(), SIGKILL);
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  REQUIRE(WIFSIGNALED(status));
}

Status put(World& world, const std::string& name, std::string_view text) {
  ONNXPACK_TRY(auto file, world.disk.create_beneath(world.root / "out", name));
  ONNXPACK_CHECK(file->write(as_bytes(text)));
  return file->publish(Overwrite::yes);
}

}  // namespace

TEST_CASE("create_beneath makes folders and files of fixed modes, whatever the umask") {
  World world;
  mode_t old = ::umask(077);
  REQUIRE(world.disk.make_directories(world.root / "out"));
  auto written = put(world, "a/b/c.txt", "text");
  ::umask(old);
  REQUIRE(written);
  CHECK(mode_of(world.root / "out/a") == 0755);
  CHECK(mode_of(world.root / "out/a/b") == 0755);
  CHECK(mode_of(world.root / "out/a/b/c.txt") == 0644);
  REQUIRE(put(world, "a/b/c.txt", "again"));
  REQUIRE(put(world, "d.txt", "top"));
  CHECK(*world.disk.read_text(world.root / "out/a/b/c.txt", 100) == "again");
}

TEST_CASE("create_beneath follows no link below the root and leaves what it points at alone") {
  World world;
  fs::create_directories(world.root / "out");
  fs::create_directories(world.root / "elsewhere");
  std::ofstream(world.root / "elsewhere/precious") << "precious";
  fs::create_directory_symlink(world.root / "elsewhere", world.root / "out/link");
  fs::create_directory_symlink("../elsewhere", world.root / "out/relative");
  fs::create_symlink(world.root / "elsewhere/precious", world.root / "out/file");
  std::ofstream(world.root / "out/plain") << "x";

  for (const char* name : {"link/new", "relative/new", "link/deep/new", "plain/new"}) {
    auto refused = put(world, name, "evil");
    INFO(name);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().kind() == ErrorKind::io);
    CHECK(refused.error().message().find("is a link or a file there, not a folder") !=
          std::string::npos);
  }
  // A link in the file's own place is replaced, not written through.
  REQUIRE(put(world, "file", "mine"));
  CHECK(*world.disk.read_text(world.root / "elsewhere/precious", 100) == "precious");
  CHECK(world.disk.status(world.root / "out/file")->type == EntryType::file);
  CHECK(*world.disk.list(world.root / "elsewhere") == std::vector<std::string>{"precious"});
  for (const char* name : {"../x", "/x", "a/../../x", "", "a//b"}) {
    auto refused = put(world, name, "evil");
    INFO(name);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().kind() == ErrorKind::corrupt);
  }
}

TEST_CASE("a root that is itself a link is the caller's choice") {
  World world;
  fs::create_directories(world.root / "real");
  fs::create_directory_symlink("real", world.root / "out");
  REQUIRE(put(world, "a/f", "text"));
  CHECK(*world.disk.read_text(world.root / "real/a/f", 100) == "text");
}

TEST_CASE("a published folder has mode 0755, or that of the empty folder that it replaces") {
  World world;
  auto publish = [&](const char* to) {
    auto made = TemporaryDirectory::create(world.disk, ".x-", world.root / to);
    REQUIRE(made);
    REQUIRE(world.disk.write_text(made->path() / "f", "1", Overwrite::no));
    REQUIRE(std::move(*made).publish(world.root / to));
  };
  publish("fresh");
  CHECK(mode_of(world.root / "fresh") == 0755);
  REQUIRE(::mkdir((world.root / "private").c_str(), 0700) == 0);
  publish("private");
  CHECK(mode_of(world.root / "private") == 0700);
  CHECK(*world.disk.list(world.root) == std::vector<std::string>{"fresh", "private"});
}

TEST_CASE("what a killed process left beside a file goes when the file is published") {
  World world;
  fs::path path = world.root / "p.bin";
  REQUIRE(world.disk.write_text(path, "old", Overwrite::no));
  // As after a kill between link and rename, and two files that only look like it.
  std::ofstream(world.root / ".p.bin.onnxpack-4000000-0") << "half";
  std::ofstream(world.root / ".p.bin.onnxpack-notes") << "mine";
  std::ofstream(world.root / ".q.bin.onnxpack-4000000-0") << "of another file";
  REQUIRE(world.disk.write_text(path, "new", Overwrite::yes));
  CHECK(*world.disk.list(world.root) ==
        std::vector<std::string>{".p.bin.onnxpack-notes", ".q.bin.onnxpack-4000000-0", "p.bin"});
}

TEST_CASE("temporary folders of killed processes go, those of living ones stay") {
  World world;
  in_killed_process([&] {
    auto left = TemporaryDirectory::create(world.disk, ".out.onnxpack-", world.root / "out");
    if (left) std::ofstream(left->path() / "half") << "half";
    static_cast<void>(std::move(*left).release());
  });
  REQUIRE(world.disk.list(world.root)->size() == 1);
  auto mine = TemporaryDirectory::create(world.disk, ".out.onnxpack-", world.root / "out");
  REQUIRE(mine);
  world.disk.remove_abandoned(world.root, ".out.onnxpack-");
  CHECK(*world.disk.list(world.root) == std::vector<std::string>{mine->path().filename().string()});
}

TEST_CASE("read_at of a file being written sees what was written, and no more") {
  World world;
  auto file = world.disk.create(world.root / "f");
  REQUIRE(file);
  REQUIRE((*file)->write(as_bytes("0123456789")));
  REQUIRE((*file)->write_at(3, as_bytes("x")));
  Bytes out(4);
  REQUIRE((*file)->read_at(2, out));
  CHECK(as_text(out) == "2x45");
  CHECK((*file)->read_at(8, out).error().kind() == ErrorKind::corrupt);
}

TEST_CASE("same_file knows links of both kinds") {
  World world;
  std::ofstream(world.root / "a") << "a";
  std::ofstream(world.root / "b") << "a";
  fs::create_symlink("a", world.root / "soft");
  fs::create_hard_link(world.root / "a", world.root / "hard");
  CHECK(world.disk.same_file(world.root / "a", world.root / "soft"));
  CHECK(world.disk.same_file(world.root / "hard", world.root / "a"));
  CHECK(world.disk.same_file(world.root / "a", world.root / "." / "a"));
  CHECK_FALSE(world.disk.same_file(world.root / "a", world.root / "b"));
  CHECK_FALSE(world.disk.same_file(world.root / "none", world.root / "none"));
}

}  // namespace onnxpack::io
