#include "onnxpack/kernels/ternary/foreign.h"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <fstream>
#include <iterator>
#include <string>

#include "support.h"

using namespace onnxpack::kernels::ternary;
using onnxpack_test::random_trits;

namespace {

// Made by each owner's code: tests/data/ternary/make_foreign.py.
std::vector<std::uint8_t> sample(const std::string& name) {
  std::ifstream file(std::string(ONNXPACK_TEST_DATA) + "/ternary/" + name, std::ios::binary);
  REQUIRE(file.is_open());
  return {std::istreambuf_iterator<char>(file), {}};
}

std::vector<std::int8_t> sample_trits() {
  const auto bytes = sample("trits.i8");
  return {bytes.begin(), bytes.end()};
}
constexpr Shape sample_shape{8, 512};

}  // namespace

TEST_CASE("ternary foreign: ONNX INT2 and UINT2 as onnx writes them") {
  const auto trits = sample_trits();
  const auto [form, name] =
      GENERATE(std::pair{TwoBit::int2, "int2.bin"}, std::pair{TwoBit::uint2_zero1, "uint2.bin"});
  const auto bytes = sample(name);
  std::vector<std::int8_t> back(trits.size());
  REQUIRE(unpack_two_bit(form, bytes, back).has_value());
  CHECK(back == trits);
  std::vector<std::uint8_t> again(bytes.size());
  REQUIRE(pack_two_bit(form, trits, again).has_value());
  CHECK(again == bytes);
}

TEST_CASE("ternary foreign: u2 is onnx's UINT2, byte for byte") {
  const auto layout = layout_of(Format::u2, sample_shape);
  std::vector<std::uint8_t> bytes(layout->bytes);
  REQUIRE(encode(*layout, sample_trits(), bytes).has_value());
  CHECK(bytes == sample("uint2.bin"));
}

TEST_CASE("ternary foreign: two bits, any length, and the code that is no trit") {
  const TwoBit form = GENERATE(TwoBit::int2, TwoBit::uint2_zero1, TwoBit::uint2_zero2);
  for (std::size_t count = 1; count < 10; ++count) {
    const auto trits = random_trits(count, 1);
    std::vector<std::uint8_t> bytes((count + 3) / 4);
    std::vector<std::int8_t> back(count);
    REQUIRE(pack_two_bit(form, trits, bytes).has_value());
    REQUIRE(unpack_two_bit(form, bytes, back).has_value());
    CHECK(back == trits);
    // The one missing code: INT2's -2, UINT2's 3 and 0.
    const unsigned missing = form == TwoBit::int2 ? 2 : form == TwoBit::uint2_zero1 ? 3 : 0;
    bytes[0] = static_cast<std::uint8_t>((bytes[0] & ~3U) | missing);
    CHECK(unpack_two_bit(form, bytes, back).error() == Fault{FaultKind::invalid_code, 0, missing});
  }
}

TEST_CASE("ternary foreign: MatMulNBits as ONNX Runtime reads it") {
  const auto trits = sample_trits();
  const NBits form{sample_shape, 128, 2};
  const auto bytes = sample("matmul_nbits_2.bin");
  std::vector<std::int8_t> back(trits.size());
  REQUIRE(unpack_matmul_nbits(form, bytes, {}, back).has_value());
  CHECK(back == trits);
  std::vector<std::uint8_t> again(matmul_nbits_bytes(form));
  REQUIRE(pack_matmul_nbits(form, trits, again).has_value());
  CHECK(again == bytes);
}

TEST_CASE("ternary foreign: MatMulNBits of any width, with tails and zero points") {
  const unsigned bits = GENERATE(2U, 4U, 8U);
  const NBits form{{3, 37}, 16, bits};
  const auto trits = random_trits(3 * 37, 9);
  std::vector<std::uint8_t> bytes(matmul_nbits_bytes(form));
  std::vector<std::int8_t> back(trits.size());
  REQUIRE(pack_matmul_nbits(form, trits, bytes).has_value());
  REQUIRE(unpack_matmul_nbits(form, bytes, {}, back).has_value());
  CHECK(back == trits);
  // One less everywhere is the same weights with zero points one less: 3 blocks in a row.
  for (auto& byte : bytes)
    byte = static_cast<std::uint8_t>(byte - (bits == 2 ? 0x55 : bits == 4 ? 0x11 : 0x01));
  const std::size_t zero_bytes = (3 * bits + 7) / 8;
  std::vector<std::uint8_t> zeros(3 * zero_bytes, static_cast<std::uint8_t>(bits == 2   ? 0x55
                                                                            : bits == 4 ? 0x77
                                                                                        : 0x7f));
  REQUIRE(unpack_matmul_nbits(form, bytes, zeros, back).has_value());
  CHECK(back == trits);
  CHECK_FALSE(unpack_matmul_nbits(form, bytes, {}, back).has_value());
}

TEST_CASE("ternary foreign: Hugging Face bitnet as its owner packs it") {
  const auto trits = sample_trits();
  const auto bytes = sample("bitnet.bin");
  std::vector<std::int8_t> back(trits.size());
  REQUIRE(unpack_bitnet(sample_shape, bytes, back).has_value());
  CHECK(back == trits);
  std::vector<std::uint8_t> again(bytes.size());
  REQUIRE(pack_bitnet(sample_shape, trits, again).has_value());
  CHECK(again == bytes);
}

