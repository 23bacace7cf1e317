// links: archive crypto io base
// Any bytes as a package file: no read outside of the file, no crash, and what is accepted packs to
// the same bytes again.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "onnxpack/archive/reader.h"
#include "onnxpack/archive/writer.h"
#include "onnxpack/io/memory_file_system.h"

namespace {

using namespace onnxpack;

class InputFile final : public io::ReadableFile {
 public:
  explicit InputFile(ByteView bytes) : bytes_(bytes) {}
  std::uint64_t size() const override { return bytes_.size(); }
  const io::fs::path& path() const override { return path_; }
  Status read_at(std::uint64_t offset, std::span<std::byte> out) const override {
    if (offset > bytes_.size() || out.size() > bytes_.size() - offset) std::abort();
    std::copy_n(bytes_.begin() + static_cast<std::ptrdiff_t>(offset), out.size(), out.begin());
    return {};
  }

 private:
  ByteView bytes_;
  io::fs::path path_ = "input";
};

struct Member {
  std::string name;
  Bytes bytes;
};

Result<std::vector<Member>> read_all(ByteView input) {
  ONNXPACK_TRY(auto reader, archive::ArchiveReader::open(std::make_shared<InputFile>(input)));
  ONNXPACK_CHECK(reader.check_local_headers());
  std::vector<Member> members;
  for (const archive::Entry& entry : reader.entries()) {
    ONNXPACK_TRY(Bytes bytes, reader.read(entry, entry.size));
    members.push_back({entry.name, std::move(bytes)});
  }
  return members;
}

Bytes pack(const std::vector<Member>& members) {
  io::MemoryFileSystem disk;
  auto output = *disk.create("/out");
  archive::ArchiveWriter writer(*output);
  for (const Member& member : members) {
    if (!writer.add(member.name, member.bytes)) std::abort();
  }
  if (!writer.finish() || !output->publish(io::Overwrite::no)) std::abort();
  return *disk.content("/out");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  ByteView input = std::as_bytes(std::span(data, size));
  auto members = read_all(input);
  if (members && !std::ranges::equal(pack(*members), input)) std::abort();
  return 0;
}
