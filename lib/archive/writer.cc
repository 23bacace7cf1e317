#include "onnxpack/archive/writer.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cassert>
#include <cstring>
#include <utility>
#include <vector>

#include "central_directory.h"
#include "layout.h"
#include "name_set.h"
#include "onnxpack/archive/limits.h"
#include "onnxpack/base/checked.h"
#include "onnxpack/base/text.h"

namespace onnxpack::archive {
namespace {

// Large enough that the calls cost nothing, small enough that an interrupt is heard at once; a
// multiple of every block size, so that reflinks of aligned members stay possible.
constexpr std::uint64_t copy_piece = std::uint64_t{64} << 20;

Result<std::uint64_t> total_size(std::span<const io::Segment> content) {
  std::uint64_t total = 0;
  for (const io::Segment& segment : content) {
    auto sum = checked_add(total, io::segment_size(segment));
    if (!sum) return fail(ErrorKind::unsupported, "its size does not fit in 64 bits");
    total = *sum;
  }
  return total;
}

// Hands out a list of segments as one stream.
class SegmentStream {
 public:
  explicit SegmentStream(std::span<const io::Segment> content) : rest_(content) {}

  // Fills `out`. Requires: that much is left.
  Status read(std::span<std::byte> out) {
    while (!out.empty()) {
      std::uint64_t left = io::segment_size(rest_.front()) - done_;
      if (left == 0) {
        rest_ = rest_.subspan(1);
        done_ = 0;
        continue;
      }
      auto now = out.first(static_cast<std::size_t>(std::min<std::uint64_t>(left, out.size())));
      ONNXPACK_CHECK(read_segment(rest_.front(), now));
      done_ += now.size();
      out = out.subspan(now.size());
    }
    return {};
  }

 private:
  Status read_segment(const io::Segment& segment, std::span<std::byte> out) const {
    if (const auto* bytes = std::get_if<ByteView>(&segment)) {
      std::memcpy(out.data(), bytes->data() + done_, out.size());
      return {};
    }
    const auto& range = std::get<io::FileRange>(segment);
    return range.file->read_at(range.offset + done_, out);
  }

  std::span<const io::Segment> rest_;
  std::uint64_t done_ = 0;  // of the front segment
};

Status check_cancel(const AddOptions& options) {
  if (options.cancel == nullptr) return {};
  return options.cancel->check();
}

}  // namespace

struct ArchiveWriter::State {
  enum class Stage { open, failed, finished, abandoned };

  io::WritableFile& output;
  Stage stage = Stage::open;
  NameSet names;
  std::vector<Entry> entries;
  std::uint64_t end = 0;             // of the last member
  std::uint64_t directory_size = 0;  // at most this, by the members so far
  crypto::ContentHasher hasher;

  explicit State(io::WritableFile& file) : output(file) {}

  Status check_open() const {
    switch (stage) {
      case Stage::open:
        return {};
      case Stage::failed:
        return fail(ErrorKind::internal, "the archive cannot be continued after an error");
      case Stage::finished:
        return fail(ErrorKind::internal, "the archive is finished");
      case Stage::abandoned:
        return fail(ErrorKind::internal, "the archive is abandoned");
    }
    return {};
  }

  // Passes a result through; its error is the archive's end.
  template <typename T>
  T fatal(T result) {
    if (!result) stage = Stage::failed;
    return result;
  }

