// What a backend writes to standard output and error, bounded on disk: the beginning as it comes,
// the end when it is over.
#pragma once

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <vector>

#include "onnxpack/base/error.h"

namespace onnxpack::backend {

class LogCapture {
 public:
  LogCapture(std::filesystem::path file, std::uint64_t limit)
      : file_(std::move(file)), limit_(limit) {}

  // True when the bytes were within the limit: a flood is no sign of life.
  bool append(std::string_view bytes);
  // Writes what is held back. Errors: io.
  Status finish();

  // The last lines, without control characters, each cut to a terminal's width.
  std::vector<std::string> last_lines(std::size_t count) const;
  std::uint64_t dropped() const { return total_ - head_ - tail_.size(); }

 private:
  static constexpr std::size_t tail_size = 64 * 1024;

  std::filesystem::path file_;
  std::uint64_t limit_;
  std::ofstream stream_;
  std::uint64_t total_ = 0;
  std::uint64_t head_ = 0;
  std::string tail_;    // beyond the head
  std::string recent_;  // the end of everything, for last_lines
};

}  // namespace onnxpack::backend
