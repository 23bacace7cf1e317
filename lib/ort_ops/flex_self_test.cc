#include "flex_self_test.h"

#include <bit>
#include <cmath>
#include <cstdint>
#include <vector>

#include "onnxpack/kernels/flex_attention.h"
#include "onnxpack/kernels/parallel.h"
#include "trial.h"

namespace onnxpack::ort_ops {
namespace {

namespace flex = kernels::flex;
using kernels::CpuFeatures;
using kernels::Isa;

// Sizes that fill no tile: more queries than take the loops for a few.
constexpr std::int64_t queries = 20;
constexpr std::int64_t keys = 41;
constexpr std::int64_t qk_size = 40;
constexpr std::int64_t v_size = 20;

// bf16, between -1 and 1.
std::vector<std::uint16_t> numbers(std::int64_t count, std::uint32_t seed) {
  std::vector<std::uint16_t> out;
  for (std::uint32_t i = 0; i < static_cast<std::uint32_t>(count); ++i) {
    const float value = static_cast<float>(((i + seed) * 2654435761U) >> 16U) / 32768.0F - 1.0F;
    out.push_back(static_cast<std::uint16_t>(std::bit_cast<std::uint32_t>(value) >> 16U));
  }
  return out;
}

// Empty where it cannot be computed.
std::vector<float> attention(CpuFeatures features) {
  flex::Spec spec;
  spec.element = flex::Type::bf16;
  auto kernel = flex::FlexAttention::create(spec, features);
  if (!kernel) return {};
  const auto q = numbers(queries * qk_size, 1);
  const auto k = numbers(keys * qk_size, 1000);
  const auto v = numbers(keys * v_size, 3000);
  std::vector<std::uint16_t> y(static_cast<std::size_t>(queries * v_size));
  flex::Arguments a{.batch = 1,
                    .kv_batch = 1,
                    .q_heads = 1,
                    .kv_heads = 1,
                    .q_length = queries,
                    .kv_length = keys,
                    .qk_size = qk_size,
                    .v_size = v_size,
                    .tables = {}};
  a.q = q.data(), a.k = k.data(), a.v = v.data(), a.y = y.data();
  kernels::Serial serial;
  if (!kernel->run(a, serial)) return {};
  std::vector<float> out;
  for (std::uint16_t bits : y) out.push_back(std::bit_cast<float>(std::uint32_t{bits} << 16U));
  return out;
}

}  // namespace

bool attention_agrees(CpuFeatures features) {
  const auto found = attention(features);
  const auto want = attention({});
  bool good = found.size() == want.size() && !found.empty();
  for (std::size_t i = 0; good && i < found.size(); ++i)
    good = std::fabs(found[i] - want[i]) < 0x1p-6F;  // false for NaN
  return good;
}

CpuFeatures tried_attention_features(CpuFeatures allowed) {
  if (!allowed.has(Isa::amx_bf16)) return allowed;
  if (runs_without_fault([&] { return attention_agrees(allowed); })) return allowed;
  return intersect(allowed, CpuFeatures::only(Isa::avx512_bf16));
}

}  // namespace onnxpack::ort_ops
