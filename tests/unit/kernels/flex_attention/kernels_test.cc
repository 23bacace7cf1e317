// Every instruction set of this machine against the reference: odd sizes, few and many queries,
// programs of each kind, threads.
#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <random>
#include <thread>

#include <catch2/catch_test_macros.hpp>

#include "flex_attention/half.h"
#include "onnxpack/kernels/flex_attention.h"
#include "unit/kernels/amx/stand_in.h"

namespace onnxpack::kernels::flex {
namespace {

using onnxpack_test::amx::StandIn;

constexpr double infinity = std::numeric_limits<double>::infinity();

class Threads final : public Parallel {
 public:
  std::size_t width() const override { return 3; }
  void run(std::size_t count, void (*task)(void*, std::size_t), void* state) override {
    std::vector<std::jthread> threads;
    for (std::size_t i = 0; i < count; ++i) threads.emplace_back(task, state, i);
  }
};

NodeId causal(Builder& b) {
  return b.apply(Op::less_equal, {b.index(0), b.index(1)});
}
NodeId masked(Builder& b, NodeId condition) {
  return b.apply(Op::select, {condition, b.element(Type::f32), b.real(Type::f32, -infinity)});
}

using Make = NodeId (*)(Builder&);
struct Named {
  const char* name;
  Make score;
  Make prob;
};

const std::vector<Named>& programs() {
  static const std::vector<Named> all = {
      {"none", nullptr, nullptr},
      {"causal", [](Builder& b) { return masked(b, causal(b)); }, nullptr},
      {"rows masked whole",
       [](Builder& b) {
         return masked(b, b.apply(Op::less, {b.index(0), b.index(1)}));
       },
       nullptr},
      {"rows masked whole by the lowest float, as models write it",
       [](Builder& b) {
         const NodeId seen = b.apply(Op::less, {b.index(0), b.index(1)});
         const NodeId lowest = b.real(Type::f32, std::numeric_limits<float>::lowest());
         return b.apply(Op::select, {seen, b.element(Type::f32), lowest});
       },
       nullptr},
      {"window",
       [](Builder& b) {
         const NodeId near =
             b.apply(Op::less, {b.apply(Op::subtract, {b.index(1), b.index(0)}), b.integer(7)});
         return masked(b, b.apply(Op::logical_and, {causal(b), near}));
       },
       nullptr},
      {"additive mask",
       [](Builder& b) {
         const NodeId mask =
             b.apply(Op::select, {causal(b), b.real(Type::f32, 0), b.real(Type::f32, -infinity)});
         return b.apply(Op::add, {b.element(Type::f32), mask});
       },
       nullptr},
      {"bias by head and distance, then a cap",
       [](Builder& b) {
         const NodeId distance = b.cast(b.apply(Op::subtract, {b.index(1), b.index(0)}), Type::f32);
         const NodeId head = b.cast(b.index(2), Type::f32);
         const NodeId slope = b.apply(Op::multiply, {head, b.real(Type::f32, 0.01)});
         const NodeId biased =
             b.apply(Op::add, {b.element(Type::f32), b.apply(Op::multiply, {distance, slope})});
         const NodeId scaled = b.apply(Op::divide, {biased, b.real(Type::f32, 3)});
         return b.apply(Op::multiply,
                        {b.apply(Op::hyperbolic_tangent, {scaled}), b.real(Type::f32, 3)});
       },
       nullptr},
      {"halved probabilities", [](Builder& b) { return masked(b, causal(b)); },
       [](Builder& b) {
         return b.apply(Op::multiply, {b.element(Type::f32), b.real(Type::f32, 0.5)});
       }},
      {"probabilities that do not scale", [](Builder& b) { return masked(b, causal(b)); },
       [](Builder& b) {
         return b.apply(
             Op::add, {b.apply(Op::square_root, {b.element(Type::f32)}), b.real(Type::f32, 0.125)});
       }},
  };
  return all;
}

struct Sizes {
  std::int64_t q_length, kv_length, q_heads, kv_heads, qk_size, v_size;
};

std::uint16_t narrow(Type type, float value) {
  return type == Type::bf16 ? float_to_bfloat(value) : float_to_half(value);
}
float wide(Type type, std::uint16_t bits) {
  return type == Type::bf16 ? bfloat_to_float(bits) : half_to_float(bits);
}

class Tensors {
 public:
  Tensors(const Sizes& s, std::uint32_t seed, Type element = Type::f32) : element_(element) {
    a_ = {.batch = 2,
          .kv_batch = 2,
          .q_heads = s.q_heads,
          .kv_heads = s.kv_heads,
          .q_length = s.q_length,
          .kv_length = s.kv_length,
          .qk_size = s.qk_size,
          .v_size = s.v_size,
          .tables = {}};
    random_.seed(seed);
    a_.q = fill(q_, 2 * s.q_heads * s.q_length * s.qk_size);
    a_.k = fill(k_, 2 * s.kv_heads * s.kv_length * s.qk_size);
    a_.v = fill(v_, 2 * s.kv_heads * s.kv_length * s.v_size);
  }

