// Scales of blocks of 16 and 32 columns, row planes: a vector holds several blocks, and none of
// their sums goes beyond it. The dot product leaves sums of four columns side by side, so the 128
// bits that four of them fill are a block of 16, and turning four rows' registers into one with the
// rows side by side (V::quarters) is all the adding up there is. Included by files of instruction
// sets that multiply bytes; beside dot_tiles.h V gives
//   V::quarters(a, b, c, d) (in each 128 bits the sums of a, b, c and d there),
//   V::swap_quarters(a) (neighbouring 128 bits change places), V::mul32, V::set32(value),
//   V::set_powers() (in each 128 bits inverse_of_power[0] to [3]), V::store(p, a);
// a form gives quarters(acc): its first four rows, whole, and of five `fifth`, what the last one's
// sum has to be multiplied by. In an unnamed namespace, see dot_tiles.h.
#pragma once

#include "ternary/dot_tiles.h"

namespace onnxpack::kernels::ternary {
namespace {

inline bool goes_narrow(const DotJob& job) {
  return job.block == 16 || job.block == 32;
}

// Numbers 4 i to 4 i + 3 of `rows` are four rows of the i-th 16 columns, number 4 i of `last` is
// the fifth row.
template <typename V, typename Form>
inline void store_narrow(const DotJob& job, std::size_t at, std::size_t b, std::size_t g,
                         const std::int32_t* rows, const std::int32_t* last) {
  const std::size_t apart = job.block / 16;
  std::int32_t* out = job.out + (at + b) * job.out_rows + g * Form::height;
  const std::size_t left = job.blocks - b;
  const std::size_t here = V::bytes / job.block;
  for (std::size_t i = 0; i < (here < left ? here : left); ++i, out += job.out_rows) {
    const std::int32_t sum = job.sums[at + b + i];
#pragma GCC unroll 4
    for (std::size_t r = 0; r < 4; ++r) out[r] = rows[4 * apart * i + r] - sum;
    if constexpr (Form::height == 5) out[4] = last[4 * apart * i] - sum;
  }
}

template <typename V, typename Form>
inline void group_narrow(const DotJob& job, const Form& form, std::size_t g, std::size_t m) {
  using reg = typename V::reg;
  const std::uint8_t* bytes = job.bytes + g * job.stride;
  const std::int8_t* activations = job.activations + m * job.width;
  const bool pairs = job.block == 32;
  const std::size_t end = job.blocks * job.block < job.width ? job.blocks * job.block : job.width;
  for (std::size_t k = 0; k < end; k += V::bytes) {
    auto w = V::load(bytes + k);
    V::keep(w);
    prefetch_stream<V>(bytes + k, job.ahead);
    const reg a = V::load(activations + k);
    reg acc[1][5];
#pragma GCC unroll 5
    for (auto& one : acc[0]) one = V::zero();
    form.template step<1>(w, &a, acc);
    alignas(V::bytes) std::int32_t rows[V::bytes / 4];
    alignas(V::bytes) std::int32_t last[V::bytes / 4];
    const auto keep = [&](reg sums, std::int32_t* to) {
      V::store(to, pairs ? V::add32(sums, V::swap_quarters(sums)) : sums);
    };
    keep(Form::quarters(acc[0]), rows);
    if constexpr (Form::height == 5) {
      const reg fifth = V::quarters(acc[0][4], V::zero(), V::zero(), V::zero());
      keep(Form::fifth == 1 ? fifth : V::mul32(fifth, V::set32(Form::fifth)), last);
    }
    store_narrow<V, Form>(job, m * job.blocks, k / job.block, g, rows, last);
  }
}

template <typename V, typename Form>
inline void row_plane_narrow(const DotJob& job) {
  const Form form;
  for (std::size_t g = 0; g < job.groups; ++g)
    for (std::size_t m = 0; m < job.m; ++m) group_narrow<V, Form>(job, form, g, m);
}

}  // namespace
}  // namespace onnxpack::kernels::ternary
