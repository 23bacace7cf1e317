// A few queries by every way there is to ask memory, on any machine: results, and what is read.
#include <array>
#include <cstring>

#if defined(__linux__)
#include <sys/mman.h>
#include <unistd.h>
#endif

#include "flex_attention/tile_ops.h"
#include "unit/kernels/flex_attention/tensors.h"

namespace onnxpack::kernels::flex {
namespace {

constexpr std::array ways = {Lookahead::one_stage, Lookahead::two_stages, Lookahead::in_order};

// More keys than are taken at once, an odd number of which what is left over is long enough for
// loops in order (of 16 bits; f32 is taken by fewer); queries that those take and do not take;
// sizes that they know, that vectors fill, and neither.
constexpr std::int64_t many_keys = 1599;
constexpr std::int64_t some_queries[] = {1, 2, 3, 4, 9};
constexpr std::int64_t some_sizes[][2] = {{128, 128}, {64, 64},  {96, 80}, {128, 112},
                                          {70, 96},   {256, 48}, {70, 37}};

template <typename Run>
void for_problems(Run&& run) {
  for (Type type : {Type::f32, Type::bf16, Type::f16})
    for (std::int64_t queries : some_queries)
      for (const auto& [qk_size, v_size] : some_sizes) {
        Tensors tensors({queries, many_keys, 1, 1, qk_size, v_size}, 3, type);
        run(tensors, type);
      }
}

double allowed(Type type) {
  return type == Type::f32 ? 0x1p-17 : 0x1p-6;
}

// By every instruction set and every way.
void check_ways(const StandIn& machine, Tensors& tensors, const Spec& spec,
                const std::vector<float>& want, double most) {
  Serial serial;
  for (Isa isa : fast_isas_of(machine)) {
    for (Lookahead way : ways) {
      INFO(to_string(isa) << ", K and V of " << tensors.keys().size() << " and "
                          << tensors.values().size() << " bytes, " << want.size()
                          << " results, way " << static_cast<int>(way));
      CHECK(worst(tensors.run(spec, isa, serial, way), want) <= most);
    }
  }
}

TEST_CASE("results do not depend on how memory is asked") {
  const StandIn machine;
  Serial serial;
  for_problems([&](Tensors& tensors, Type type) {
    const auto want = tensors.run({}, Isa::reference, serial);
    check_ways(machine, tensors, {}, want, allowed(type));
  });
  CHECK(machine.faults().empty());
}

// Keys that are scaled by integers are done again if one of them is no ordinary number.
TEST_CASE("keys of every size are met whatever way memory is asked") {
  const StandIn machine;
  Serial serial;
  for (std::int64_t queries : {1, 2, 3}) {
    for (std::size_t key : {std::size_t{3}, std::size_t{1041}}) {
      for (int bits : {0x7F80, 0xFF80, 0x7FC0, 0x7FFF, 0x7F7F, 0x7F00, 0x8000, 0x0001}) {
        Tensors tensors({queries, many_keys, 1, 1, 64, 64}, 5, Type::bf16);
        tensors.set_key(key * 64 + 7, static_cast<std::uint16_t>(bits));
        const auto want = tensors.run({}, Isa::reference, serial);
        INFO("key " << key << ", bits " << bits);
        check_ways(machine, tensors, {}, want, 0x1p-5);
      }
    }
  }
  CHECK(machine.faults().empty());
}

// Tiles that programs run on are of 128 keys, of f32 and 128 numbers just long enough.
TEST_CASE("modified scores and probabilities do not depend on how memory is asked") {
  const StandIn machine;
  Serial serial;
  Builder soft_cap;
  const NodeId score = soft_cap.element(Type::f32);
  const NodeId capped = soft_cap.apply(Op::hyperbolic_tangent, {score});
  Builder square;
  const NodeId probability = square.element(Type::f32);
  Spec spec;
  spec.score_mod = soft_cap.finish(capped);
  spec.prob_mod = square.finish(square.apply(Op::multiply, {probability, probability}));
  for (std::int64_t queries : some_queries) {
    Tensors tensors({queries, many_keys, 1, 1, 128, 128}, 4);
    const auto want = tensors.run(spec, Isa::reference, serial);
    check_ways(machine, tensors, spec, want, 0x1p-15);
  }
  CHECK(machine.faults().empty());
}

#if defined(__x86_64__)
TEST_CASE("few queries go in order where V's rows are whole vectors and their sums few") {
  const StandIn machine;
  CHECK(tile_ops_avx2().products.few_in_order == nullptr);
  if (!machine.has(Isa::avx512)) SKIP("a CPU without AVX-512");
  const auto floats = tile_ops_avx512().products.few_in_order;
  const auto halves = tile_ops_avx512().few_f16.few_in_order;
  for (std::size_t size : {64U, 80U, 96U, 112U, 128U}) {
    CHECK(floats(4, size));
    CHECK_FALSE(floats(5, size));
    CHECK(halves(2, size));
    CHECK_FALSE(halves(3, size));
  }
  for (std::size_t size : {32U, 100U, 256U}) CHECK_FALSE(floats(1, size));
  if (!machine.has(Isa::avx512_bf16)) SKIP("a CPU without AVX-512 BF16");
  const auto pairs = tile_ops_avx512bf16().pairs->products.few_in_order;
  CHECK(pairs(3, 128));
  CHECK_FALSE(pairs(4, 128));
  CHECK(pairs(4, 96));
  CHECK_FALSE(pairs(3, 80));
}
#endif

#if defined(__linux__)
// A copy behind which nothing can be read.
class Guarded {
 public:
  explicit Guarded(std::span<const std::byte> from)
      : page_(static_cast<std::size_t>(sysconf(_SC_PAGESIZE))),
        bytes_((from.size() + page_ - 1) / page_ * page_ + page_),
        at_(static_cast<std::byte*>(
            mmap(nullptr, bytes_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0))) {
    REQUIRE(at_ != MAP_FAILED);
    REQUIRE(mprotect(at_ + bytes_ - page_, page_, PROT_NONE) == 0);
    data_ = at_ + bytes_ - page_ - from.size();
    std::memcpy(data_, from.data(), from.size());
  }
  ~Guarded() { munmap(at_, bytes_); }
  Guarded(const Guarded&) = delete;
  Guarded& operator=(const Guarded&) = delete;
  const void* data() const { return data_; }

 private:
  std::size_t page_, bytes_;
  std::byte* at_;
  std::byte* data_ = nullptr;
};

// Sanitizers do not see what vector instructions and assembly read.
TEST_CASE("nothing behind K and V is read whatever way memory is asked") {
  const StandIn machine;
  Serial serial;
  for_problems([&](Tensors& tensors, Type type) {
    const auto want = tensors.run({}, Isa::reference, serial);
    const Guarded keys(tensors.keys());
    const Guarded values(tensors.values());
    tensors.move(keys.data(), values.data());
    check_ways(machine, tensors, {}, want, allowed(type));
  });
  CHECK(machine.faults().empty());
}
#endif

}  // namespace
}  // namespace onnxpack::kernels::flex