  std::vector<float> run(Spec spec, Isa isa, Parallel& parallel) {
    spec.element = element_;
    std::vector<float> y(static_cast<std::size_t>(2 * a_.q_heads * a_.q_length * a_.v_size), 7.0F);
    std::vector<std::uint16_t> halves(y.size(), 7);
    a_.y = element_ == Type::f32 ? static_cast<void*>(y.data()) : halves.data();
    auto kernel = FlexAttention::create(spec, CpuFeatures::only(isa));
    REQUIRE(kernel);
    REQUIRE(kernel->isa() == isa);
    REQUIRE(kernel->run(a_, parallel));
    for (std::size_t i = 0; element_ != Type::f32 && i < y.size(); ++i)
      y[i] = wide(element_, halves[i]);
    return y;
  }

  // Number `at` of K, counted through, becomes `bits`; of 16-bit floats.
  void set_key(std::size_t at, std::uint16_t bits) { k_.halves[at] = bits; }

  void round_to(Type type) {
    for (Tensor* tensor : {&q_, &k_, &v_}) round(*tensor, type);
  }

 private:
  struct Tensor {
    std::vector<float> floats;
    std::vector<std::uint16_t> halves;
  };
  static void round(Tensor& to, Type type) {
    for (float& value : to.floats) value = wide(type, narrow(type, value));
  }
  const void* fill(Tensor& to, std::int64_t count) {
    std::normal_distribution<float> normal;
    to.floats.resize(static_cast<std::size_t>(count));
    for (float& value : to.floats) value = normal(random_);
    if (element_ == Type::f32) return to.floats.data();
    for (float value : to.floats) to.halves.push_back(narrow(element_, value));
    return to.halves.data();
  }

