// ggml's and bitnet.cpp's blocks. Every one is a list of runs: `bytes` bytes whose byte m holds in
// place p the element p * bytes + m of the run. They differ in places per byte, in how places
// become a byte, and in where the scale stands.
#include <array>
#include <cstring>

#include "onnxpack/kernels/ternary/foreign.h"

namespace onnxpack::kernels::ternary {
namespace {

// Of the two-bit forms.
enum class Order : std::uint8_t { lowest_first, highest_first };

struct Run {
  std::size_t bytes;
  std::size_t places;
};

// TQ1_0: ceil(256 v / 243), v = the base-3 number whose first element is the highest digit; the
// last run has four elements and a digit 0. 256 v / 243 - v = 13 v / 243, so the map is one to one
// and v = floor(243 b / 256).
constexpr std::array<Run, 3> tq1_0_runs = {{{32, 5}, {16, 5}, {4, 4}}};

unsigned to_fixed_point(unsigned v) {
  return (v * 256 + 242) / 243;
}

std::optional<unsigned> from_fixed_point(unsigned byte) {
  const unsigned v = byte * 243 / 256;
  if (to_fixed_point(v) != byte) return std::nullopt;
  return v;
}

constexpr unsigned highest_digit = 81;

bool unpack_tq1_0(const std::uint8_t* bytes, std::int8_t* trits, std::size_t& bad) {
  const std::uint8_t* begin = bytes;
  for (const Run& run : tq1_0_runs) {
    for (std::size_t m = 0; m < run.bytes; ++m) {
      const auto v = from_fixed_point(bytes[m]);
      bad = static_cast<std::size_t>(bytes + m - begin);
      if (!v || (run.places == 4 && *v % 3 != 0)) return false;
      unsigned rest = *v;
      for (std::size_t p = 0; p < run.places; ++p) {
        trits[p * run.bytes + m] =
            static_cast<std::int8_t>(static_cast<int>(rest / highest_digit) - 1);
        rest = rest % highest_digit * 3;
      }
    }
    bytes += run.bytes;
    trits += run.bytes * run.places;
  }
  return true;
}

void pack_tq1_0(const std::int8_t* trits, std::uint8_t* bytes) {
  for (const Run& run : tq1_0_runs) {
    for (std::size_t m = 0; m < run.bytes; ++m) {
      unsigned v = 0;
      for (std::size_t p = 0; p < 5; ++p)
        v = v * 3 + (p < run.places ? static_cast<unsigned>(trits[p * run.bytes + m] + 1) : 0U);
      bytes[m] = static_cast<std::uint8_t>(to_fixed_point(v));
    }
    bytes += run.bytes;
    trits += run.bytes * run.places;
  }
}

// Where the codes of a two-bit form stand: runs of `bytes` bytes, `runs` of them.
struct TwoBitBlocks {
  std::size_t codes_at;
  std::size_t runs;
  std::size_t bytes;
  Order order;
};
TwoBitBlocks two_bit(Blocks form) {
  if (form == Blocks::tq2_0) return {0, 2, 32, Order::lowest_first};
  if (form == Blocks::q2_0) return {2, 16, 1, Order::lowest_first};
  return {0, 1, 32, Order::highest_first};
}

unsigned shift_of(Order order, std::size_t place) {
  return static_cast<unsigned>(2 * (order == Order::lowest_first ? place : 3 - place));
}

bool unpack_codes(const TwoBitBlocks& b, const std::uint8_t* bytes, std::int8_t* trits,
                  std::size_t& bad) {
  for (std::size_t i = 0; i < b.runs * b.bytes; ++i) {
    const std::uint8_t byte = bytes[b.codes_at + i];
    bad = b.codes_at + i;
    if ((byte & (byte >> 1) & 0x55) != 0) return false;
    for (std::size_t p = 0; p < 4; ++p)
      trits[i / b.bytes * b.bytes * 4 + p * b.bytes + i % b.bytes] =
          static_cast<std::int8_t>(((byte >> shift_of(b.order, p)) & 3) - 1);
  }
  return true;
}

void pack_codes(const TwoBitBlocks& b, const std::int8_t* trits, std::uint8_t* bytes) {
  for (std::size_t i = 0; i < b.runs * b.bytes; ++i) {
    unsigned byte = 0;
    for (std::size_t p = 0; p < 4; ++p) {
      const int trit = trits[i / b.bytes * b.bytes * 4 + p * b.bytes + i % b.bytes];
      byte |= static_cast<unsigned>(trit + 1) << shift_of(b.order, p);
    }
    bytes[b.codes_at + i] = static_cast<std::uint8_t>(byte);
  }
}

std::size_t scale_at(Blocks form) {
  if (form == Blocks::q2_0) return 0;
  return facts_of(form).bytes - 2;
}

Status sized(const BlockFacts& facts, std::size_t bytes, std::size_t trits, std::size_t scales) {
  const std::size_t blocks = trits / facts.elements;
  const bool good = trits % facts.elements == 0 && bytes == blocks * facts.bytes &&
                    scales == (facts.scale_bytes != 0 ? blocks : 0);
  if (good) return {};
  return std::unexpected(
      Fault{FaultKind::size, blocks * facts.bytes, static_cast<std::int64_t>(bytes)});
}

}  // namespace

BlockFacts facts_of(Blocks form) {
  switch (form) {
    case Blocks::tq1_0:
      return {256, 54, 2};
    case Blocks::tq2_0:
      return {256, 66, 2};
    case Blocks::q2_0:
      return {64, 18, 2};
    case Blocks::i2_s:
      break;
  }
  return {128, 32, 0};
}

Status unpack_blocks(Blocks form, std::span<const std::uint8_t> bytes, std::span<std::int8_t> trits,
                     std::span<std::uint16_t> scales) {
  const BlockFacts facts = facts_of(form);
  if (auto status = sized(facts, bytes.size(), trits.size(), scales.size()); !status) return status;
  for (std::size_t block = 0; block * facts.bytes < bytes.size(); ++block) {
    const std::uint8_t* from = bytes.data() + block * facts.bytes;
    std::int8_t* to = trits.data() + block * facts.elements;
    std::size_t bad = 0;
    const bool good = form == Blocks::tq1_0 ? unpack_tq1_0(from, to, bad)
                                            : unpack_codes(two_bit(form), from, to, bad);
    if (!good)
      return std::unexpected(Fault{FaultKind::invalid_code, block * facts.bytes + bad, from[bad]});
    if (facts.scale_bytes != 0) std::memcpy(&scales[block], from + scale_at(form), 2);
  }
  return {};
}

Status pack_blocks(Blocks form, std::span<const std::int8_t> trits,
                   std::span<const std::uint16_t> scales, std::span<std::uint8_t> bytes) {
  const BlockFacts facts = facts_of(form);
  if (auto status = sized(facts, bytes.size(), trits.size(), scales.size()); !status) return status;
  for (std::size_t i = 0; i < trits.size(); ++i)
    if (trits[i] < -1 || trits[i] > 1)
      return std::unexpected(Fault{FaultKind::not_ternary, i, trits[i]});
  for (std::size_t block = 0; block * facts.bytes < bytes.size(); ++block) {
    const std::int8_t* from = trits.data() + block * facts.elements;
    std::uint8_t* to = bytes.data() + block * facts.bytes;
    if (form == Blocks::tq1_0)
      pack_tq1_0(from, to);
    else
      pack_codes(two_bit(form), from, to);
    if (facts.scale_bytes != 0) std::memcpy(to + scale_at(form), &scales[block], 2);
  }
  return {};
}

}  // namespace onnxpack::kernels::ternary