TEST_CASE("ternary foreign: Hugging Face bitnet") {
  const Shape shape{8, 3};
  const auto trits = random_trits(24, 2);
  std::vector<std::uint8_t> bytes(6);
  REQUIRE(pack_bitnet(shape, trits, bytes).has_value());
  for (std::size_t row = 0; row < 8; ++row)
    for (std::size_t k = 0; k < 3; ++k)
      CHECK(((bytes[row % 2 * 3 + k] >> (2 * (row / 2))) & 3) == trits[row * 3 + k] + 1);
  std::vector<std::int8_t> back(24);
  REQUIRE(unpack_bitnet(shape, bytes, back).has_value());
  CHECK(back == trits);
  bytes[4] = 0x0C;
  CHECK(unpack_bitnet(shape, bytes, back).error() == Fault{FaultKind::invalid_code, 4, 0x0C});
  CHECK(bitnet_scale(0.3F, BitnetScale::multiply) == 0.3F);
  CHECK(bitnet_scale(4.0F, BitnetScale::divide) == 0.25F);
  // A reciprocal is taken only where it comes back; among float32 some do not.
  std::size_t refused = 0;
  for (int i = 1; i < 1000; ++i) {
    const auto weight_scale = 0.001F * static_cast<float>(i);
    const auto scale = bitnet_scale(weight_scale, BitnetScale::divide);
    if (scale) CHECK(1.0F / *scale == weight_scale);
    if (!scale) ++refused;
  }
  CHECK(refused > 0);
}

TEST_CASE("ternary foreign: TQ1_0 and TQ2_0 as ggml writes them") {
  const auto [form, name] =
      GENERATE(std::pair{Blocks::tq1_0, "tq1_0.bin"}, std::pair{Blocks::tq2_0, "tq2_0.bin"});
  const auto trits = sample_trits();
  const auto bytes = sample(name);
  std::vector<std::int8_t> back(trits.size());
  std::vector<std::uint16_t> scales(trits.size() / 256);
  REQUIRE(unpack_blocks(form, bytes, back, scales).has_value());
  CHECK(back == trits);
  CHECK(scales[0] == 0x2800);   // 1 / 32
  CHECK(scales[15] == 0x3800);  // 16 / 32
  std::vector<std::uint8_t> again(bytes.size());
  REQUIRE(pack_blocks(form, trits, scales, again).has_value());
  CHECK(again == bytes);
}

TEST_CASE("ternary foreign: Q2_0 and I2_S by their formulas") {
  const auto trits = random_trits(256, 6);
  std::vector<std::int8_t> back(256);
  std::vector<std::uint16_t> scales{0x3c00, 0x4000, 0x2801, 0x0001};
  std::vector<std::uint8_t> bytes(4 * 18);
  REQUIRE(pack_blocks(Blocks::q2_0, trits, scales, bytes).has_value());
  CHECK((bytes[18] | bytes[19] << 8) == 0x4000);
  for (std::size_t i = 0; i < 64; ++i)
    CHECK(((bytes[18 + 2 + i / 4] >> (2 * (i % 4))) & 3) == trits[64 + i] + 1);
  std::vector<std::uint16_t> scales_back(4);
  REQUIRE(unpack_blocks(Blocks::q2_0, bytes, back, scales_back).has_value());
  CHECK(back == trits);
  CHECK(scales_back == scales);

  bytes.assign(64, 0);
  REQUIRE(pack_blocks(Blocks::i2_s, trits, {}, bytes).has_value());
  for (std::size_t i = 0; i < 128; ++i)
    CHECK(((bytes[32 + i % 32] >> (6 - 2 * (i / 32))) & 3) == trits[128 + i] + 1);
  REQUIRE(unpack_blocks(Blocks::i2_s, bytes, back, {}).has_value());
  CHECK(back == trits);
}

TEST_CASE("ternary foreign: bytes that no quantiser writes are refused in every place") {
  const Blocks form = GENERATE(Blocks::tq1_0, Blocks::tq2_0, Blocks::q2_0, Blocks::i2_s);
  const BlockFacts facts = facts_of(form);
  const auto trits = random_trits(facts.elements, 8);
  std::vector<std::uint16_t> scales(facts.scale_bytes != 0 ? 1 : 0);
  std::vector<std::uint8_t> good(facts.bytes);
  REQUIRE(pack_blocks(form, trits, scales, good).has_value());
  std::vector<std::int8_t> back(facts.elements);
  std::vector<std::uint8_t> again(facts.bytes);
  for (std::size_t at = 0; at < good.size(); ++at)
    for (int value = 0; value < 256; ++value) {
      auto bytes = good;
      bytes[at] = static_cast<std::uint8_t>(value);
      if (!unpack_blocks(form, bytes, back, scales)) continue;
      REQUIRE(pack_blocks(form, back, scales, again).has_value());
      if (again != bytes) FAIL("byte " << at << " = " << value << " came back as another");
    }
}
