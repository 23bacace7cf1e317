#include "running_sha256.h"

#include <algorithm>

#if defined(__x86_64__)
#include <cpuid.h>
#endif

#include "sha256_blocks.h"

namespace onnxpack::crypto {
bool RunningSha256::supported() {
#if defined(__x86_64__)
  static const bool answer = [] {
    unsigned a = 0;
    unsigned b = 0;
    unsigned c = 0;
    unsigned d = 0;
    constexpr unsigned sha = 1U << 29U;  // CPUID.7.0:EBX
    return __builtin_cpu_supports("sse4.1") != 0 && __builtin_cpu_supports("ssse3") != 0 &&
           __get_cpuid_count(7, 0, &a, &b, &c, &d) != 0 && (b & sha) != 0;
  }();
  return answer;
#else
  return false;
#endif
}

void RunningSha256::add(ByteView bytes) {
  const std::size_t whole = bytes.size() / block_size * block_size;
  sha256_blocks(whole_.state, piece_.state, bytes.first(whole));
  std::ranges::copy(bytes.subspan(whole), tail_.begin());
  whole_.size += bytes.size();
  piece_.size += bytes.size();
}

// Padding, FIPS 180-4, 5.1.1: a one bit, zeros, and the length in bits, big endian, to the end of a
// block.
Digest RunningSha256::close(const Hash& hash) const {
  const std::size_t tail = hash.size % block_size;
  std::array<std::byte, 2 * block_size> padded{};
  std::copy_n(tail_.begin(), tail, padded.begin());
  padded[tail] = std::byte{0x80};
  const std::size_t end = tail < block_size - 8 ? block_size : 2 * block_size;
  for (std::size_t i = 0; i < 8; ++i)
    padded[end - 1 - i] = static_cast<std::byte>(hash.size * 8 >> (8 * i));
  State state = hash.state;
  sha256_blocks(state, ByteView(padded).first(end));
  std::array<std::byte, Digest::size> out;
  for (std::size_t i = 0; i < out.size(); ++i)
    out[i] = static_cast<std::byte>(state[i / 4] >> (24 - 8 * (i % 4)));
  return Digest(out);
}

Digest RunningSha256::cut() {
  const Digest out = close(piece_);
  piece_ = Hash();
  return out;
}

Digest RunningSha256::finish() {
  const Digest out = close(whole_);
  *this = RunningSha256();
  return out;
}

}  // namespace onnxpack::crypto
