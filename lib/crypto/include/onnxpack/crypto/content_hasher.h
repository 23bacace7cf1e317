// Everything a package says about a member's content, from one pass over its bytes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "onnxpack/base/bytes.h"
#include "onnxpack/base/cancel.h"
#include "onnxpack/base/error.h"
#include "onnxpack/crypto/digest.h"
#include "onnxpack/io/file.h"

namespace onnxpack::crypto {

// The grain of partial verification and repair: a damaged byte in a 10 GB member costs one piece of
// this size. Part of the format.
inline constexpr std::size_t chunk_size = std::size_t{4} << 20;

struct ContentHashes {
  std::uint64_t size = 0;
  std::uint32_t crc32 = 0;
  Digest sha256;
  // SHA-256 of each chunk_size piece, the last one shorter. Empty content has no chunks; content of
  // one chunk has one, equal to sha256.
  std::vector<Digest> chunks;

  friend bool operator==(const ContentHashes&, const ContentHashes&) = default;
};

// Fed consecutive pieces, hashes them as a pipeline: one thread makes the whole SHA-256 and the
// CRC-32, another the chunk digests, and the caller's thread is free to read and write. The two
// SHA-256 passes have no common work, so two cores are used, not one twice.
//
// Content of up to chunk_size bytes is hashed on the caller's thread and starts none. Memory: at
// most `buffers` chunks, allocated as needed. The object serves one content after another (finish()
// starts anew) and keeps its threads and buffers in between. To be used by one thread at a time.
// Throws only as Sha256 does, or when a thread cannot be started.
class ContentHasher {
 public:
  static constexpr std::size_t buffers = 8;

  ContentHasher();
  ContentHasher(const ContentHasher&) = delete;
  ContentHasher& operator=(const ContentHasher&) = delete;
  // Drops what is in flight.
  ~ContentHasher();

  // Room for the next bytes, up to the end of the current chunk; never empty. Waits while all
  // buffers are being hashed.
  std::span<std::byte> buffer();
  // The first `size` bytes of the last buffer() are content. They may still be read (to write them
  // elsewhere), not changed, until the next call on this object. Requires: size <= buffer().size().
  void commit(std::size_t size);
  // Copies `bytes` in, for content which is in memory already.
  void update(ByteView bytes);
  // Waits for the threads.
  ContentHashes finish();
  // Drops what was fed so far.
  void reset();

 private:
  class Pipeline;
  std::unique_ptr<Pipeline> pipeline_;
};

// A range of a file. `progress` gets the bytes done so far, on the calling thread, each chunk.
// Errors: as ReadableFile::read_at, cancelled.
Result<ContentHashes> hash_content(const io::ReadableFile& file, std::uint64_t offset,
                                   std::uint64_t size, const CancelFlag* cancel = nullptr,
                                   const std::function<void(std::uint64_t)>& progress = nullptr);

}  // namespace onnxpack::crypto
