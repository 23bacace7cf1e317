// The tile instructions. In an unnamed namespace, as all that files of one instruction set include.
//
// Written as assembly and not by the compilers' intrinsics: g++ 12 says of _tile_loadconfig that it
// reads 8 of the 64 bytes and of _tile_loadd that it reads nothing, so that stores before them may
// be left out or moved behind. Here each is a barrier to memory; the loops around have no other
// work that would be held up.
#pragma once

#include <cstddef>
#include <cstdint>

namespace onnxpack::kernels {
namespace {

// What LDTILECFG takes. A tile is up to 16 rows of up to 64 bytes; one that is not used has 0 of
// both.
struct alignas(64) TileShapes {
  std::uint8_t palette = 1;
  std::uint8_t start_row = 0;
  std::uint8_t reserved[14] = {};
  std::uint16_t bytes[16] = {};  // of a row; of the eight tiles, the others 0
  std::uint8_t rows[16] = {};

  constexpr void set(std::size_t tile, std::size_t row_count, std::size_t row_bytes) {
    rows[tile] = static_cast<std::uint8_t>(row_count);
    bytes[tile] = static_cast<std::uint16_t>(row_bytes);
  }
};
static_assert(sizeof(TileShapes) == 64);

// All tiles are 0 afterwards.
inline void configure_tiles(const TileShapes& shapes) {
  asm volatile("ldtilecfg %0" : : "m"(shapes) : "memory");
}
// A thread that keeps tiles has 8 KiB more to save at each switch, and its core sleeps less deep.
inline void release_tiles() {
  asm volatile("tilerelease" : : : "memory");
}

template <int Tile>
inline void zero_tile() {
  asm volatile("tilezero %%tmm%c0" : : "i"(Tile) : "memory");
}
// Rows stand `stride` bytes apart.
template <int Tile>
inline void load_tile(const void* from, std::size_t stride) {
  asm volatile("tileloadd (%0,%1,1), %%tmm%c2" : : "r"(from), "r"(stride), "i"(Tile) : "memory");
}
template <int Tile>
inline void store_tile(void* to, std::size_t stride) {
  asm volatile("tilestored %%tmm%c2, (%0,%1,1)" : : "r"(to), "r"(stride), "i"(Tile) : "memory");
}

// Sums[m][n] += sum over k and j < 4 of A[m][4 k + j] * B[k][4 n + j]; A's bytes are signed, B's
// are not.
template <int Sums, int A, int B>
inline void dot_signed_unsigned() {
  asm volatile("tdpbsud %%tmm%c2, %%tmm%c1, %%tmm%c0" : : "i"(Sums), "i"(A), "i"(B) : "memory");
}
// The same of bf16, j < 2, summed in f32. Denormals are 0.
template <int Sums, int A, int B>
inline void dot_bf16() {
  asm volatile("tdpbf16ps %%tmm%c2, %%tmm%c1, %%tmm%c0" : : "i"(Sums), "i"(A), "i"(B) : "memory");
}

}  // namespace
}  // namespace onnxpack::kernels