  Type element_;
  Arguments a_;
  std::mt19937 random_;
  Tensor q_, k_, v_;
};

double worst(const std::vector<float>& a, const std::vector<float>& b) {
  double out = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (std::isnan(a[i]) != std::isnan(b[i])) return infinity;
    if (!std::isnan(a[i])) out = std::max(out, std::fabs(static_cast<double>(a[i] - b[i])));
  }
  return out;
}

const std::vector<Sizes> all_sizes = {
    {37, 140, 4, 2, 20, 13},
    {100, 65, 2, 1, 16, 16},
    {1, 300, 4, 2, 8, 8},
    {3, 5, 2, 2, 1, 1},
    {4, 0, 2, 2, 8, 8},
    {2, 1, 6, 2, 7, 3},
    {130, 150, 1, 1, 64, 40},
    {1, 500, 8, 1, 33, 130},
    {5, 131, 2, 2, 40, 40},
    {7, 160, 1, 1, 64, 64},
    {16, 100, 2, 1, 24, 24},
    // 2 to 8 queries of a kv head, in blocks of keys, in what is left of them, and in rows longer
    // than what is turned at a time.
    {1, 75, 2, 1, 64, 64},
    {3, 45, 1, 1, 33, 17},
    {2, 99, 4, 2, 128, 40},
    {6, 33, 1, 1, 70, 70},
    {2, 147, 4, 1, 100, 96},
    {4, 64, 2, 1, 300, 16}};

Spec spec_of(const Named& named) {
  Spec spec;
  Builder score;
  Builder prob;
  if (named.score != nullptr) spec.score_mod = score.finish(named.score(score));
  if (named.prob != nullptr) spec.prob_mod = prob.finish(named.prob(prob));
  return spec;
}

std::vector<Isa> fast_isas_of(const StandIn& machine) {
  std::vector<Isa> out;
  for (Isa isa : {Isa::avx2, Isa::avx512, Isa::avx512_bf16, Isa::amx_bf16, Isa::neon}) {
    if (machine.has(isa)) out.push_back(isa);
  }
  return out;
}

// By how much of the largest result each instruction set differs from the reference, over all
// programs, sizes and ways to run.
std::map<Isa, double> worst_of(Type element) {
  const StandIn machine;
  std::map<Isa, double> out;
  Serial serial;
  Threads threads;
  for (const Named& named : programs()) {
    const Spec spec = spec_of(named);
    for (const Sizes& s : all_sizes) {
      Tensors tensors(s, 1, element);
      const auto want = tensors.run(spec, Isa::reference, serial);
      double largest = 1;
      for (float y : want) {
        if (!std::isnan(y)) largest = std::max(largest, std::fabs(static_cast<double>(y)));
      }
      for (Isa isa : fast_isas_of(machine)) {
        INFO(to_string(isa) << " " << named.name << " L=" << s.q_length << " S=" << s.kv_length);
        const double found = std::max(worst(tensors.run(spec, isa, serial), want),
                                      worst(tensors.run(spec, isa, threads), want));
        CHECK(found < infinity);  // NaN where the other has a number
        out[isa] = std::max(out[isa], found / largest);
      }
    }
  }
  CHECK(machine.faults().empty());
  if (machine.emulates() && machine.has(Isa::amx_bf16))
    CHECK((machine.executed() > 0) == (element == Type::bf16));
  return out;
}

TEST_CASE("fast kernels agree with the reference") {
  const auto found = worst_of(Type::f32);
  for (const auto& [isa, difference] : found) {
    INFO(to_string(isa));
    CHECK(difference < 5e-6);
  }
  if (CpuFeatures::detect().has(Isa::avx2) || CpuFeatures::detect().has(Isa::neon))
    CHECK(!found.empty());
}

// A result may lie a unit (2^-8 of bf16, 2^-11 of f16) apart, since f32 and f64 sums may round to
// either side: a score, and with it all of a row, or the result. Where probabilities are rounded
// too, the sum of their errors comes to as much again.
TEST_CASE("fast kernels agree with the reference on 16-bit floats") {
  for (const auto& [isa, difference] : worst_of(Type::bf16)) {
    INFO(to_string(isa));
    CHECK(difference <= (isa == Isa::avx512_bf16 || isa == Isa::amx_bf16 ? 0x1p-7 : 0x1p-8));
  }
  for (const auto& [isa, difference] : worst_of(Type::f16)) {
    INFO(to_string(isa));
    CHECK(difference <= 0x1p-10);
  }
}

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
  for (std::int64_t queries : {1, 2, 4, 8}) {
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

TEST_CASE("masked tiles are not computed") {
  const auto features = CpuFeatures::detect();
  if (!features.has(Isa::avx2) && !features.has(Isa::neon)) SKIP("no fast kernel on this CPU");
  Builder b;
  Spec spec;
  spec.score_mod = b.finish(masked(b, causal(b)));
  auto kernel = FlexAttention::create(spec, features);
  REQUIRE(kernel);
  const std::int64_t length = 960;
  std::vector<float> x(static_cast<std::size_t>(length) * 4, 0.5F);
  std::vector<float> y(x.size());
  Arguments a{.batch = 1,
              .kv_batch = 1,
              .q_heads = 1,
              .kv_heads = 1,
              .q_length = length,
              .kv_length = length,
              .qk_size = 4,
              .v_size = 4,
              .tables = {}};
  a.q = a.k = a.v = x.data();
  a.y = y.data();
  Serial serial;
  TileCounts counts;
  REQUIRE(kernel->run(a, serial, &counts));
  // 10 tiles of 96 queries by 128 keys: about half are not visited, and only those on the diagonal
  // run the program.
  CHECK(counts.full + counts.partial < 50);
  CHECK(counts.partial <= 20);
  // Half of the scores are masked; on the diagonal 16 keys by 48 queries at a time are left out.
  const auto all = static_cast<double>(length * length);
  CHECK(static_cast<double>(counts.scores) < 0.54 * all);
  CHECK(static_cast<double>(counts.scores) > 0.5 * all);
}

// A table read at a place that the score decides: what fills up a tile, or lies behind the end of
// the keys that a query sees, must not be taken for such a place.
TEST_CASE("a table indexed by scores is asked only for scores that are there") {
  Builder b;
  const std::size_t table = b.add_table({Type::f32, 1, true, {}, {}});
  // Scores are 8 exactly; any less is before the table.
  const NodeId place =
      b.apply(Op::subtract, {b.cast(b.element(Type::f32), Type::i64), b.integer(8)});
  const NodeId found = b.load(table, {b.apply(Op::minimum, {place, b.integer(0)})});
  Spec spec;
  spec.scale = 1.0F;
  spec.score_mod = b.finish(b.apply(Op::select, {causal(b), found, b.real(Type::f32, -infinity)}));
  const float entry = 0.5F;
  const StandIn machine;
  for (Isa isa : fast_isas_of(machine)) {
    for (std::int64_t queries : {1, 5, 9, 100}) {
      INFO(to_string(isa) << " L=" << queries);
      std::vector<float> x(static_cast<std::size_t>(200 * 8), 1.0F);
      std::vector<float> y(static_cast<std::size_t>(queries * 8));
      Arguments a{.batch = 1,
                  .kv_batch = 1,
                  .q_heads = 1,
                  .kv_heads = 1,
                  .q_length = queries,
                  .kv_length = 200,
                  .qk_size = 8,
                  .v_size = 8,
                  .tables = {{Type::f32, &entry, {1}}}};
      a.q = a.k = a.v = x.data();
      a.y = y.data();
      Serial serial;
      auto kernel = FlexAttention::create(spec, CpuFeatures::only(isa));
      REQUIRE(kernel);
      CHECK(kernel->run(a, serial));
      CHECK(std::ranges::all_of(y, [](float value) { return std::fabs(value - 1) < 1e-6F; }));
    }
  }
}

TEST_CASE("programs survive their bytes, and damaged bytes are refused or harmless") {
  for (const Named& named : programs()) {
    if (named.score == nullptr) continue;
    Builder b;
    const std::string bytes = serialize(b.finish(named.score(b)));
    auto parsed = parse(bytes);
    REQUIRE(parsed);
    CHECK(serialize(*parsed) == bytes);
    for (std::size_t cut = 0; cut < bytes.size(); ++cut) CHECK_FALSE(parse(bytes.substr(0, cut)));
    for (std::size_t at = 0; at < bytes.size(); ++at) {
      std::string changed = bytes;
      changed[at] = static_cast<char>(changed[at] ^ 0x15);
      if (auto other = parse(changed)) CHECK(serialize(*other) == changed);
    }
  }
  CHECK(parse("nothing").error() == "tile program: does not begin with OPTP");
}

}  // namespace
}  // namespace onnxpack::kernels::flex
