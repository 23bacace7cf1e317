// Opening reads the end of the file and nothing else. That is enough, because the form is
// canonical: from names, sizes and positions in the central directory follow the length and all
// bytes of every local header, so gaps and overlaps show without reading one.
#include "onnxpack/archive/reader.h"

#include <algorithm>
#include <filesystem>
#include <numeric>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "central_directory.h"
#include "layout.h"
#include "onnxpack/base/checked.h"
#include "onnxpack/base/text.h"
#include "onnxpack/crypto/crc32.h"
#include "reject.h"

namespace onnxpack::archive {
namespace {

class WindowFile final : public io::ReadableFile {
 public:
  WindowFile(std::shared_ptr<const io::ReadableFile> file, const Entry& entry)
      : file_(std::move(file)),
        path_(file_->path() / entry.name),
        offset_(entry.offset),
        size_(entry.size) {}

  std::uint64_t size() const override { return size_; }
  // For messages: the package's path with the member's name behind it.
  const io::fs::path& path() const override { return path_; }
  Status read_at(std::uint64_t offset, std::span<std::byte> out) const override {
    if (!range_within(offset, out.size(), size_)) {
      return corrupt(
          fmt::format("{}: {} bytes at offset {} are needed, but the member has {} bytes",
                      printable(path_.string()), out.size(), offset, size_));
    }
    return file_->read_at(offset_ + offset, out);
  }

 private:
  std::shared_ptr<const io::ReadableFile> file_;
  io::fs::path path_;
  std::uint64_t offset_;
  std::uint64_t size_;
};

// A file without any end record: tells a cut-short package from a file of another kind by its first
// bytes.
Error explain_start(Error error, ByteView tail, const io::ReadableFile& file) {
  if (as_text(tail).find("PK\x05\x06") != std::string_view::npos || file.size() < 4) return error;
  auto start = file.read(0, 4);
  if (!start || std::ranges::equal(*start, as_bytes("PK\x03\x04"))) return error;
  return Error(ErrorKind::corrupt,
               fmt::format("not a package: the file starts with the bytes {}; expected {}",
                           to_hex(*start), to_hex(as_bytes("PK\x03\x04"))));
}

Status check_crc(const Entry& entry, std::uint32_t found) {
  if (found == entry.crc32) return {};
  return corrupt(
      fmt::format("{}: its bytes have the CRC-32 0x{:08x}, the central directory says 0x{:08x}",
                  printable(entry.name), found, entry.crc32));
}

}  // namespace

struct ArchiveReader::State {
  std::shared_ptr<const io::ReadableFile> file;
  Bytes tail;
  std::uint64_t tail_offset = 0;
  std::vector<Entry> entries;
  std::vector<std::uint32_t> by_name;  // indices into entries
  static_assert(max_entries <= max32);

  Result<Bytes> fetch(std::uint64_t offset, std::uint64_t size) const {
    if (offset < tail_offset || !range_within(offset, size, file->size()))
      return file->read(offset, size);
    auto begin = tail.begin() + static_cast<std::ptrdiff_t>(offset - tail_offset);
    return Bytes(begin, begin + static_cast<std::ptrdiff_t>(size));
  }
};

Result<ArchiveReader> ArchiveReader::open(std::shared_ptr<const io::ReadableFile> file) {
  auto state = std::make_shared<State>();
  std::uint64_t tail_length = std::min<std::uint64_t>(file->size(), tail_size);
  state->tail_offset = file->size() - tail_length;
  ONNXPACK_TRY(state->tail, file->read(state->tail_offset, tail_length));
  auto place = locate_directory(state->tail, file->size());
  if (!place) return std::unexpected(explain_start(std::move(place.error()), state->tail, *file));
  state->file = std::move(file);
  ONNXPACK_TRY(Bytes directory, state->fetch(place->offset, place->size));
  ONNXPACK_TRY(state->entries, parse_directory(directory, *place));
  state->by_name.resize(state->entries.size());
  std::iota(state->by_name.begin(), state->by_name.end(), 0U);
  std::ranges::sort(state->by_name, {},
                    [&](std::uint32_t i) -> const std::string& { return state->entries[i].name; });
  return ArchiveReader(std::move(state));
}

std::span<const Entry> ArchiveReader::entries() const {
  return state_->entries;
}
const io::ReadableFile& ArchiveReader::file() const {
  return *state_->file;
}
const std::shared_ptr<const io::ReadableFile>& ArchiveReader::shared_file() const {
  return state_->file;
}

const Entry* ArchiveReader::find(std::string_view name) const {
  auto name_of = [&](std::uint32_t i) -> std::string_view { return state_->entries[i].name; };
  auto found = std::ranges::lower_bound(state_->by_name, name, {}, name_of);
  if (found == state_->by_name.end() || name_of(*found) != name) return nullptr;
  return &state_->entries[*found];
}

Result<Bytes> ArchiveReader::read(const Entry& entry, std::uint64_t limit) const {
  if (entry.size > limit) {
    return fail(ErrorKind::unsupported, fmt::format("{}: has {} bytes; the limit for it is {}",
                                                    printable(entry.name), entry.size, limit));
  }
  std::uint64_t header_size = entry.offset - entry.header_offset;
  ONNXPACK_TRY(Bytes bytes,
               in_member(entry.name, state_->fetch(entry.header_offset, header_size + entry.size)));
  auto header = ByteView(bytes).first(static_cast<std::size_t>(header_size));
  ONNXPACK_CHECK(in_member(entry.name, compare_local_header(entry, header)));
  bytes.erase(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(header_size));
  ONNXPACK_CHECK(check_crc(entry, crypto::crc32(bytes)));
  return bytes;
}

Result<Bytes> ArchiveReader::read(std::string_view name, std::uint64_t limit) const {
  const Entry* entry = find(name);
  if (entry == nullptr) return corrupt(fmt::format("no member '{}'", printable(name)));
  return read(*entry, limit);
}

Result<std::shared_ptr<const io::ReadableFile>> ArchiveReader::open_entry(
    const Entry& entry) const {
  ONNXPACK_CHECK(check_local_header(entry));
  return std::make_shared<WindowFile>(state_->file, entry);
}

Status ArchiveReader::check_local_header(const Entry& entry) const {
  auto check = [&]() -> Status {
    ONNXPACK_TRY(Bytes found,
                 state_->fetch(entry.header_offset, entry.offset - entry.header_offset));
    return compare_local_header(entry, found);
  };
  return in_member(entry.name, check());
}

Status ArchiveReader::check_local_headers(const CancelFlag* cancel) const {
  for (const Entry& entry : state_->entries) {
    if (cancel != nullptr) ONNXPACK_CHECK(cancel->check());
    ONNXPACK_CHECK(check_local_header(entry));
  }
  return {};
}

Result<crypto::ContentHashes> ArchiveReader::hash(
    const Entry& entry, const CancelFlag* cancel,
    const std::function<void(std::uint64_t)>& progress) const {
  ONNXPACK_CHECK(check_local_header(entry));
  ONNXPACK_TRY(auto hashes,
               in_member(entry.name, crypto::hash_content(*state_->file, entry.offset, entry.size,
                                                          cancel, progress)));
  ONNXPACK_CHECK(check_crc(entry, hashes.crc32));
  return hashes;
}

}  // namespace onnxpack::archive
