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

enum class HashWith {
  best,    // both SHA-256 in one pass where the processor has the instructions, else as openssl
  openssl  // OpenSSL alone: two passes
};

// Fed consecutive pieces, hashes them as a pipeline: the caller's thread reads, writes and makes the
// CRC-32; a thread of its own makes the whole SHA-256 and the chunks' together, for 1.25 times the
// cost of one; without SHA instructions (or by OpenSSL alone) two threads make one each.
//
// Content of one piece is hashed on the caller's thread and starts none. Memory: at most `buffers`
// pieces, allocated as needed; so few that what the caller read or wrote last is still in the cache
// when it is hashed. The object serves one content after another (finish() starts anew) and keeps
// its threads and buffers in between. To be used by one thread at a time. Throws only as Sha256 does.
class ContentHasher {
 public:
  static constexpr std::size_t piece_size = std::size_t{256} << 10;
  static constexpr std::size_t buffers = 32;

  explicit ContentHasher(HashWith with = HashWith::best);
  ContentHasher(const ContentHasher&) = delete;
  ContentHasher& operator=(const ContentHasher&) = delete;
  // Drops what is in flight.
  ~ContentHasher();

  // Room for the next bytes, up to the end of the current piece; never empty. Waits while all
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
  static_assert(chunk_size % piece_size == 0);
  class Pipeline;
  std::unique_ptr<Pipeline> pipeline_;
};

// A range of a file. `progress` gets the bytes done so far, on the calling thread, each piece.
// Errors: as ReadableFile::read_at, cancelled.
Result<ContentHashes> hash_content(const io::ReadableFile& file, std::uint64_t offset,
                                   std::uint64_t size, const CancelFlag* cancel = nullptr,
                                   const std::function<void(std::uint64_t)>& progress = nullptr);

}  // namespace onnxpack::crypto
