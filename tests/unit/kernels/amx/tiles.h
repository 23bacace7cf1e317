// What the tile instructions of x86-64 do, in plain C++: the state of one thread and a function for
// each instruction, by the rules and the pseudo-code of Intel's manual (volume 2, AMX).
//
// Modelled: palette 1, the configuration's rules, the shapes that must agree, zeros beyond a tile's
// rows and columns, sums of bytes modulo 2^32; of bf16 that denormals are 0 as operands and as
// results, and that for each element two chains of fused multiply-adds, over the even and the odd
// places and rounded to nearest even, are added to each other and then to what was there. Not
// modelled: the payload of a NaN, a result that rounds up to 2^-126, start_row other than 0 (an
// interrupted instruction), time.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace onnxpack_test::amx {

enum class Signs : std::uint8_t { no, yes };

// Each function gives null, or what is wrong: the processor would then raise #UD or #GP, and here
// nothing has changed. Not thread-safe: a thread has its own.
class Tiles {
 public:
  static constexpr std::size_t count = 8;
  static constexpr std::size_t most_rows = 16;
  static constexpr std::size_t most_bytes = 64;

  const char* configure(const std::uint8_t* bytes);
  void read_configuration(std::uint8_t* bytes) const;
  void release();
  const char* zero(std::size_t tile);
  // Row r stands at base + r * stride, modulo 2^64.
  const char* load(std::size_t tile, std::uint64_t base, std::uint64_t stride);
  const char* store(std::size_t tile, std::uint64_t base, std::uint64_t stride) const;
  const char* dot_bytes(std::size_t sums, std::size_t a, std::size_t b, Signs of_a, Signs of_b);
  const char* dot_bf16(std::size_t sums, std::size_t a, std::size_t b);

 private:
  struct Tile {
    std::size_t rows = 0;
    std::size_t bytes = 0;
    std::array<std::array<std::uint8_t, most_bytes>, most_rows> data{};
  };
  const char* check(std::size_t tile) const;
  const char* check(std::size_t sums, std::size_t a, std::size_t b) const;
  template <typename Sum>
  void for_each_sum(std::size_t sums, Sum&& sum);

  bool configured_ = false;
  std::array<Tile, count> tiles_{};
};

}  // namespace onnxpack_test::amx
