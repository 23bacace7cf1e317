// SHA-256 of a content and of each of its chunks from one pass, where the processor has the SHA
// instructions.
//
// The message schedule of a 64-byte block (FIPS 180-4, 6.2.2 step 1) depends on the block alone, so
// two hashes of the same bytes share it; and a chain of sha256rnds2 waits for its own results half of
// the time, which a second chain fills. Both hashes together take 1.25 times one (Zen 5: 1.6 GB/s
// where OpenSSL has 2.05 for one). OpenSSL, which the rest of the project hashes with, has no call
// for two states, and two calls cost twice.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "onnxpack/base/bytes.h"
#include "onnxpack/crypto/digest.h"

namespace onnxpack::crypto {

class RunningSha256 {
 public:
  static constexpr std::size_t block_size = 64;
  using State = std::array<std::uint32_t, 8>;

  // Asks the processor, once.
  static bool supported();

  // The next bytes of the content. Requires: supported(), and that all earlier calls since the start
  // and since cut() had a multiple of block_size.
  void add(ByteView bytes);
  // Of all that was added since the last cut(), or the start.
  Digest cut();
  // Of all that was added; starts anew.
  Digest finish();

 private:
  struct Hash {
    State state = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                   0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
    std::uint64_t size = 0;
  };
  Digest close(const Hash& hash) const;

  Hash whole_;
  Hash piece_;
  std::array<std::byte, block_size> tail_{};  // the bytes beyond the last whole block
};

}  // namespace onnxpack::crypto
