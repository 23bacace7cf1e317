// The dot products for instruction sets that multiply bytes four at a time into int32. Included by
// the files of such sets only, each of which gives its vector as `V`:
//   V::reg, V::bytes, V::zero(), V::load(p), V::load_part(p, n) (zeros beyond), V::set8(byte),
//   V::dot(acc, codes, activations), V::codes_are_signed, V::band, V::min8 (unsigned), V::sub8,
//   V::add32, V::shift<n> (arithmetic, 32), V::total(acc), V::total4(a, b, c, d, out),
//   V::keep(reg&), V::prefetch(p), V::down4 (each byte shifted right by 4, its upper bits
//   anything); with signed codes V::top2 (each byte shifted right by 6); of 512 bits
//   V::prefetch_far(p), into the second cache
// Everything is in an unnamed namespace: code of one instruction set must never be the copy that
// the linker keeps for all.
#pragma once

#include <cstddef>
#include <cstdint>

#include "ternary/dot.h"

namespace onnxpack::kernels::ternary {
namespace {

// One line of each page (4 KiB) is asked for much earlier, so that the page's translation is there
// when its lines are: weights mapped from a file stand in small pages. 512 bits on Zen 5, one
// thread: from 0.91 of the read ceiling to 1.00 in small pages, from 0.97 to 0.98 in huge ones.
// Narrower vectors are limited by instructions, and the question costs u2 a sixth of its speed; for
// the same reason they ask into the first cache only.
constexpr std::size_t page_ahead = 32768;
template <typename V>
inline void prefetch_stream(const std::uint8_t* p, Ahead ahead) {
  V::prefetch(p + ahead.first);
  if constexpr (V::bytes == 64) {
    V::prefetch_far(p + ahead.second);
    if (reinterpret_cast<std::uintptr_t>(p) % 4096 < V::bytes) V::prefetch_far(p + page_ahead);
  }
}

// Fields of two bits are not shifted down: they are 1, 4, 16 and 64 times the code, at most 192 as
// an unsigned byte, and the sums are shifted instead. 128 is no signed byte, so there the last
// field is shifted down.
template <typename V>
struct Fields {
  typename V::reg mask[4] = {V::set8(0x03), V::set8(0x0C), V::set8(0x30), V::set8(0xC0)};
  static constexpr int last = V::codes_are_signed ? 0 : 6;

