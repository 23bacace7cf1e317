#include <catch2/catch_test_macros.hpp>

#include "helpers.h"
#include "onnxpack/crypto/crc32.h"

namespace onnxpack::archive::test {
namespace {

// Opens `file`, and expects the very members that went in, aligned as promised.
void check_round_trip(const Bytes& file, const std::vector<Content>& contents) {
  Reading reading = read_fully(file);
  INFO((reading.error ? reading.error->message() : ""));
  REQUIRE(reading.stage == "accepted");
  CHECK((reading.contents == contents));
  auto reader = open(file);
  REQUIRE(reader);
  for (const Entry& entry : reader->entries()) {
    CHECK(entry.offset % alignment_for(entry.size) == 0);
    CHECK(reader->find(entry.name) == &entry);
  }
}

TEST_CASE("members come back as they went in, around every alignment border") {
  std::vector<Content> contents;
  std::size_t seed = 1;
  for (std::size_t size : std::initializer_list<std::size_t>{0, 1, 63, 64, 65, 4095, 4096, 4097,
                                                             65535, 65536, 65537, 200000}) {
    std::string name(seed % 61 + 1, 'n');
    contents.push_back({fmt::format("m{}/{}", seed, name), random_bytes(size, seed)});
    ++seed;
    auto file = pack(contents);
    REQUIRE(file);
    check_round_trip(*file, contents);
  }
}

TEST_CASE("random archives come back, and the same members make the same bytes") {
  std::mt19937 random(7);
  for (int round = 0; round < 200; ++round) {
    std::vector<Content> contents;
    for (std::uint_fast32_t i = 0, n = 1 + random() % 20; i < n; ++i) {
      std::string name =
          fmt::format("{}{}/ü{}", std::string(random() % 70, 'd'), i, random() % 100);
      contents.push_back(
          {name, random_bytes(random() % (round % 10 == 0 ? 100000 : 300), random())});
    }
    auto file = pack(contents);
    REQUIRE(file);
    check_round_trip(*file, contents);
    REQUIRE((*pack(contents) == *file));
  }
}

// A member that holds an end record whose comment is exactly the rest of the file, `shift` bytes
// off.
std::vector<Content> forged_end(std::size_t padding, int shift) {
  Bytes record(22 + padding);
  auto contents = [&] {
    return std::vector<Content>{
        {"a", to_bytes("first")}, {"forged", record}, {"z", to_bytes("{}")}};
  };
  std::size_t size = pack(contents())->size();
  auto reader = open(*pack(contents()));
  std::size_t comment = size - reader->find("forged")->offset - 22;
  Bytes end = to_bytes("PK\x05\x06");
  end.resize(20);
  append_le(end, static_cast<std::uint16_t>(static_cast<int>(comment) + shift));
  std::ranges::copy(end, record.begin());
  return contents();
}

TEST_CASE("content that forges the end of the archive is refused, whichever way it came in") {
  for (std::size_t padding : {std::size_t{0}, std::size_t{1000}, std::size_t{60000}}) {
    CAPTURE(padding);
    auto refused = pack(forged_end(padding, 0));
    REQUIRE_FALSE(refused);
    CHECK(refused.error().kind() == ErrorKind::invalid_argument);
    CHECK(refused.error().message().starts_with("cannot pack: forged holds bytes that some zip"));
    // One byte off, nobody takes it for the end; and so with another member after it.
    for (int shift : {-1, 1}) CHECK(pack(forged_end(padding, shift)));
    auto more = forged_end(padding, 0);
    more.push_back({"zz", to_bytes("x")});
    CHECK(pack(more));
  }
  io::MemoryFileSystem disk;
  auto contents = forged_end(500, 0);
  disk.put("/source", contents[1].bytes);
  auto source = disk.open("/source");
  auto output = disk.create("/out");
  ArchiveWriter writer(**output);
  REQUIRE(writer.add("a", contents[0].bytes));
  REQUIRE(
      writer.add_known("forged", **source, 0, (*source)->size(), crypto::crc32(contents[1].bytes)));
  REQUIRE(writer.add("z", contents[2].bytes));
  CHECK_FALSE(writer.finish());
}

TEST_CASE("a member larger than all buffers of the pipeline") {
  std::vector<Content> contents = {{"big", random_bytes(crypto::chunk_size * 11 + 12345, 3)},
                                   {"small", to_bytes("x")}};
  auto file = pack(contents);
  REQUIRE(file);
  check_round_trip(*file, contents);
}

// A writer into a fresh memory disk.
struct Scene {
  io::MemoryFileSystem disk;
  std::unique_ptr<io::WritableFile> output = *disk.create("/out");
  ArchiveWriter writer{*output};
  ~Scene() { writer.abandon(); }

