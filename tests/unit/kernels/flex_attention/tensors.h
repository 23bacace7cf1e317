// Tensors of one call, run by any instruction set of this machine, and how far results lie apart.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <random>
#include <span>
#include <vector>

#include <catch2/catch_test_macros.hpp>

#include "flex_attention/half.h"
#include "onnxpack/kernels/flex_attention.h"
#include "unit/kernels/amx/stand_in.h"

namespace onnxpack::kernels::flex {
namespace {

using onnxpack_test::amx::StandIn;

constexpr double infinity = std::numeric_limits<double>::infinity();

struct Sizes {
  std::int64_t q_length, kv_length, q_heads, kv_heads, qk_size, v_size;
};

inline std::uint16_t narrow(Type type, float value) {
  return type == Type::bf16 ? float_to_bfloat(value) : float_to_half(value);
}
inline float wide(Type type, std::uint16_t bits) {
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

  std::vector<float> run(Spec spec, Isa isa, Parallel& parallel,
                         Lookahead lookahead = Lookahead::one_stage) {
    spec.element = element_;
    std::vector<float> y(static_cast<std::size_t>(2 * a_.q_heads * a_.q_length * a_.v_size), 7.0F);
    std::vector<std::uint16_t> halves(y.size(), 7);
    a_.y = element_ == Type::f32 ? static_cast<void*>(y.data()) : halves.data();
    auto kernel = FlexAttention::create(spec, CpuFeatures::only(isa, lookahead));
    REQUIRE(kernel);
    REQUIRE(kernel->isa() == isa);
    REQUIRE(kernel->run(a_, parallel));
    for (std::size_t i = 0; element_ != Type::f32 && i < y.size(); ++i)
      y[i] = wide(element_, halves[i]);
    return y;
  }

  // Number `at` of K or V, counted through, becomes `bits`; of 16-bit floats.
  void set_key(std::size_t at, std::uint16_t bits) { k_.halves[at] = bits; }
  void set_value(std::size_t at, std::uint16_t bits) { v_.halves[at] = bits; }

  std::span<const std::byte> keys() const { return bytes(k_); }
  std::span<const std::byte> values() const { return bytes(v_); }
  // K and V from elsewhere, as long as those.
  void move(const void* k, const void* v) {
    a_.k = k;
    a_.v = v;
  }

  void round_to(Type type) {
    for (Tensor* tensor : {&q_, &k_, &v_}) round(*tensor, type);
  }

 private:
  struct Tensor {
    std::vector<float> floats;
    std::vector<std::uint16_t> halves;
  };
  std::span<const std::byte> bytes(const Tensor& of) const {
    if (element_ == Type::f32) return std::as_bytes(std::span(of.floats));
    return std::as_bytes(std::span(of.halves));
  }
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

inline double worst(const std::vector<float>& a, const std::vector<float>& b) {
  double out = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (std::isnan(a[i]) != std::isnan(b[i])) return infinity;
    if (!std::isnan(a[i])) out = std::max(out, std::fabs(static_cast<double>(a[i] - b[i])));
  }
  return out;
}
inline std::vector<Isa> fast_isas_of(const StandIn& machine) {
  std::vector<Isa> out;
  for (Isa isa : {Isa::avx2, Isa::avx512, Isa::avx512_bf16, Isa::amx_bf16, Isa::neon}) {
    if (machine.has(isa)) out.push_back(isa);
  }
  return out;
}

}  // namespace
}  // namespace onnxpack::kernels::flex
