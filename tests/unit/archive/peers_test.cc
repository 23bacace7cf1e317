// Other zip readers see the names and bytes that we see, in whatever we accept.
#include <catch2/catch_test_macros.hpp>

#include <cstdio>
#include <cstdlib>

#include <fmt/format.h>

#if __has_include(<zip.h>)
#include <zip.h>
#define ONNXPACK_HAS_LIBZIP 1
#endif

#include "helpers.h"
#include "onnxpack/crypto/digest.h"
#include "sparse_file.h"

namespace onnxpack::archive::test {
namespace {

std::vector<Content> varied() {
  std::vector<Content> out;
  std::size_t seed = 1;
  for (std::size_t size :
       std::initializer_list<std::size_t>{0, 1, 64, 5000, 65535, 65536, 300000}) {
    out.push_back({fmt::format("components/größe {}/m{}", seed, std::string(seed, 'x')),
                   random_bytes(size, seed)});
    ++seed;
  }
  auto inner = pack({{"nested", to_bytes("zip in zip")}});
  out.push_back({"attachments/nested.zip", *inner});
  out.push_back({"manifest.json", to_bytes("{}")});
  return out;
}

std::string listing(const std::vector<Content>& contents) {
  std::string out;
  for (const Content& content : contents)
    out += fmt::format("{} {}\n", crypto::sha256(content.bytes).hex(), content.name);
  return out;
}

std::string output_of(const std::string& command) {
  std::string out;
  std::FILE* pipe = popen(command.c_str(), "r");
  REQUIRE(pipe != nullptr);
  for (int c; (c = std::fgetc(pipe)) != EOF;) out += static_cast<char>(c);
  pclose(pipe);
  return out;
}

struct Folder {
  io::TemporaryDirectory folder =
      *io::TemporaryDirectory::create(io::real_file_system(), "onnxpack-peers-");
  std::string put(const Bytes& bytes) {
    io::fs::path path = folder.path() / "sample.zip";
    REQUIRE(io::real_file_system().write_text(path, as_text(bytes), io::Overwrite::yes));
    return path.string();
  }
};

TEST_CASE("CPython's zipfile and Info-ZIP's unzip see the same members") {
  if (!has_python()) SKIP("no python3, whose zipfile is the peer");
  Folder folder;
  auto contents = varied();
  std::string archive = folder.put(*pack(contents));
  CHECK(output_of(fmt::format("python3 '{}/../unit/archive/peers.py' '{}' 2>&1", ONNXPACK_TEST_DATA,
                              archive)) == listing(contents));
}

// Names and contents that a reader could trip over: signatures, whole archives, end records that
// are nearly right, every kind of name that is allowed.
std::vector<Content> tricky(std::mt19937& random) {
  static const std::vector<std::string> names = {
      "a",      "-rf",          "--help",    "@file",    "*",        "a b",
      "[x]",    "größe/日本語", "e\xcc\x81", "\xc3\xa9", "q'uote\"", "$HOME;x",
      "%2e%2e", "x.zip/..y",    "~user",     ".hidden",  "CONx",     "\xf0\x9f\x93\xa6"};
  static const std::vector<Bytes> contents = {
      {},
      to_bytes("PK\x03\x04"),
      to_bytes("PK\x05\x06"),
      to_bytes(std::string("PK\x05\x06") + std::string(18, '\0')),
      to_bytes(std::string("PK\x06\x07") + std::string(16, '\0') + "PK\x05\x06" +
               std::string(18, '\0')),
      *pack({{"nested", to_bytes("zip in zip")}, {"deeper/x", to_bytes("y")}}),
      Bytes(70000, std::byte{'P'})};
  std::vector<Content> out;
  for (auto n = 1 + random() % 8; n > 0; --n) {
    const std::string& name = names[random() % names.size()];
    out.push_back({fmt::format("{}{}", name, out.size()), contents[random() % contents.size()]});
  }
  return out;
}

TEST_CASE("whatever the writer takes, zipfile and unzip see as our reader does") {
  if (!has_python()) SKIP("no python3, whose zipfile is the peer");
  Folder folder;
  io::fs::path samples = folder.folder.path() / "samples";
  std::mt19937 random(5);
  std::string expected;
  for (int i = 0; i < 150; ++i) {
    auto contents = tricky(random);
    auto file = pack(contents);
    REQUIRE(file);
    Reading reading = read_fully(*file);
    REQUIRE((reading.contents == contents));
    std::string name = fmt::format("{:03}.zip", i);
    REQUIRE(io::real_file_system().make_directories(samples));
    REQUIRE(io::real_file_system().write_text(samples / name, as_text(*file), io::Overwrite::no));
    expected += fmt::format("== {}\n{}", name, listing(contents));
  }
  CHECK(output_of(fmt::format("python3 '{}/../unit/archive/peers.py' --all '{}' 2>&1",
                              ONNXPACK_TEST_DATA, samples.string())) == expected);
}

TEST_CASE("CPython's zipfile reads our ZIP64 headers") {
  if (!has_python()) SKIP("no python3, whose zipfile is the peer");
  SparseFile sparse;
  ZeroFile zeros(std::uint64_t{1} << 40);
  ArchiveWriter writer(sparse);
  REQUIRE(writer.add_known("big", zeros, 0, 0x100000000, 0));
  REQUIRE(writer.add_known("big too", zeros, 0, 0xFFFFFFFF, 0));
  REQUIRE(writer.add("manifest.json", to_bytes("{}")));
  REQUIRE(writer.finish());
  Folder folder;
  io::fs::path path = folder.folder.path() / "zip64.zip";
  std::FILE* file = std::fopen(path.c_str(), "wb");
  REQUIRE(file != nullptr);
  for (const auto& [offset, bytes] : sparse.extents) {
    REQUIRE(std::fseek(file, static_cast<long>(offset), SEEK_SET) == 0);
    REQUIRE(std::fwrite(bytes.data(), 1, bytes.size(), file) == bytes.size());
  }
  std::fclose(file);
  CHECK(output_of(fmt::format("python3 '{}/../unit/archive/peers.py' '{}' --names-only 2>&1",
                              ONNXPACK_TEST_DATA, path.string())) ==
        "- big\n- big too\n- manifest.json\n");
}

#ifdef ONNXPACK_HAS_LIBZIP
// What libzip sees with its consistency checks on, or its complaint.
std::string libzip_listing(const Bytes& file) {
  zip_error_t error;
  zip_error_init(&error);
  zip_source_t* source = zip_source_buffer_create(file.data(), file.size(), 0, &error);
  zip_t* archive = zip_open_from_source(source, ZIP_RDONLY | ZIP_CHECKCONS, &error);
  if (archive == nullptr) return fmt::format("libzip: {}", zip_error_strerror(&error));
  std::string out;
  for (zip_int64_t i = 0; i < zip_get_num_entries(archive, 0); ++i) {
    auto index = static_cast<zip_uint64_t>(i);
    zip_stat_t stat;
    zip_stat_index(archive, index, 0, &stat);
    Bytes bytes(stat.size);
    zip_file_t* member = zip_fopen_index(archive, index, 0);
    if (member == nullptr ||
        zip_fread(member, bytes.data(), bytes.size()) != static_cast<zip_int64_t>(bytes.size())) {
      out += "unreadable ";
    }
    if (member != nullptr) zip_fclose(member);
    out += fmt::format("{} {}\n", crypto::sha256(bytes).hex(),
                       zip_get_name(archive, index, ZIP_FL_ENC_GUESS));
  }
  zip_discard(archive);
  return out;
}

TEST_CASE("libzip with consistency checks sees the same members") {
  auto contents = varied();
  CHECK(libzip_listing(*pack(contents)) == listing(contents));
  std::mt19937 random(3);
  for (int round = 0; round < 150; ++round) {
    auto odd = tricky(random);
    REQUIRE(libzip_listing(*pack(odd)) == listing(odd));
  }
  for (int round = 0; round < 100; ++round) {
    std::vector<Content> some;
    for (std::uint_fast32_t i = 0, n = 1 + random() % 8; i < n; ++i) {
      some.push_back({fmt::format("{}/é{}", i, std::string(random() % 80, 'n')),
                      random_bytes(random() % 200, random())});
    }
    REQUIRE(libzip_listing(*pack(some)) == listing(some));
  }
}
#else
TEST_CASE("libzip with consistency checks sees the same members") {
  SKIP("built without libzip, which is the peer (apt: libzip-dev)");
}
#endif

}  // namespace
}  // namespace onnxpack::archive::test