  Result<Entry> start_member(std::string_view name, std::uint64_t size, std::uint32_t crc32);
  Status write_content(std::span<const io::Segment> content, std::uint64_t size,
                       const AddOptions& options);
  Status patch_crc(const Entry& entry);
  Status copy_content(const io::ReadableFile& file, std::uint64_t offset, std::uint64_t size,
                      const AddOptions& options);
  Result<MemberInfo> write_member(Entry entry, std::span<const io::Segment> content,
                                  const AddOptions& options);
  Status write_directory();
  Status check_single_end() const;
};

// All that can be refused before anything is written.
Result<Entry> ArchiveWriter::State::start_member(std::string_view name, std::uint64_t size,
                                                 std::uint32_t crc32) {
  ONNXPACK_CHECK(check_open());
  std::uint64_t directory = directory_size + central_fixed_size + name.size() +
                            32;  // the longest ZIP64 field has 28 bytes
  if (entries.size() >= max_entries || directory > max_central_directory) {
    return fail(
        ErrorKind::unsupported,
        fmt::format(
            "{}: {} members are too many; the limits are {} members and {} of central directory",
            printable(name), entries.size() + 1, max_entries, human_size(max_central_directory)));
  }
  auto offset = content_offset(end, name.size(), size);
  if (!offset || !checked_add(*offset, size)) {
    return fail(ErrorKind::unsupported,
                fmt::format("{}: {} bytes more do not fit in an archive", printable(name), size));
  }
  if (auto named = names.insert(name); !named) {
    return fail(ErrorKind::invalid_argument,
                fmt::format("cannot pack: {}", named.error().message()));
  }
  directory_size = directory;
  return Entry{.name = std::string(name),
               .offset = *offset,
               .size = size,
               .crc32 = crc32,
               .header_offset = end};
}

Status ArchiveWriter::State::write_content(std::span<const io::Segment> content, std::uint64_t size,
                                           const AddOptions& options) {
  SegmentStream stream(content);
  for (std::uint64_t done = 0; done < size;) {
    ONNXPACK_CHECK(check_cancel(options));
    std::span<std::byte> room = hasher.buffer();
    auto now =
        room.first(static_cast<std::size_t>(std::min<std::uint64_t>(room.size(), size - done)));
    ONNXPACK_CHECK(stream.read(now));
    hasher.commit(now.size());
    ONNXPACK_CHECK(output.write(now));
    done += now.size();
    if (options.progress) options.progress(done);
  }
  return {};
}

// The CRC is known last and stands first: zip's other way, a record after the bytes, is what
// streaming readers disagree about.
Status ArchiveWriter::State::patch_crc(const Entry& entry) {
  Bytes crc;
  append_le(crc, entry.crc32);
  return output.write_at(entry.header_offset + local_crc_position, crc);
}

Result<MemberInfo> ArchiveWriter::State::write_member(Entry entry,
                                                      std::span<const io::Segment> content,
                                                      const AddOptions& options) {
  hasher.reset();
  ONNXPACK_CHECK(output.write(encode_local_header(entry)));
  ONNXPACK_CHECK(write_content(content, entry.size, options));
  MemberInfo info{.entry = std::move(entry), .hashes = hasher.finish()};
  info.entry.crc32 = info.hashes.crc32;
  ONNXPACK_CHECK(patch_crc(info.entry));
  end = info.entry.offset + info.entry.size;
  entries.push_back(info.entry);
  return info;
}

Status ArchiveWriter::State::copy_content(const io::ReadableFile& file, std::uint64_t offset,
                                          std::uint64_t size, const AddOptions& options) {
  for (std::uint64_t done = 0; done < size;) {
    ONNXPACK_CHECK(check_cancel(options));
    std::uint64_t now = std::min(size - done, copy_piece);
    ONNXPACK_CHECK(output.append_from(file, offset + done, now));
    done += now;
    if (options.progress) options.progress(done);
  }
  return {};
}

Status ArchiveWriter::State::write_directory() {
  Bytes out;
  out.reserve(directory_size + zip64_end_size + zip64_locator_size + end_size);
  for (const Entry& entry : entries) append_central_header(out, entry);
  append(out, ByteView(encode_end(entries.size(), end, out.size())));
  return output.write(out);
}

// What a reader would refuse is never written. Canonical form leaves no byte free to move such
// content out of reach.
Status ArchiveWriter::State::check_single_end() const {
  constexpr std::uint64_t reach = end_size + max16;
  std::uint64_t size = output.position();
  Bytes tail(static_cast<std::size_t>(std::min(size, reach)));
  ONNXPACK_CHECK(output.read_at(size - tail.size(), tail));
  auto second = find_second_end(tail);
  if (!second) return {};
  auto after = std::ranges::upper_bound(entries, size - *second, {}, &Entry::offset);
  std::string name = after == entries.begin() ? std::string() : std::prev(after)->name;
  return fail(
      ErrorKind::invalid_argument,
      fmt::format("cannot pack: {} holds bytes that some zip readers would take for the end "
                  "of the archive, {} bytes before it",
                  printable(name), *second),
      "change the file, or put it into an archive of its own that is not stored as it is");
}

ArchiveWriter::ArchiveWriter(io::WritableFile& output) : state_(std::make_unique<State>(output)) {
  assert(output.position() == 0);
}

ArchiveWriter::~ArchiveWriter() {
  assert(state_->stage != State::Stage::open && "an archive was neither finished nor abandoned");
}

Result<MemberInfo> ArchiveWriter::add(std::string_view name, ByteView content) {
  const io::Segment segment = content;
  return add(name, std::span(&segment, 1));
}

Result<MemberInfo> ArchiveWriter::add(std::string_view name, const io::ReadableFile& file,
                                      std::uint64_t offset, std::uint64_t size,
                                      const AddOptions& options) {
  const io::Segment segment = io::FileRange{.file = &file, .offset = offset, .size = size};
  return add(name, std::span(&segment, 1), options);
}

Result<MemberInfo> ArchiveWriter::add(std::string_view name, std::span<const io::Segment> content,
                                      const AddOptions& options) {
  ONNXPACK_TRY(std::uint64_t size, in(total_size(content), printable(name)));
  ONNXPACK_TRY(Entry entry, state_->start_member(name, size, 0));
  return state_->fatal(
      in(state_->write_member(std::move(entry), content, options), printable(name)));
}

Result<Entry> ArchiveWriter::add_known(std::string_view name, const io::ReadableFile& file,
                                       std::uint64_t offset, std::uint64_t size,
                                       std::uint32_t crc32, const AddOptions& options) {
  ONNXPACK_TRY(Entry entry, state_->start_member(name, size, crc32));
  auto copy = [&]() -> Status {
    ONNXPACK_CHECK(state_->output.write(encode_local_header(entry)));
    return state_->copy_content(file, offset, size, options);
  };
  ONNXPACK_CHECK(state_->fatal(in(copy(), printable(name))));
  state_->end = entry.offset + entry.size;
  state_->entries.push_back(entry);
  return entry;
}

std::span<const Entry> ArchiveWriter::entries() const {
  return state_->entries;
}

Status ArchiveWriter::finish() {
  ONNXPACK_CHECK(state_->check_open());
  if (state_->entries.empty()) {
    state_->stage = State::Stage::failed;
    return fail(ErrorKind::invalid_argument, "an archive needs at least one member");
  }
  ONNXPACK_CHECK(state_->fatal(state_->write_directory()));
  ONNXPACK_CHECK(state_->fatal(state_->check_single_end()));
  state_->stage = State::Stage::finished;
  return {};
}

void ArchiveWriter::abandon() {
  if (state_->stage == State::Stage::open) state_->stage = State::Stage::abandoned;
}

}  // namespace onnxpack::archive
