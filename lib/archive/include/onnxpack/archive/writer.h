// Writes the canonical container (docs/format.md): same names and bytes in the same order, same
// file.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string_view>

#include "onnxpack/archive/entry.h"
#include "onnxpack/base/bytes.h"
#include "onnxpack/base/cancel.h"
#include "onnxpack/base/error.h"
#include "onnxpack/crypto/content_hasher.h"
#include "onnxpack/io/file.h"
#include "onnxpack/io/segment.h"

namespace onnxpack::archive {

// What was written: where it stands, and all that a manifest says about it.
struct MemberInfo {
  Entry entry;
  crypto::ContentHashes hashes;
};

struct AddOptions {
  const CancelFlag* cancel = nullptr;
  // Bytes of this member done so far; on the calling thread, at least once per chunk.
  std::function<void(std::uint64_t bytes_done)> progress;
};

// Appends members to `output`, which must be at position 0, outlive the writer and not be written
// by others meanwhile. The order of members is the caller's. One thread at a time. Memory:
// crypto::ContentHasher's buffers plus about 100 bytes and the name per member.
//
// After an error the archive cannot be completed: every later call but abandon() returns an error,
// and the caller drops `output` unpublished. A writer that had no error and is dropped without
// finish() or abandon() asserts.
class ArchiveWriter {
 public:
  explicit ArchiveWriter(io::WritableFile& output);
  ArchiveWriter(const ArchiveWriter&) = delete;
  ArchiveWriter& operator=(const ArchiveWriter&) = delete;
  ~ArchiveWriter();

  // Errors of every add: invalid_argument for a name that a reader would refuse (not a safe
  // relative name, longer than limits.h allows, there already, there already but for case, a folder
  // of another name or the other way round), unsupported beyond limits.h, io, cancelled, and what
  // reading the source gives. A refused name leaves the writer usable; nothing of it was written.
  Result<MemberInfo> add(std::string_view name, ByteView content);
  // Streams a range of a file: read and write on this thread, hashing on two others.
  Result<MemberInfo> add(std::string_view name, const io::ReadableFile& file, std::uint64_t offset,
                         std::uint64_t size, const AddOptions& options = {});
  // Streams the concatenation of `content`.
  Result<MemberInfo> add(std::string_view name, std::span<const io::Segment> content,
                         const AddOptions& options = {});
  // Copies without looking at the bytes (reflink or copy_file_range where there is one): `crc32` is
  // believed, and a wrong one makes a damaged archive. For members of a package that was opened by
  // ArchiveReader, which checks that CRC when the member is read.
  Result<Entry> add_known(std::string_view name, const io::ReadableFile& file, std::uint64_t offset,
                          std::uint64_t size, std::uint32_t crc32, const AddOptions& options = {});

  // In the order added.
  std::span<const Entry> entries() const;

  // Writes the central directory. The file is then complete, and the caller publishes it. Errors:
  // invalid_argument without members, or when content near the end looks like a second end record to
  // readers that search backwards for one (ours would refuse it); io.
  Status finish();
  // Gives up; nothing is written.
  void abandon();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace onnxpack::archive
