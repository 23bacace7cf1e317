// What every file system promises, asked of the real one and of its twin in memory.
#include <sys/stat.h>
#include <catch2/catch_template_test_macros.hpp>
#include <catch2/catch_test_macros.hpp>
#include <filesystem>

#include "onnxpack/io/file.h"
#include "onnxpack/io/memory_file_system.h"

namespace onnxpack::io {
namespace {

// A folder to play in.
struct Real {
  FileSystem& disk = real_file_system();
  TemporaryDirectory folder = *TemporaryDirectory::create(disk, "onnxpack-io-test-");
  fs::path root = folder.path();
};
struct Memory {
  MemoryFileSystem memory;
  FileSystem& disk = memory;
  fs::path root = "/root";
  Memory() { REQUIRE(memory.make_directories(root)); }
};

Status write(FileSystem& disk, const fs::path& path, std::string_view text,
             Overwrite overwrite = Overwrite::no) {
  return disk.write_text(path, text, overwrite);
}

TEMPLATE_TEST_CASE("a file appears when it is published and not before", "", Real, Memory) {
  TestType t;
  {
    auto file = t.disk.create(t.root / "f");
    REQUIRE(file);
    REQUIRE((*file)->write(as_bytes("hello")));
    CHECK((*file)->position() == 5);
    CHECK(!t.disk.exists(t.root / "f"));
    REQUIRE((*file)->publish(Overwrite::no));
  }
  CHECK(*t.disk.read_text(t.root / "f", 100) == "hello");
  CHECK(*t.disk.list(t.root) == std::vector<std::string>{"f"});
}

TEMPLATE_TEST_CASE("a file that is dropped leaves nothing", "", Real, Memory) {
  TestType t;
  {
    auto file = t.disk.create(t.root / "f");
    REQUIRE(file);
    REQUIRE((*file)->write(as_bytes("hello")));
  }
  CHECK(t.disk.list(t.root)->empty());
}

TEMPLATE_TEST_CASE("an existing file is replaced only when that is asked for, and then at once", "",
                   Real, Memory) {
  TestType t;
  REQUIRE(write(t.disk, t.root / "f", "old"));
  auto refused = write(t.disk, t.root / "f", "new");
  REQUIRE(!refused);
  CHECK(refused.error().kind() == ErrorKind::already_exists);
  CHECK(refused.error().message().find((t.root / "f").string()) != std::string::npos);
  CHECK(*t.disk.read_text(t.root / "f", 100) == "old");
  auto open = t.disk.open(t.root / "f");
  REQUIRE(open);
  REQUIRE(write(t.disk, t.root / "f", "newer", Overwrite::yes));
  CHECK(*t.disk.read_text(t.root / "f", 100) == "newer");
  CHECK((*open)->size() == 3);
  CHECK(as_text(*(*open)->read(0, 3)) == "old");
  CHECK(*t.disk.list(t.root) == std::vector<std::string>{"f"});
}

TEMPLATE_TEST_CASE("unsynced files are published the same way", "", Real, Memory) {
  TestType t;
  for (std::string_view text : {"one", "two"}) {
    auto file = t.disk.create(t.root / "f");
    REQUIRE(file);
    REQUIRE((*file)->write(as_bytes(text)));
    REQUIRE((*file)->publish_unsynced(Overwrite::yes));
    CHECK(*t.disk.read_text(t.root / "f", 100) == text);
  }
  CHECK(t.disk.list(t.root)->size() == 1);
}

TEMPLATE_TEST_CASE("write_at changes what was written and moves nothing", "", Real, Memory) {
  TestType t;
  auto file = t.disk.create(t.root / "f");
  REQUIRE(file);
  REQUIRE((*file)->write(as_bytes("0123456789")));
  REQUIRE((*file)->write_at(2, as_bytes("xyz")));
  REQUIRE((*file)->write(as_bytes("end")));
  CHECK((*file)->position() == 13);
  REQUIRE((*file)->publish(Overwrite::no));
  CHECK(*t.disk.read_text(t.root / "f", 100) == "01xyz56789end");
}

TEMPLATE_TEST_CASE("append_from copies a range", "", Real, Memory) {
  TestType t;
  std::string text;
  for (int i = 0; i < 300000; ++i) text += std::to_string(i);
  REQUIRE(write(t.disk, t.root / "source", text));
  auto source = t.disk.open(t.root / "source");
  REQUIRE(source);
  auto file = t.disk.create(t.root / "f");
  REQUIRE(file);
  REQUIRE((*file)->write(as_bytes("<")));
  REQUIRE((*file)->append_from(**source, 5, text.size() - 10));
  REQUIRE((*file)->append_from(**source, 0, 0));
  REQUIRE((*file)->write(as_bytes(">")));
  auto beyond = (*file)->append_from(**source, text.size() - 1, 2);
  REQUIRE(!beyond);
  CHECK(beyond.error().kind() == ErrorKind::corrupt);
}

TEMPLATE_TEST_CASE("what append_from wrote stands in the file", "", Real, Memory) {
  TestType t;
  REQUIRE(write(t.disk, t.root / "source", "0123456789"));
  auto source = t.disk.open(t.root / "source");
  REQUIRE(source);
  auto file = t.disk.create(t.root / "f");
  REQUIRE(file);
  REQUIRE((*file)->write(as_bytes("<")));
  REQUIRE((*file)->append_from(**source, 2, 5));
  CHECK((*file)->position() == 6);
  REQUIRE((*file)->write(as_bytes(">")));
  REQUIRE((*file)->publish(Overwrite::no));
  CHECK(*t.disk.read_text(t.root / "f", 100) == "<23456>");
}

TEMPLATE_TEST_CASE("reads stay inside of the file", "", Real, Memory) {
  TestType t;
  REQUIRE(write(t.disk, t.root / "f", "0123456789"));
  auto file = t.disk.open(t.root / "f");
  REQUIRE(file);
  CHECK(as_text(*(*file)->read(8, 2)) == "89");
  CHECK((*file)->read(10, 0)->empty());
  for (auto [offset, size] : {std::pair<std::uint64_t, std::uint64_t>{8, 3},
                              {11, 0},
                              {~std::uint64_t{0}, 1},
                              {1, ~std::uint64_t{0}}}) {
    auto refused = (*file)->read(offset, size);
    REQUIRE(!refused);
    CHECK(refused.error().kind() == ErrorKind::corrupt);
  }
  std::array<std::byte, 4> out;
  auto refused = (*file)->read_at(8, out);
  REQUIRE(!refused);
  CHECK(refused.error().kind() == ErrorKind::corrupt);
  CHECK(refused.error().message() ==
        (t.root / "f").string() + ": ends at byte 10, but 4 bytes at offset 8 are needed");
}

TEMPLATE_TEST_CASE("small files have a limit", "", Real, Memory) {
  TestType t;
  REQUIRE(write(t.disk, t.root / "f", "0123456789"));
  CHECK(t.disk.read_text(t.root / "f", 10));
  auto refused = t.disk.read_text(t.root / "f", 9);
  REQUIRE(!refused);
  CHECK(refused.error().kind() == ErrorKind::unsupported);
}

TEMPLATE_TEST_CASE("missing things and folders in the place of files", "", Real, Memory) {
  TestType t;
  REQUIRE(t.disk.make_directories(t.root / "a" / "b"));
  CHECK(t.disk.open(t.root / "none").error().kind() == ErrorKind::not_found);
  CHECK(t.disk.open(t.root / "a").error().kind() == ErrorKind::io);
  CHECK(t.disk.create(t.root / "none" / "f").error().kind() == ErrorKind::not_found);
  CHECK(t.disk.create(t.root / "a").error().kind() == ErrorKind::io);
  CHECK(t.disk.status(t.root / "none").error().kind() == ErrorKind::not_found);
  CHECK(t.disk.list(t.root / "none").error().kind() == ErrorKind::not_found);
  CHECK(t.disk.status(t.root / "a")->type == EntryType::directory);
  CHECK(t.disk.make_directories(t.root / "a" / "b"));
}

TEMPLATE_TEST_CASE("lists are sorted, sizes told, folders removed whole", "", Real, Memory) {
  TestType t;
  REQUIRE(t.disk.make_directories(t.root / "d" / "deep"));
  for (std::string name : {"c", "A", "b", "d/x", "d/deep/y"})
    REQUIRE(write(t.disk, t.root / name, name));
  CHECK(*t.disk.list(t.root) == std::vector<std::string>{"A", "b", "c", "d"});
  CHECK(t.disk.status(t.root / "d/x")->size == 3);
  CHECK(t.disk.status(t.root / "d/x")->type == EntryType::file);
  REQUIRE(t.disk.remove_all(t.root / "d"));
  CHECK(*t.disk.list(t.root) == std::vector<std::string>{"A", "b", "c"});
  REQUIRE(t.disk.remove_all(t.root / "d"));
}

TEMPLATE_TEST_CASE("rename moves folders onto nothing or empty folders only", "", Real, Memory) {
  TestType t;
  REQUIRE(t.disk.make_directories(t.root / "from"));
  REQUIRE(write(t.disk, t.root / "from/f", "1"));
  REQUIRE(write(t.disk, t.root / "file", "2"));
  REQUIRE(t.disk.make_directories(t.root / "full"));
  REQUIRE(write(t.disk, t.root / "full/g", "3"));
  REQUIRE(t.disk.make_directories(t.root / "empty"));
  CHECK(t.disk.rename(t.root / "from", t.root / "full").error().kind() ==
        ErrorKind::already_exists);
  CHECK(t.disk.rename(t.root / "from", t.root / "file").error().kind() ==
        ErrorKind::already_exists);
  CHECK(t.disk.rename(t.root / "none", t.root / "new").error().kind() == ErrorKind::not_found);
  REQUIRE(t.disk.rename(t.root / "from", t.root / "empty"));
  CHECK(*t.disk.read_text(t.root / "empty/f", 10) == "1");
  CHECK(!t.disk.exists(t.root / "from"));
}

TEMPLATE_TEST_CASE("a temporary folder goes away, unless it is published or released", "", Real,
                   Memory) {
  TestType t;
  fs::path gone, released;
  {
    auto folder = TemporaryDirectory::create(t.disk, "x-", t.root / "near");
    REQUIRE(folder);
    gone = folder->path();
    CHECK(gone.parent_path() == t.root);
    REQUIRE(write(t.disk, gone / "f", "1"));
    auto moved = std::move(*folder);
    CHECK(t.disk.exists(gone / "f"));
  }
  CHECK(!t.disk.exists(gone));
  {
    auto folder = TemporaryDirectory::create(t.disk, "x-", t.root / "near");
    REQUIRE(folder);
    REQUIRE(write(t.disk, folder->path() / "f", "1"));
    REQUIRE(std::move(*folder).publish(t.root / "published"));
  }
  CHECK(*t.disk.read_text(t.root / "published/f", 10) == "1");
  {
    auto folder = TemporaryDirectory::create(t.disk, "x-", t.root / "near");
    REQUIRE(folder);
    released = std::move(*folder).release();
  }
  CHECK(t.disk.exists(released));
}

TEST_CASE("published files have mode 0644 whatever the umask") {
  Real t;
  auto old = ::umask(077);
  auto written = write(t.disk, t.root / "f", "x");
  ::umask(old);
  REQUIRE(written);
  CHECK((fs::status(t.root / "f").permissions() & fs::perms::mask) == fs::perms(0644));
}

TEST_CASE("a full disk is an I/O error with advice") {
  if (!fs::exists("/dev/full")) SKIP("no /dev/full");
  // Not a regular file, so it cannot be opened for reading either: the text says what to do.
  auto refused = real_file_system().open("/dev/full");
  REQUIRE(!refused);
  CHECK(refused.error().message() == "cannot open /dev/full: not a regular file");
}

TEST_CASE("for_each_piece hands out a range in order") {
  MemoryFileSystem disk;
  disk.put("/f", as_bytes("0123456789"));
  auto file = *disk.open("/f");
  std::vector<std::string> pieces;
  auto take = [&](ByteView piece) -> Status {
    pieces.emplace_back(as_text(piece));
    return {};
  };
  REQUIRE(for_each_piece(*file, 1, 8, take, 3));
  CHECK(pieces == std::vector<std::string>{"123", "456", "78"});
  auto refuse = [](ByteView) -> Status { return fail(ErrorKind::cancelled, "stop"); };
  CHECK(for_each_piece(*file, 0, 10, refuse, 3).error().message() == "stop");
}

TEST_CASE("the memory disk fails the call it was told to fail, and lists its calls") {
  MemoryFileSystem disk;
  disk.fail_call(1);
  CHECK(disk.make_directories("/a"));
  auto failed = disk.create("/a/f");
  REQUIRE(!failed);
  CHECK(failed.error().message() == "cannot create /a/f: injected failure");
  CHECK(disk.create("/a/f"));
  disk.fail_calls_from(0);
  CHECK(!disk.status("/a"));
  CHECK(!disk.list("/a"));
  disk.fail_no_call();
  CHECK(disk.status("/a"));
  CHECK(disk.calls() == std::vector<std::string>{"make /a", "create /a/f", "create /a/f",
                                                 "status /a", "list /a", "status /a"});
}

}  // namespace
}  // namespace onnxpack::io
