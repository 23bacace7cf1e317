// bf16 where it is not like f32: numbers of every size, and what rounding costs.
#include <cmath>

#include "unit/kernels/flex_attention/tensors.h"

namespace onnxpack::kernels::flex {
namespace {

// Some loops for a few queries scale keys by integers, which is for ordinary numbers only.
TEST_CASE("a few queries of bf16 meet keys of every size") {
  const StandIn machine;
  Serial serial;
  const std::uint16_t unusual[] = {
      0x7F80, 0xFF80,          // infinities
      0x7FC0, 0xFFC0, 0x7F81,  // NaN
      0x7F7F, 0xFF7F, 0x7F00,  // the largest, and where its product with a mantissa is none
      0x7EFF, 0xFEFF,          // below that
      0x0000, 0x8000, 0x0001, 0x807F, 0x0080,
  };
  for (std::int64_t queries : {1, 2, 4, 8, 12}) {
    // Keys by eights, and those left over.
    for (std::size_t key : {3U, 20U, 41U}) {
      for (std::uint16_t bits : unusual) {
        const Sizes sizes{queries, 42, 1, 1, 48, 16};
        Tensors tensors(sizes, 5, Type::bf16);
        tensors.set_key(key * 48 + 7, bits);
        const auto want = tensors.run({}, Isa::reference, serial);
        for (Isa isa : fast_isas_of(machine)) {
          INFO(to_string(isa) << ", L=" << queries << ", key " << key << ", bits " << bits);
          CHECK(worst(tensors.run({}, isa, serial), want) <= 0x1p-5);
        }
      }
    }
  }
}

// Some loops sum neighbours in one product, where one that is not finite would spoil the other.
TEST_CASE("what is not finite in V of bf16 stays in its column") {
  const StandIn machine;
  Serial serial;
  for (std::int64_t queries : {1, 3, 8, 12}) {
    for (std::int64_t size : {3, 16, 20, 48, 70}) {
      for (int bits : {0x7F80, 0xFF80, 0x7FC0, 0xFFC1}) {
        for (std::size_t column :
             {std::size_t{0}, std::size_t{1}, static_cast<std::size_t>(size) - 1}) {
          const Sizes sizes{queries, 42, 1, 1, 24, size};
          Tensors tensors(sizes, 6, Type::bf16);
          tensors.set_value(19 * static_cast<std::size_t>(size) + column,
                            static_cast<std::uint16_t>(bits));
          const auto want = tensors.run({}, Isa::reference, serial);
          for (Isa isa : fast_isas_of(machine)) {
            INFO(to_string(isa) << ", L=" << queries << ", V of " << size << ", column " << column
                                << ", bits " << bits);
            CHECK(worst(tensors.run({}, isa, serial), want) <= 0x1p-5);
          }
        }
      }
    }
  }
  CHECK(machine.faults().empty());
}

TEST_CASE("keys of no numbers have scores of 0") {
  const StandIn machine;
  Serial serial;
  for (Type type : {Type::f32, Type::bf16, Type::f16}) {
    for (std::int64_t queries : {1, 3, 8, 12, 40}) {
      Tensors tensors({queries, 42, 1, 1, 0, 24}, 7, type);
      Spec spec;
      spec.scale = 1.0F;
      const auto want = tensors.run(spec, Isa::reference, serial);
      for (Isa isa : fast_isas_of(machine)) {
        INFO(to_string(isa) << ", L=" << queries);
        CHECK(worst(tensors.run(spec, isa, serial), want) <= 0x1p-7);
      }
    }
  }
}

// Root of the mean square of the difference, by that of `want`.
double relative_error(const std::vector<float>& found, const std::vector<float>& want) {
  double error = 0;
  double all = 0;
  for (std::size_t i = 0; i < want.size(); ++i) {
    error += std::pow(static_cast<double>(found[i]) - static_cast<double>(want[i]), 2);
    all += std::pow(static_cast<double>(want[i]), 2);
  }
  return std::sqrt(error / all);
}

// What docs/kernels.md says of it: against the same tensors in f32, whose numbers are bf16's, most
// of the error is the operator's own rounding of operands and scores.
TEST_CASE("probabilities rounded to bf16 add little to what the operator rounds itself") {
  const StandIn machine;
  if (!machine.has(Isa::avx512_bf16)) SKIP("this CPU has no AVX-512 BF16");
  const Sizes sizes{96, 512, 2, 2, 64, 64};
  Serial serial;
  Tensors halves(sizes, 1, Type::bf16);
  Tensors floats(sizes, 1, Type::f32);
  floats.round_to(Type::bf16);
  const auto exact = floats.run({}, Isa::reference, serial);
  const double body = relative_error(halves.run({}, Isa::reference, serial), exact);
  const double widened = relative_error(halves.run({}, Isa::avx512, serial), exact);
  const double pairs = relative_error(halves.run({}, Isa::avx512_bf16, serial), exact);
  INFO("reference " << body << ", widened to f32 " << widened << ", pairs " << pairs);
  CHECK(widened < 1.05 * body);
  CHECK(pairs < 1.15 * body);
  CHECK(pairs != widened);  // or these loops were not reached
  if (!machine.has(Isa::amx_bf16)) return;
  const double tiles = relative_error(halves.run({}, Isa::amx_bf16, serial), exact);
  INFO("tiles " << tiles);
  CHECK(tiles < 1.15 * body);
  CHECK(tiles != pairs);
  CHECK(machine.faults().empty());
}

}  // namespace
}  // namespace onnxpack::kernels::flex