  inline typename V::reg take(typename V::reg w, std::size_t field) const {
    if constexpr (V::codes_are_signed)
      if (field == 3) return V::top2(w);
    return V::band(w, mask[field]);
  }
};

// 1 / 3^r modulo 2^32: the sums are multiples of 3^r, so the product is the quotient even where the
// sum wrapped around.
constexpr std::uint32_t inverse_of_power[5] = {1, 0xAAAAAAAB, 0x38E38E39, 0x684BDA13, 0x781948B1};
inline std::int32_t divided(std::int32_t sum, std::uint32_t inverse) {
  return static_cast<std::int32_t>(static_cast<std::uint32_t>(sum) * inverse);
}

template <typename V>
struct U2r {
  static constexpr std::size_t height = 4;
  Fields<V> fields;
  template <std::size_t M>
  inline void step(typename V::reg w, const typename V::reg* a, typename V::reg (*acc)[5]) const {
#pragma GCC unroll 4
    for (std::size_t r = 0; r < 4; ++r) {
      const auto field = fields.take(w, r);
#pragma GCC unroll 4
      for (std::size_t m = 0; m < M; ++m) acc[m][r] = V::dot(acc[m][r], field, a[m]);
    }
  }
  static inline void finish(const typename V::reg* acc, std::int32_t sum, std::int32_t* out) {
    V::total4(acc[0], V::template shift<2>(acc[1]), V::template shift<4>(acc[2]),
              V::template shift<Fields<V>::last>(acc[3]), out);
    for (std::size_t r = 0; r < 4; ++r) out[r] -= sum;
  }
  static inline typename V::reg quarters(const typename V::reg* acc) {
    return V::quarters(acc[0], V::template shift<2>(acc[1]), V::template shift<4>(acc[2]),
                       V::template shift<Fields<V>::last>(acc[3]));
  }
};

// x mod 81 by two subtractions that wrap around and lose the minimum: exact for every byte up to
// 242. What was taken off is the digit times its power, a legal operand of the dot product, so no
// digit is ever extracted and the sums are divided instead.
template <typename V>
struct T5rByMinimum {
  static constexpr std::size_t height = 5;
  typename V::reg twice[4] = {V::set8(162), V::set8(54), V::set8(18), V::set8(6)};
  typename V::reg once[4] = {V::set8(81), V::set8(27), V::set8(9), V::set8(3)};
  template <std::size_t M>
  inline void step(typename V::reg w, const typename V::reg* a, typename V::reg (*acc)[5]) const {
#pragma GCC unroll 4
    for (std::size_t r = 4; r > 0; --r) {
      const auto less = V::min8(w, V::sub8(w, twice[4 - r]));
      const auto rest = V::min8(less, V::sub8(less, once[4 - r]));
      const auto field = V::sub8(w, rest);
#pragma GCC unroll 4
      for (std::size_t m = 0; m < M; ++m) acc[m][r] = V::dot(acc[m][r], field, a[m]);
      w = rest;
    }
#pragma GCC unroll 4
    for (std::size_t m = 0; m < M; ++m) acc[m][0] = V::dot(acc[m][0], w, a[m]);
  }
  static inline void finish(const typename V::reg* acc, std::int32_t sum, std::int32_t* out) {
    V::total4(acc[0], acc[1], acc[2], acc[3], out);
    out[4] = V::total(acc[4]);
    for (std::size_t r = 0; r < 5; ++r) out[r] = divided(out[r], inverse_of_power[r]) - sum;
  }
  static constexpr std::uint32_t fifth = inverse_of_power[4];
  static inline typename V::reg quarters(const typename V::reg* acc) {
    return V::mul32(V::quarters(acc[0], acc[1], acc[2], acc[3]), V::set_powers());
  }
};

// Blocks from `first` on.
template <typename V, typename Form, std::size_t M>
inline void row_plane_blocks(const DotJob& job, const Form& form, std::size_t g, std::size_t m,
                             std::size_t first) {
  const std::uint8_t* bytes = job.bytes + g * job.stride;
  for (std::size_t b = first; b < job.blocks; ++b) {
    typename V::reg acc[M][5];
#pragma GCC unroll 4
    for (auto& row : acc)
#pragma GCC unroll 5
      for (auto& one : row) one = V::zero();
    const std::size_t begin = b * job.block;
    const std::size_t end = begin + job.block < job.width ? begin + job.block : job.width;
    for (std::size_t k = begin; k < end; k += V::bytes) {
      auto w = V::load(bytes + k);
      V::keep(w);
      prefetch_stream<V>(bytes + k, job.ahead);
      typename V::reg a[M];
#pragma GCC unroll 4
      for (std::size_t i = 0; i < M; ++i) a[i] = V::load(job.activations + (m + i) * job.width + k);
      form.template step<M>(w, a, acc);
    }
#pragma GCC unroll 4
    for (std::size_t i = 0; i < M; ++i) {
      const std::size_t at = (m + i) * job.blocks + b;
      Form::finish(acc[i], job.sums[at], job.out + at * job.out_rows + g * Form::height);
    }
  }
}

template <typename V, typename Form, std::size_t M>
inline void row_plane_tile(const DotJob& job, const Form& form, std::size_t g, std::size_t m) {
  row_plane_blocks<V, Form, M>(job, form, g, m, 0);
}

// Tiles of at most Most rows of activations: as many sums as the registers hold. The group is in
// the first cache for the second tile.
template <typename V, typename Form, std::size_t Most>
inline void row_plane(const DotJob& job) {
  const Form form;
  for (std::size_t g = 0; g < job.groups; ++g) {
    std::size_t m = 0;
    if constexpr (Most == 3)  // never one row alone behind three: a tile of one is half as fast
      for (; (job.m - m) % 3 == 1 && job.m - m >= 4; m += 2)
        row_plane_tile<V, Form, 2>(job, form, g, m);
    for (; m + Most <= job.m; m += Most) row_plane_tile<V, Form, Most>(job, form, g, m);
    if constexpr (Most > 2)
      for (; m + 2 <= job.m; m += 2) row_plane_tile<V, Form, 2>(job, form, g, m);
    if constexpr (Most > 1)
      for (; m < job.m; ++m) row_plane_tile<V, Form, 1>(job, form, g, m);
  }
}

// One row of u2, columns [4 begin, 4 end). The bytes behind `end` belong to the next row, or to
// nobody.
template <typename V, std::size_t M>
inline void u2_tile(const DotJob& job, const Fields<V>& fields, std::size_t n, std::size_t m,
                    std::size_t begin, std::size_t end, typename V::reg* sums) {
  const std::uint8_t* bytes = job.bytes + n * job.stride;
  typename V::reg acc[M][4];
#pragma GCC unroll 4
  for (auto& row : acc)
#pragma GCC unroll 5
    for (auto& one : row) one = V::zero();
  const auto step = [&](typename V::reg w, std::size_t j) __attribute__((always_inline)) {
#pragma GCC unroll 4
    for (std::size_t p = 0; p < 4; ++p) {
      const auto field = fields.take(w, p);
#pragma GCC unroll 4
      for (std::size_t i = 0; i < M; ++i) {
        const std::size_t plane = 4 * (m + i) + p;
        acc[i][p] = V::dot(acc[i][p], field, V::load(job.activations + plane * job.width + j));
      }
    }
  };
  std::size_t j = begin;
  for (; j + V::bytes <= end; j += V::bytes) {
    auto w = V::load(bytes + j);
    V::keep(w);
    prefetch_stream<V>(bytes + j, job.ahead);
    step(w, j);
  }
  // With narrow blocks there is nothing but parts.
  if (j < end) {
    prefetch_stream<V>(bytes + j, job.ahead);
    step(V::load_part(bytes + j, end - j), j);
  }
#pragma GCC unroll 4
  for (std::size_t i = 0; i < M; ++i)
    sums[i] = V::add32(
        V::add32(acc[i][0], V::template shift<2>(acc[i][1])),
        V::add32(V::template shift<4>(acc[i][2]), V::template shift<Fields<V>::last>(acc[i][3])));
}

// Two rows of u2 by several rows of activations, so that each load of activations serves two rows.
// The upper two fields are shifted down to where the lower two are: two sums instead of four.
// Not inlined: GCC 12 runs out of registers where it is.
template <typename V, std::size_t M>
__attribute__((noinline)) void u2_pair(const DotJob& job, const Fields<V>& fields, std::size_t n,
                                       std::size_t m, std::size_t begin, std::size_t end,
                                       typename V::reg (*sums)[M]) {
  const std::uint8_t* bytes = job.bytes + n * job.stride;
  typename V::reg acc[2][M][2];
#pragma GCC unroll 2
  for (auto& row : acc)
#pragma GCC unroll 4
    for (auto& both : row) both[0] = both[1] = V::zero();
  const auto step = [&](typename V::reg first, typename V::reg second, std::size_t j)
      __attribute__((always_inline)) {
#pragma GCC unroll 2
    for (std::size_t half = 0; half < 2; ++half) {
      if (half == 1) {
        first = V::down4(first);
        second = V::down4(second);
      }
#pragma GCC unroll 2
      for (std::size_t p = 0; p < 2; ++p) {
        const auto one = V::band(first, fields.mask[p]);
        const auto two = V::band(second, fields.mask[p]);
#pragma GCC unroll 4
        for (std::size_t i = 0; i < M; ++i) {
          const std::size_t plane = 4 * (m + i) + 2 * half + p;
          auto a = V::load(job.activations + plane * job.width + j);
          V::keep(a);
          acc[0][i][p] = V::dot(acc[0][i][p], one, a);
          acc[1][i][p] = V::dot(acc[1][i][p], two, a);
        }
      }
    }
  };
  // As one stream: both rows' bytes in their order.
  const std::uint8_t* far = bytes + 2 * begin + job.stride + job.ahead.first / 2;
  std::size_t j = begin;
  for (; j + V::bytes <= end; j += V::bytes, far += 2 * V::bytes) {
    V::prefetch(far);
    V::prefetch(far + V::bytes);
    if constexpr (V::bytes == 64)
      if (job.ahead.second != 0) {
        V::prefetch_far(far + (job.ahead.second - job.ahead.first));
        V::prefetch_far(far + (job.ahead.second - job.ahead.first) + V::bytes);
      }
    step(V::load(bytes + j), V::load(bytes + job.stride + j), j);
  }
  if (j < end)
    step(V::load_part(bytes + j, end - j), V::load_part(bytes + job.stride + j, end - j), j);
#pragma GCC unroll 2
  for (std::size_t r = 0; r < 2; ++r)
#pragma GCC unroll 4
    for (std::size_t i = 0; i < M; ++i)
      sums[r][i] = V::add32(acc[r][i][0], V::template shift<2>(acc[r][i][1]));
}

template <typename V, std::size_t M>
inline void u2_rows(const DotJob& job, const Fields<V>& fields, std::size_t n, std::size_t count,
                    std::size_t m) {
  for (std::size_t b = 0; b < job.blocks; ++b) {
    const std::size_t begin = b * job.block / 4;
    std::size_t end = (b + 1) * job.block / 4;
    if (end > job.stride) end = job.stride;
    typename V::reg sums[4][M];
    for (std::size_t r = 0; r < 4; ++r)
      for (auto& one : sums[r]) one = V::zero();
    std::size_t r = 0;
    if constexpr (M > 1)
      for (; r + 2 <= count; r += 2) u2_pair<V, M>(job, fields, n + r, m, begin, end, sums + r);
    for (; r < count; ++r) u2_tile<V, M>(job, fields, n + r, m, begin, end, sums[r]);
    for (std::size_t i = 0; i < M; ++i) {
      std::int32_t four[4];
      V::total4(sums[0][i], sums[1][i], sums[2][i], sums[3][i], four);
      const std::size_t at = (m + i) * job.blocks + b;
      for (std::size_t row = 0; row < count; ++row)
        job.out[at * job.out_rows + n + row] = four[row] - job.sums[at];
    }
  }
}

template <typename V, std::size_t M>
inline void u2_all_rows(const DotJob& job, const Fields<V>& fields, std::size_t m) {
  for (std::size_t n = 0; n < job.groups; n += 4)
    u2_rows<V, M>(job, fields, n, job.groups - n < 4 ? job.groups - n : 4, m);
}

// Rows of weights inside of rows of activations: the former come again from the second cache, the
// latter are longer and would not stay in the first.
template <typename V, std::size_t Most>
inline void u2_rows_of_all(const DotJob& job) {
  const Fields<V> fields;
  std::size_t m = 0;
  for (; m + Most <= job.m; m += Most) u2_all_rows<V, Most>(job, fields, m);
  if constexpr (Most > 2)
    for (; m + 2 <= job.m; m += 2) u2_all_rows<V, 2>(job, fields, m);
  if constexpr (Most > 1)
    for (; m < job.m; ++m) u2_all_rows<V, 1>(job, fields, m);
}

}  // namespace
}  // namespace onnxpack::kernels::ternary
