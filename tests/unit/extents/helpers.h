// Files in memory, and content that no two places share by chance.
#pragma once

#include <memory>
#include <random>

#include "onnxpack/base/bytes.h"
#include "onnxpack/io/segment_file.h"

namespace onnxpack::extents::testing {

inline std::shared_ptr<const io::ReadableFile> file_of(Bytes bytes) {
  auto kept = std::make_shared<const Bytes>(std::move(bytes));
  return io::segment_file({ByteView(*kept)}, "in memory", {kept});
}

class Noise {
 public:
  explicit Noise(unsigned seed) : random_(seed) {}
  Bytes bytes(std::uint64_t size) {
    Bytes out(size);
    for (auto& byte : out) byte = static_cast<std::byte>(random_());
    return out;
  }
  std::uint64_t below(std::uint64_t limit) {
    return std::uniform_int_distribution<std::uint64_t>(0, limit - 1)(random_);
  }

 private:
  std::mt19937 random_;
};

}  // namespace onnxpack::extents::testing
