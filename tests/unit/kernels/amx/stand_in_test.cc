// The stand-in itself: every form of the tile instructions against plain loops, and what the
// processor refuses. On a CPU with AMX the first cases hold the loops against the hardware.
#include "unit/kernels/amx/stand_in.h"

#include <catch2/catch_test_macros.hpp>

#if defined(__x86_64__) && defined(__linux__)
#include <atomic>
#include <bit>
#include <cmath>
#include <cstring>
#include <random>
#include <thread>
#include <vector>

#include "common/amx_tiles.h"

namespace onnxpack_test::amx {
namespace {

using onnxpack::kernels::configure_tiles;
using onnxpack::kernels::Isa;
using onnxpack::kernels::release_tiles;
using onnxpack::kernels::TileShapes;
using Bytes = std::vector<std::uint8_t>;

// Rows of 64 bytes, 16 of them, whatever the shape: what is beyond must stay.
struct Operands {
  std::size_t m, n, k;  // rows of sums, 32-bit columns of sums, 32-bit columns of A
  Bytes sums, a, b;
};

std::uint8_t next_byte(std::mt19937& random) {
  return static_cast<std::uint8_t>(random());
}

Operands random_operands(std::mt19937& random) {
  Operands out{1 + random() % 16, 1 + random() % 16, 1 + random() % 16,
               Bytes(1024),       Bytes(1024),       Bytes(1024)};
  for (Bytes* bytes : {&out.sums, &out.a, &out.b})
    for (auto& byte : *bytes) byte = next_byte(random);
  return out;
}

TileShapes shapes_of(const Operands& o) {
  TileShapes out;
  out.set(2, o.m, 4 * o.n);
  out.set(7, o.m, 4 * o.k);
  out.set(5, o.k, 4 * o.n);
  return out;
}

// One product, its operands loaded and its sums stored back.
#define ONNXPACK_PRODUCT(NAME)                                    \
  void run_##NAME(Operands& o) {                                  \
    configure_tiles(shapes_of(o));                                \
    onnxpack::kernels::load_tile<2>(o.sums.data(), 64);           \
    onnxpack::kernels::load_tile<7>(o.a.data(), 64);              \
    onnxpack::kernels::load_tile<5>(o.b.data(), 64);              \
    asm volatile(#NAME " %%tmm5, %%tmm7, %%tmm2" : : : "memory"); \
    onnxpack::kernels::store_tile<2>(o.sums.data(), 64);          \
    release_tiles();                                              \
  }
ONNXPACK_PRODUCT(tdpbssd)
ONNXPACK_PRODUCT(tdpbsud)
ONNXPACK_PRODUCT(tdpbusd)
ONNXPACK_PRODUCT(tdpbuud)
ONNXPACK_PRODUCT(tdpbf16ps)
#undef ONNXPACK_PRODUCT

template <typename T>
T at(const Bytes& bytes, std::size_t row, std::size_t column) {
  T out;
  std::memcpy(&out, bytes.data() + 64 * row + sizeof(T) * column, sizeof out);
  return out;
}

template <typename A, typename B>
Bytes expected_of_bytes(const Operands& o) {
  Bytes out = o.sums;
  for (std::size_t m = 0; m < o.m; ++m)
    for (std::size_t n = 0; n < o.n; ++n) {
      std::int64_t sum = at<std::int32_t>(o.sums, m, n);
      for (std::size_t k = 0; k < 4 * o.k; ++k)
        sum += std::int64_t{at<A>(o.a, m, k)} * at<B>(o.b, k / 4, 4 * n + k % 4);
      const auto wrapped = static_cast<std::uint32_t>(sum);
      std::memcpy(out.data() + 64 * m + 4 * n, &wrapped, 4);
    }
  return out;
}

template <typename A, typename B>
void check_bytes(void (*run)(Operands&), int kind) {
  std::mt19937 random(7);
  for (int i = 0; i < 40; ++i) {
    Operands o = random_operands(random);
    if (kind > 0)
      for (Bytes* bytes : {&o.a, &o.b}) std::memset(bytes->data(), kind == 1 ? 0x80 : 0xFF, 1024);
    const Bytes want = expected_of_bytes<A, B>(o);
    run(o);
    INFO("M " << o.m << " N " << o.n << " K " << o.k << " kind " << kind);
    CHECK(o.sums == want);
  }
}

TEST_CASE("tile products of bytes are those of a plain loop") {
  const StandIn machine;
  if (!machine.has(Isa::amx_int8)) SKIP("no AMX, or too old a CPU for the kernels");
  for (int kind : {0, 1, 2}) {
    check_bytes<std::int8_t, std::int8_t>(run_tdpbssd, kind);
    check_bytes<std::int8_t, std::uint8_t>(run_tdpbsud, kind);
    check_bytes<std::uint8_t, std::int8_t>(run_tdpbusd, kind);
    check_bytes<std::uint8_t, std::uint8_t>(run_tdpbuud, kind);
  }
  CHECK(machine.faults().empty());
  // Seven instructions and the release of each of 480 products.
  CHECK(machine.executed() == (machine.emulates() ? 480 * 7 : 0));
}

float widened(std::uint16_t bits) {
  return std::bit_cast<float>(std::uint32_t{bits} << 16U);
}
bool is_tiny(float value) {
  return std::fpclassify(value) == FP_SUBNORMAL;
}
float no_tiny(float value) {
  return is_tiny(value) ? std::copysign(0.0F, value) : value;
}

// By double, in which a product of bf16 is exact, and so is its sum with a float here: bits from
// 2^-30 to 2^21, times the same power of two.
Bytes expected_of_bf16(const Operands& o) {
  Bytes out = o.sums;
  for (std::size_t m = 0; m < o.m; ++m)
    for (std::size_t n = 0; n < o.n; ++n) {
      float chains[2] = {};
      for (std::size_t k = 0; k < 2 * o.k; ++k) {
        const double a = no_tiny(widened(at<std::uint16_t>(o.a, m, k)));
        const double b = no_tiny(widened(at<std::uint16_t>(o.b, k / 2, 2 * n + k % 2)));
        chains[k % 2] = no_tiny(static_cast<float>(a * b + double{chains[k % 2]}));
      }
      const float sum = no_tiny(no_tiny(at<float>(o.sums, m, n)) + no_tiny(chains[0] + chains[1]));
      std::memcpy(out.data() + 64 * m + 4 * n, &sum, 4);
    }
  return out;
}

// Random signs and mantissas with exponents from 2^-8 to 2^7, times 2^shift.
void fill_numbers(Bytes& bytes, std::mt19937& random, int shift) {
  for (std::size_t i = 0; i < bytes.size(); i += 2) {
    const auto exponent = static_cast<std::uint32_t>(119 + shift) + random() % 16;
    const auto half = exponent << 7U | (random() & 0x807FU);
    bytes[i] = static_cast<std::uint8_t>(half);
    bytes[i + 1] = static_cast<std::uint8_t>(half >> 8U);
  }
}

void check_bf16(int shift_a, int shift_b) {
  std::mt19937 random(11);
  std::size_t not_zero = 0;
  for (int i = 0; i < 60; ++i) {
    Operands o = random_operands(random);
    fill_numbers(o.a, random, shift_a);
    fill_numbers(o.b, random, shift_b);
    for (std::size_t k = 0; k < 256; ++k) {
      const auto whole = static_cast<float>(random() % 2048) - 1024.0F;
      const float sum = std::ldexp(whole, shift_a + shift_b);
      std::memcpy(o.sums.data() + 4 * k, &sum, 4);
    }
    const Bytes want = expected_of_bf16(o);
    run_tdpbf16ps(o);
    INFO("A times 2^" << shift_a << ", B times 2^" << shift_b);
    CHECK(o.sums == want);
    for (std::size_t n = 0; n < o.n; ++n) not_zero += at<float>(o.sums, 0, n) != 0 ? 1U : 0U;
  }
  CHECK(not_zero > 100);
}

TEST_CASE("tile products of bf16 are those of a plain loop, denormals 0") {
  const StandIn machine;
  if (!machine.has(Isa::amx_bf16)) SKIP("no AMX, or too old a CPU for the kernels");
  check_bf16(0, 0);
  check_bf16(-64, -64);   // products and sums around 2^-126
  check_bf16(-119, 110);  // operands around it, by large ones
  CHECK(machine.faults().empty());
}

TEST_CASE("tile addresses take every form that an instruction can hold") {
  const StandIn machine;
  if (!machine.has(Isa::amx_int8)) SKIP("no AMX, or too old a CPU for the kernels");
  Bytes memory(4096);
  std::mt19937 random(5);
  for (auto& byte : memory) byte = next_byte(random);
  TileShapes shapes;
  shapes.set(1, 3, 20);
  configure_tiles(shapes);
  const auto* base = memory.data() + 1024;
  Bytes out(3 * 20);
  const auto check = [&](std::size_t from, std::size_t stride) {
    onnxpack::kernels::store_tile<1>(out.data(), 20);
    for (std::size_t row = 0; row < 3; ++row)
      CHECK(std::memcmp(out.data() + 20 * row, memory.data() + from + row * stride, 20) == 0);
  };
  asm volatile("tileloadd (%0,%1,1), %%tmm1" : : "r"(base), "r"(100L) : "memory");
  check(1024, 100);
  asm volatile("tileloaddt1 -16(%0,%1,4), %%tmm1" : : "r"(base), "r"(25L) : "memory");
  check(1008, 100);
  asm volatile("tileloadd 0x200(%0,%1,8), %%tmm1" : : "r"(base), "r"(8L) : "memory");
  check(1536, 64);
  asm volatile("movq %0, %%r13; movq %1, %%r12; tileloadd (%%r13,%%r12,2), %%tmm1"
               :
               : "r"(base), "r"(32L)
               : "memory", "r12", "r13");
  check(1024, 64);
  asm volatile("tileloadd (%0), %%tmm1" : : "r"(base) : "memory");  // no index: one row thrice
  check(1024, 0);
  asm volatile("tileloadd (%0,%1,1), %%tmm1" : : "r"(base), "r"(-64L) : "memory");
  for (std::size_t row = 0; row < 3; ++row) {
    onnxpack::kernels::store_tile<1>(out.data(), 20);
    CHECK(std::memcmp(out.data() + 20 * row, base - 64 * row, 20) == 0);
  }
  onnxpack::kernels::zero_tile<1>();
  onnxpack::kernels::store_tile<1>(out.data(), 20);
  CHECK(out == Bytes(60));
  TileShapes read;
  asm volatile("sttilecfg %0" : "=m"(read) : : "memory");
  CHECK(std::memcmp(&read, &shapes, sizeof read) == 0);
  release_tiles();
  asm volatile("sttilecfg %0" : "=m"(read) : : "memory");
  CHECK(read.palette == 0);
  CHECK(machine.faults().empty());
}

TEST_CASE("each thread has tiles of its own") {
  const StandIn machine;
  if (!machine.has(Isa::amx_int8)) SKIP("no AMX, or too old a CPU for the kernels");
  std::vector<std::thread> threads;
  std::atomic<int> wrong = 0;
  for (unsigned seed = 0; seed < 4; ++seed)
    threads.emplace_back([&wrong, seed] {
      std::mt19937 random(seed);
      for (int i = 0; i < 50; ++i) {
        Operands o = random_operands(random);
        const Bytes want = expected_of_bytes<std::int8_t, std::uint8_t>(o);
        run_tdpbsud(o);
        if (o.sums != want) ++wrong;
      }
    });
  for (auto& thread : threads) thread.join();
  CHECK(wrong == 0);
  CHECK(machine.faults().empty());
}

// What the manual forbids is told and skipped; on a CPU with AMX it would end the program.
TEST_CASE("what the processor would refuse is a fault") {
  const StandIn machine;
  if (!machine.emulates()) SKIP("this CPU has tiles itself");
  using namespace onnxpack::kernels;
  const auto fault = [&](const char* text) {
    CHECK(machine.faults() == std::string(text) + " (of 1)");
  };
  zero_tile<0>();
  fault("a tile is used before tiles are configured");
  const auto refused = [&](auto&& change, const char* text) {
    TileShapes shapes;
    shapes.set(0, 16, 64);
    change(shapes);
    configure_tiles(shapes);
    fault(text);
  };
  refused([](auto& s) { s.palette = 2; }, "the configuration names a palette that does not exist");
  refused([](auto& s) { s.start_row = 1; }, "the configuration's start row is not 0");
  refused([](auto& s) { s.reserved[13] = 1; }, "a reserved byte of the configuration is not 0");
  refused([](auto& s) { s.bytes[8] = 1; }, "a reserved byte of the configuration is not 0");
  refused([](auto& s) { s.rows[15] = 1; }, "a reserved byte of the configuration is not 0");
  refused([](auto& s) { s.set(7, 1, 65); }, "the configuration has rows of more than 64 bytes");
  refused([](auto& s) { s.set(7, 17, 64); }, "the configuration has more than 16 rows");
  refused([](auto& s) { s.set(7, 0, 64); }, "the configuration has rows or columns, not both");
  // Products: tiles 0 (sums), 1 and 2 as each case has them.
  const auto product = [&](std::size_t m, std::size_t a_bytes, std::size_t b_rows,
                           std::size_t b_bytes, const char* text) {
    TileShapes shapes;
    shapes.set(0, 4, 16);
    shapes.set(1, m, a_bytes);
    shapes.set(2, b_rows, b_bytes);
    configure_tiles(shapes);
    dot_signed_unsigned<0, 1, 2>();
    fault(text);
  };
  product(5, 8, 2, 16, "sums and first operand differ in rows");
  product(4, 8, 2, 20, "sums and second operand differ in columns");
  product(4, 8, 3, 16, "the first operand's columns are not the second one's rows");
  product(4, 9, 2, 16, "a product's operand has columns that end in a number");
  product(0, 0, 2, 16, "a tile is used that the configuration leaves out");
  // TDPBSUD of tiles 0, 2 and 2, which assemblers refuse.
  asm volatile(".byte 0xC4, 0xE2, 0x6A, 0x5E, 0xC2" : : : "memory");
  fault("operands of a product are the same tile");
  release_tiles();
  release_tiles();
  CHECK(machine.faults().empty());
}

}  // namespace
}  // namespace onnxpack_test::amx
#endif