  Bytes file() {
    REQUIRE(writer.finish());
    REQUIRE(output->publish(io::Overwrite::no));
    return *disk.content("/out");
  }
};

TEST_CASE(
    "a file range, a list of segments and a known CRC make the same archive as bytes in memory") {
  Bytes content = random_bytes(crypto::chunk_size * 2 + 77, 5);
  Bytes around = to_bytes("before");
  append(around, ByteView(content));
  append(around, "after");
  BufferFile source(around);

  Scene bytes, range, segments, known;
  auto info = bytes.writer.add("m", content);
  REQUIRE(info);
  REQUIRE(range.writer.add("m", source, 6, content.size()));
  std::vector<io::Segment> pieces;
  for (std::uint64_t at = 0, size = 1; at < content.size(); at += size, size = size * 3 % 1000003) {
    size = std::min<std::uint64_t>(size, content.size() - at);
    if (pieces.size() % 3 == 0) {
      pieces.emplace_back(ByteView(content).subspan(at, size));
    } else {
      pieces.emplace_back(ByteView());
      pieces.emplace_back(io::FileRange{&source, 6 + at, size});
    }
  }
  auto pieced = segments.writer.add("m", std::span<const io::Segment>(pieces));
  REQUIRE(pieced);
  CHECK(pieced->hashes == info->hashes);
  REQUIRE(known.writer.add_known("m", source, 6, content.size(), info->hashes.crc32));

  Bytes expected = bytes.file();
  CHECK((range.file() == expected));
  CHECK((segments.file() == expected));
  CHECK((known.file() == expected));
}

TEST_CASE("what the writer reports is what the reader finds") {
  Scene scene;
  Bytes content = random_bytes(crypto::chunk_size + 1, 8);
  auto info = scene.writer.add("a/b", content);
  REQUIRE(info);
  CHECK(info->hashes.size == content.size());
  CHECK(info->hashes.sha256 == crypto::sha256(content));
  CHECK(info->hashes.crc32 == crypto::crc32(content));
  CHECK(info->hashes.chunks.size() == 2);
  auto reader = open(scene.file());
  REQUIRE(reader);
  CHECK(reader->entries()[0] == info->entry);
  auto hashes = reader->hash(reader->entries()[0]);
  REQUIRE(hashes);
  CHECK(*hashes == info->hashes);
}

TEST_CASE("names that a reader would refuse are refused before anything is written") {
  Scene scene;
  REQUIRE(scene.writer.add("a/b", to_bytes("1")));
  auto position = scene.output->position();
  auto refused = [&](std::string_view name) {
    auto added = scene.writer.add(name, to_bytes("2"));
    REQUIRE(!added);
    CHECK(added.error().kind() == ErrorKind::invalid_argument);
    CHECK(scene.output->position() == position);
    return added.error().message();
  };
  CHECK(refused("a/b") == "cannot pack: two members are named 'a/b'");
  CHECK(refused("A/B") == "cannot pack: 'a/b' and 'A/B' differ in upper and lower case only");
  CHECK(refused("a") == "cannot pack: 'a' is a member, so it cannot be a folder for 'a/b'");
  CHECK(refused("a/b/c") == "cannot pack: 'a/b' is a member, so it cannot be a folder for 'a/b/c'");
  CHECK(refused("../x") == "cannot pack: unsafe name '../x': it has a '..' component");
  CHECK(refused("") == "cannot pack: unsafe name '': it is empty");
  CHECK(refused(std::string(600, 'x') + "/" + std::string(600, 'y'))
            .ends_with("has 1201 bytes; the limit is 1024"));
  REQUIRE(scene.writer.add("a/c", to_bytes("3")));
  CHECK(read_fully(scene.file()).contents.size() == 2);
}

TEST_CASE("neighbours of a folder's name are no clash") {
  std::vector<Content> contents;
  for (std::string name : {"a/b", "a-b", "a.b", "a b", "a0", "ab", "a/c/d", "a/c-", "b"})
    contents.push_back({name, {}});
  auto file = pack(contents);
  REQUIRE(file);
  check_round_trip(*file, contents);
}

TEST_CASE("a source that ends early ends the archive") {
  Scene scene;
  BufferFile source(random_bytes(100, 1));
  auto added = scene.writer.add("m", source, 50, 100);
  REQUIRE(!added);
  CHECK(added.error().message().starts_with("m: "));
  auto again = scene.writer.add("n", to_bytes("x"));
  REQUIRE(!again);
  CHECK(again.error().message() == "the archive cannot be continued after an error");
  CHECK(!scene.writer.finish());
}

TEST_CASE("an archive without members is refused on both sides") {
  Scene scene;
  auto finished = scene.writer.finish();
  REQUIRE(!finished);
  CHECK(finished.error().message() == "an archive needs at least one member");
}

TEST_CASE("sizes that do not fit are refused, not wrapped") {
  Scene scene;
  BufferFile source({});
  auto huge = ~std::uint64_t{0};
  auto one = scene.writer.add_known("m", source, 0, huge, 0);
  REQUIRE(!one);
  CHECK(one.error().kind() == ErrorKind::unsupported);
  const io::Segment twice[] = {io::FileRange{&source, 0, huge}, io::FileRange{&source, 0, huge}};
  auto two = scene.writer.add("m", std::span<const io::Segment>(twice));
  REQUIRE(!two);
  CHECK(two.error().message() == "m: its size does not fit in 64 bits");
  REQUIRE(scene.writer.add("m", to_bytes("x")));
}

TEST_CASE("progress counts up to the size, and an interrupt is heard") {
  Scene scene;
  BufferFile source(random_bytes(crypto::chunk_size * 3 + 1, 1));
  std::vector<std::uint64_t> seen;
  CancelFlag cancel;
  AddOptions options{.cancel = &cancel,
                     .progress = [&](std::uint64_t done) { seen.push_back(done); }};
  REQUIRE(scene.writer.add("m", source, 0, source.size(), options));
  CHECK(std::ranges::is_sorted(seen));
  CHECK(seen.back() == source.size());
  CHECK(seen.size() >= 4);  // at least every chunk
  options.progress = [&](std::uint64_t) { cancel.set(); };
  auto stopped = scene.writer.add("n", source, 0, source.size(), options);
  REQUIRE(!stopped);
  CHECK(stopped.error().kind() == ErrorKind::cancelled);
}

// Writes an archive from a file of the same disk; every call of the disk may fail.
Status write_package(io::FileSystem& disk) {
  ONNXPACK_TRY(auto source, disk.open("/source"));
  ONNXPACK_TRY(auto output, disk.create("/package"));
  ArchiveWriter writer(*output);
  auto fill = [&]() -> Status {
    ONNXPACK_TRY(auto weights, writer.add("weights", *source, 0, source->size()));
    ONNXPACK_TRY(auto same,
                 writer.add_known("same", *source, 0, source->size(), weights.entry.crc32));
    ONNXPACK_TRY(auto json, writer.add("manifest.json", as_bytes("{}")));
    return writer.finish();
  };
  auto filled = fill();
  writer.abandon();
  ONNXPACK_CHECK(std::move(filled));
  return output->publish(io::Overwrite::no);
}

TEST_CASE("whichever call of the disk fails, the writer says so and publishes nothing") {
  Bytes source = random_bytes(crypto::chunk_size + 100, 2);
  io::MemoryFileSystem healthy;
  healthy.put("/source", source);
  REQUIRE(write_package(healthy));
  REQUIRE(healthy.call_count() > 10);
  REQUIRE(read_fully(*healthy.content("/package")).stage == "accepted");
  for (bool for_good : {false, true}) {
    for (std::uint64_t n = 0; n < healthy.call_count(); ++n) {
      io::MemoryFileSystem disk;
      disk.put("/source", source);
      for_good ? disk.fail_calls_from(n) : disk.fail_call(n);
      auto written = write_package(disk);
      CAPTURE(n);
      REQUIRE(!written);
      CHECK(written.error().kind() == ErrorKind::io);
      CHECK(written.error().message().find("injected failure") != std::string::npos);
      CHECK(disk.files() == std::vector<std::string>{"/source"});
    }
  }
}

}  // namespace
}  // namespace onnxpack::archive::test
