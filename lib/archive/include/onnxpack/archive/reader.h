// Reads a package file as a container: names and byte ranges. Knows nothing of models.
//
// The file is a zip in canonical form: an ordered list of (name, bytes) has exactly one archive.
// Whatever differs from that form by a single byte outside the members' own bytes is refused, so
// that no two zip readers can see different things in a file that this one accepts. docs/format.md
// has the form and the reasons.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string_view>

#include "onnxpack/archive/entry.h"
#include "onnxpack/archive/limits.h"
#include "onnxpack/base/bytes.h"
#include "onnxpack/base/cancel.h"
#include "onnxpack/base/error.h"
#include "onnxpack/crypto/content_hasher.h"
#include "onnxpack/io/file.h"

namespace onnxpack::archive {

// A value; copies share their state. Thread safe. Error texts name the member, never the file: the
// caller knows that.
//
// Errors of every function: corrupt for damage and forgery, unsupported for legal zip features
// outside the profile (compression, encryption, data descriptors, comments, ...) and for files
// beyond limits.h, and io.
class ArchiveReader {
 public:
  // Reads the last tail_size bytes, and the central directory if it is longer. Afterwards all of
  // the profile holds that the central directory can show: names, no duplicates, members that fill
  // the file from its first byte to the directory without gap or overlap. A file that is no zip at
  // all is corrupt, "not a zip file".
  static Result<ArchiveReader> open(std::shared_ptr<const io::ReadableFile> file);

  // In file order.
  std::span<const Entry> entries() const;
  // Nothing when there is none. Valid as long as this reader or a copy.
  const Entry* find(std::string_view name) const;
  const io::ReadableFile& file() const;
  const std::shared_ptr<const io::ReadableFile>& shared_file() const;

  // A whole member, its local header and CRC checked. Served from the first read where the tail
  // holds it. Errors also: unsupported when larger than `limit`. `entry` is one of this reader's.
  Result<Bytes> read(const Entry& entry, std::uint64_t limit) const;
  // The same by name. Errors also: corrupt, "no member NAME": for members that a package must have.
  Result<Bytes> read(std::string_view name, std::uint64_t limit) const;

  // The member's range as a file of its own; keeps the package open. Its local header is checked,
  // its CRC is not. It has no descriptor: whoever wants to map or copy_file_range uses file() with
  // entry.offset.
  Result<std::shared_ptr<const io::ReadableFile>> open_entry(const Entry& entry) const;

  // Reads the member's local header and compares it with the one that the central directory
  // implies. One small read.
  Status check_local_header(const Entry& entry) const;
  // Of all members: with it and the CRCs, every byte of the file has been looked at.
  Status check_local_headers(const CancelFlag* cancel = nullptr) const;

  // Reads a member whole in one pass and checks its local header and its CRC. Errors also:
  // cancelled.
  Result<crypto::ContentHashes> hash(
      const Entry& entry, const CancelFlag* cancel = nullptr,
      const std::function<void(std::uint64_t bytes_done)>& progress = nullptr) const;

 private:
  struct State;
  explicit ArchiveReader(std::shared_ptr<const State> state) : state_(std::move(state)) {}
  std::shared_ptr<const State> state_;
};

}  // namespace onnxpack::archive
