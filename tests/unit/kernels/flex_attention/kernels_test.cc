// Every instruction set of this machine against the reference: odd sizes, few and many queries,
// programs of each kind, threads.
#include <cmath>
#include <limits>
#include <random>
#include <thread>

#include <catch2/catch_test_macros.hpp>

#include "onnxpack/kernels/flex_attention.h"

namespace onnxpack::kernels::flex {
namespace {

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

class Tensors {
 public:
  Tensors(const Sizes& s, std::uint32_t seed) {
    a_ = {.batch = 2,
          .kv_batch = 2,
          .q_heads = s.q_heads,
          .kv_heads = s.kv_heads,
          .q_length = s.q_length,
          .kv_length = s.kv_length,
          .qk_size = s.qk_size,
          .v_size = s.v_size,
          .tables = {}};
    std::mt19937 random(seed);
    std::normal_distribution<float> normal;
    auto fill = [&](std::vector<float>& to, std::int64_t count) {
      to.resize(static_cast<std::size_t>(count));
      for (float& value : to) value = normal(random);
    };
    fill(q_, 2 * s.q_heads * s.q_length * s.qk_size);
    fill(k_, 2 * s.kv_heads * s.kv_length * s.qk_size);
    fill(v_, 2 * s.kv_heads * s.kv_length * s.v_size);
    a_.q = q_.data(), a_.k = k_.data(), a_.v = v_.data();
  }

  std::vector<float> run(const Spec& spec, Isa isa, Parallel& parallel) {
    std::vector<float> y(static_cast<std::size_t>(2 * a_.q_heads * a_.q_length * a_.v_size), 7.0F);
    a_.y = y.data();
    auto kernel = FlexAttention::create(spec, CpuFeatures::only(isa));
    REQUIRE(kernel);
    REQUIRE(kernel->isa() == isa);
    REQUIRE(kernel->run(a_, parallel));
    return y;
  }

 private:
  Arguments a_;
  std::vector<float> q_, k_, v_;
};

double worst(const std::vector<float>& a, const std::vector<float>& b) {
  double out = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (std::isnan(a[i]) != std::isnan(b[i])) return infinity;
    if (!std::isnan(a[i])) out = std::max(out, std::fabs(static_cast<double>(a[i] - b[i])));
  }
  return out;
}

TEST_CASE("fast kernels agree with the reference") {
  const std::vector<Sizes> sizes = {{37, 140, 4, 2, 20, 13}, {100, 65, 2, 1, 16, 16},
                                    {1, 300, 4, 2, 8, 8},    {3, 5, 2, 2, 1, 1},
                                    {4, 0, 2, 2, 8, 8},      {2, 1, 6, 2, 7, 3}};
  std::size_t compared = 0;
  for (Isa isa : {Isa::avx2, Isa::avx512, Isa::neon}) {
    if (!CpuFeatures::detect().has(isa)) continue;
    for (const Named& named : programs()) {
      Spec spec;
      Builder score;
      Builder prob;
      if (named.score != nullptr) spec.score_mod = score.finish(named.score(score));
      if (named.prob != nullptr) spec.prob_mod = prob.finish(named.prob(prob));
      for (const Sizes& s : sizes) {
        INFO(to_string(isa) << " " << named.name << " L=" << s.q_length << " S=" << s.kv_length);
        Tensors tensors(s, 1);
        Serial serial;
        Threads threads;
        const auto want = tensors.run(spec, Isa::reference, serial);
        CHECK(worst(tensors.run(spec, isa, serial), want) < 2e-5);
        CHECK(worst(tensors.run(spec, isa, threads), want) < 2e-5);
        ++compared;
      }
    }
  }
  if (CpuFeatures::detect().has(Isa::avx2) || CpuFeatures::detect().has(Isa::neon))
    CHECK(compared > 0);
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
