#include "unit/kernels/amx/tiles.h"

#include <bit>
#include <cmath>
#include <cstring>

namespace onnxpack_test::amx {
namespace {

// The 64 bytes that LDTILECFG takes.
constexpr std::size_t bytes_at = 16;
constexpr std::size_t rows_at = 48;

std::size_t word(const std::uint8_t* bytes) {
  return bytes[0] + 256U * bytes[1];
}

template <typename T, typename Row>
T element(const Row& row, std::size_t index) {
  T out;
  std::memcpy(&out, row.data() + index * sizeof out, sizeof out);
  return out;
}

float flushed(float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  return (bits & 0x7F800000U) == 0 ? std::bit_cast<float>(bits & 0x80000000U) : value;
}

template <typename Row>
float bf16(const Row& row, std::size_t index) {
  return flushed(std::bit_cast<float>(std::uint32_t{element<std::uint16_t>(row, index)} << 16U));
}

template <typename Row>
std::uint32_t extended(const Row& row, std::size_t index, Signs signs) {
  const std::uint8_t byte = row[index];
  if (signs == Signs::no) return byte;
  return static_cast<std::uint32_t>(static_cast<std::int32_t>(static_cast<std::int8_t>(byte)));
}

}  // namespace

const char* Tiles::configure(const std::uint8_t* bytes) {
  if (bytes[0] == 0) {
    release();
    return nullptr;
  }
  if (bytes[0] != 1) return "the configuration names a palette that does not exist";
  if (bytes[1] != 0) return "the configuration's start row is not 0";
  for (std::size_t i = 2; i < 64; ++i) {
    const bool reserved =
        i < bytes_at || (i >= bytes_at + 2 * count && i < rows_at) || i >= rows_at + count;
    if (reserved && bytes[i] != 0) return "a reserved byte of the configuration is not 0";
  }
  for (std::size_t i = 0; i < count; ++i) {
    const std::size_t columns = word(bytes + bytes_at + 2 * i);
    const std::size_t rows = bytes[rows_at + i];
    if (columns > most_bytes) return "the configuration has rows of more than 64 bytes";
    if (rows > most_rows) return "the configuration has more than 16 rows";
    if ((columns == 0) != (rows == 0)) return "the configuration has rows or columns, not both";
  }
  for (std::size_t i = 0; i < count; ++i)
    tiles_[i] = {bytes[rows_at + i], word(bytes + bytes_at + 2 * i), {}};
  configured_ = true;
  return nullptr;
}

void Tiles::read_configuration(std::uint8_t* bytes) const {
  std::memset(bytes, 0, 64);
  if (!configured_) return;
  bytes[0] = 1;
  for (std::size_t i = 0; i < count; ++i) {
    bytes[bytes_at + 2 * i] = static_cast<std::uint8_t>(tiles_[i].bytes);
    bytes[rows_at + i] = static_cast<std::uint8_t>(tiles_[i].rows);
  }
}

void Tiles::release() {
  *this = Tiles();
}

const char* Tiles::check(std::size_t tile) const {
  if (!configured_) return "a tile is used before tiles are configured";
  if (tile >= count) return "there are eight tiles";
  return tiles_[tile].rows == 0 ? "a tile is used that the configuration leaves out" : nullptr;
}

const char* Tiles::check(std::size_t sums, std::size_t a, std::size_t b) const {
  for (std::size_t tile : {sums, a, b})
    if (const char* wrong = check(tile)) return wrong;
  if (sums == a || sums == b || a == b) return "operands of a product are the same tile";
  for (std::size_t tile : {sums, a, b})
    if (tiles_[tile].bytes % 4 != 0) return "a product's operand has columns that end in a number";
  if (tiles_[sums].rows != tiles_[a].rows) return "sums and first operand differ in rows";
  if (tiles_[sums].bytes != tiles_[b].bytes) return "sums and second operand differ in columns";
  if (tiles_[a].bytes / 4 != tiles_[b].rows)
    return "the first operand's columns are not the second one's rows";
  return nullptr;
}

const char* Tiles::zero(std::size_t tile) {
  if (const char* wrong = check(tile)) return wrong;
  tiles_[tile].data = {};
  return nullptr;
}

const char* Tiles::load(std::size_t tile, std::uint64_t base, std::uint64_t stride) {
  if (const char* wrong = check(tile)) return wrong;
  Tile& to = tiles_[tile];
  to.data = {};
  for (std::size_t row = 0; row < to.rows; ++row)
    std::memcpy(to.data[row].data(), reinterpret_cast<const void*>(base + row * stride), to.bytes);
  return nullptr;
}

const char* Tiles::store(std::size_t tile, std::uint64_t base, std::uint64_t stride) const {
  if (const char* wrong = check(tile)) return wrong;
  const Tile& from = tiles_[tile];
  for (std::size_t row = 0; row < from.rows; ++row)
    std::memcpy(reinterpret_cast<void*>(base + row * stride), from.data[row].data(), from.bytes);
  return nullptr;
}

// Replaces each 32 bits of `sums` by sum(row, column, what was there), and clears the rest.
template <typename Sum>
void Tiles::for_each_sum(std::size_t sums, Sum&& sum) {
  Tile& to = tiles_[sums];
  for (std::size_t row = 0; row < most_rows; ++row)
    for (std::size_t column = 0; column < most_bytes / 4; ++column) {
      std::uint32_t bits = 0;
      if (row < to.rows && column < to.bytes / 4)
        bits = sum(row, column, element<std::uint32_t>(to.data[row], column));
      std::memcpy(to.data[row].data() + 4 * column, &bits, sizeof bits);
    }
}

const char* Tiles::dot_bytes(std::size_t sums, std::size_t a, std::size_t b, Signs of_a,
                             Signs of_b) {
  if (const char* wrong = check(sums, a, b)) return wrong;
  for_each_sum(sums, [&](std::size_t row, std::size_t column, std::uint32_t bits) {
    for (std::size_t k = 0; k < tiles_[a].bytes; ++k)
      bits += extended(tiles_[a].data[row], k, of_a) *
              extended(tiles_[b].data[k / 4], 4 * column + k % 4, of_b);
    return bits;
  });
  return nullptr;
}

const char* Tiles::dot_bf16(std::size_t sums, std::size_t a, std::size_t b) {
  if (const char* wrong = check(sums, a, b)) return wrong;
  for_each_sum(sums, [&](std::size_t row, std::size_t column, std::uint32_t bits) {
    float even = 0;
    float odd = 0;
    for (std::size_t k = 0; k < tiles_[a].bytes / 4; ++k) {
      const auto& from = tiles_[a].data[row];
      const auto& by = tiles_[b].data[k];
      even = flushed(std::fma(bf16(from, 2 * k), bf16(by, 2 * column), even));
      odd = flushed(std::fma(bf16(from, 2 * k + 1), bf16(by, 2 * column + 1), odd));
    }
    const float before = flushed(std::bit_cast<float>(bits));
    return std::bit_cast<std::uint32_t>(flushed(before + flushed(even + odd)));
  });
  return nullptr;
}

}  // namespace onnxpack_test::amx
