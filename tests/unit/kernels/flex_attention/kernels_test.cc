// Every instruction set of this machine against the reference: odd sizes, few and many queries,
// programs of each kind, threads.
#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <random>
#include <thread>

#include <catch2/catch_test_macros.hpp>

#include "unit/kernels/flex_attention/tensors.h"

namespace onnxpack::kernels::flex {
namespace {

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
    {4, 64, 2, 1, 300, 16},
    // 9 to 16, which the loops for few take or do not, and more keys than those hold at once.
    {9, 99, 1, 1, 100, 16},
    {4, 70, 4, 1, 33, 48},
    {3, 600, 4, 1, 64, 70},
    // On both sides of what those loops take: one more, rows that are too long, and 12 behind 96.
    {13, 99, 1, 1, 64, 64},
    {9, 40, 1, 1, 520, 16},
    {108, 150, 1, 1, 16, 16}};

Spec spec_of(const Named& named) {
  Spec spec;
  Builder score;
  Builder prob;
  if (named.score != nullptr) spec.score_mod = score.finish(named.score(score));
  if (named.prob != nullptr) spec.prob_mod = prob.finish(named.prob(prob));
  return spec;
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

// A result may lie a unit apart, which of bf16 is between 2^-8 and 2^-7 of it, since f32 and f64
// sums may round to either side: a score, and with it all of a row, or the result. Where
// probabilities are rounded too, the sum of their errors comes to as much again, in rows whose
// results are smaller than the largest.
TEST_CASE("fast kernels agree with the reference on 16-bit floats") {
  for (const auto& [isa, difference] : worst_of(Type::bf16)) {
    INFO(to_string(isa));
    CHECK(difference <= 0x1p-7);
  }
  for (const auto& [isa, difference] : worst_of(Type::f16)) {
    INFO(to_string(isa));
    CHECK(difference <= 0x1p-10);
  }
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
