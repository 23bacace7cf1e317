// The loops for a few queries on a CPU that reads fastest what is loaded line after line and hardly
// asked for (Lookahead::in_order): K row after row, V by whole rows.
//
// Such a CPU fetches by itself, and only what it sees to be read in order, which eights of rows
// (tile_fours.h) and columns of V (few_weigh_of) are not. Asking for every line is no substitute:
// each holds one of the first cache's few buffers for as long as memory takes. K and V of 256 MB of
// f32, D 128, on a thread of Zen 4: one query came at 0.74 to 0.80 of the speed of reading with
// lines asked for, four at 0.72 to 0.80; so 1.00 to 1.06 and 0.83 to 0.89.
#pragma once

#include <cstdint>

#include "flex_attention/few_numbers.h"
#include "flex_attention/few_sums.h"

namespace {

using onnxpack::kernels::flex::few_tile_stride;
using onnxpack::kernels::flex::Reading;

// What CPUs fetch by themselves ends with a page. So the first lines of each are asked for when the
// one before is begun: a loop with much to compute would wait for them. Where more than a page is
// read before the next look (K of more than 256 floats), some pages are left out.
class Pages {
 public:
  explicit Pages(const Reading& of) : end_(of.begin + of.bytes), next_(of.next) {}
  void reached(const void* place) {
    const char* at = static_cast<const char*>(place);
    if (at < turn_) return;
    const std::size_t left = bytes - (reinterpret_cast<std::uintptr_t>(at) & (bytes - 1));
    turn_ = at + left;
    const char* begin = left < static_cast<std::size_t>(end_ - at) ? turn_ : next_;
    ask_second(begin);
    ask_second(begin + 64);
  }
  static constexpr std::size_t bytes = 4096;

 private:
  const char* turn_ = nullptr;
  const char* end_;
  const char* next_;
};

// Loads of the lines of `numbers` from `at`, first to last, that nothing waits for: the compiler
// puts other loads in an order of its own. And lines that are loaded a second time come faster: one
// query of f32 had 0.87 to 0.91 without that on Zen 4.
template <typename T>
[[gnu::always_inline]] inline void touch(const T* at, std::size_t numbers) {
#pragma GCC unroll 16
  for (std::size_t i = 0; i < numbers; i += 64 / sizeof *at) {
    unsigned unused;
    asm volatile("movzbl %1, %0" : "=r"(unused) : "m"(*reinterpret_cast<const char*>(at + i)));
  }
}

// acc[r * T + t] += the products of query r with row t of T. `Numbers` is the size of a row where
// it is known here, or 0.
template <std::size_t T, std::size_t R, std::size_t Numbers, typename In>
[[gnu::always_inline]] inline void products_in_order(const In& in, const float* queries,
                                                     std::size_t query_stride,
                                                     const typename In::Number* key,
                                                     std::size_t any_size, Vf* acc) {
  const std::size_t size = Numbers != 0 ? Numbers : any_size;
  auto add = [&](std::size_t t, std::size_t e, Vf line) __attribute__((always_inline)) {
    touch(key + e, 1);
    const std::size_t at = e / In::key_numbers * width;
#pragma GCC unroll 8
    for (std::size_t r = 0; r < R; ++r)
      acc[r * T + t] = In::add(acc[r * T + t], load(queries + r * query_stride + at), line);
  };
#pragma GCC unroll 8
  for (std::size_t t = 0; t < T; ++t, key += size) {
    // The compiler would put together lines of several rows that meet the same part of a query.
    asm("" : "+r"(key));
    std::size_t e = 0;
#pragma GCC unroll 8
    for (; e + In::key_numbers <= size; e += In::key_numbers) add(t, e, in.key(key + e));
    if (e < size) add(t, e, in.key_part(key + e, size - e));
  }
}

// Scores of all keys but some last; how many those were, or 0 as few_scores_by_eight.
template <std::size_t R, std::size_t Numbers, typename In>
[[gnu::noinline]] std::size_t score_rows(const In& of, const float* queries,
                                         std::size_t query_stride, const typename In::Number* keys,
                                         std::size_t rows, std::size_t size, float* tile,
                                         const Reading& reading) {
  const In in = of;  // a copy stays in registers
  Pages pages(reading);
  constexpr std::size_t at_once = R <= 2 ? 8 : 4;
  constexpr std::size_t count = at_once * R > 8 ? 16 : 8;
  static_assert(at_once * R <= count);
  std::size_t k = 0;
  for (; k + at_once <= rows; k += at_once) {
    pages.reached(keys + k * size);
    Vf acc[count] = {};
    products_in_order<at_once, R, Numbers>(in, queries, query_stride, keys + k * size, size, acc);
    alignas(64) float sums[16];
    lanes_sums(in, acc, sums);
#pragma GCC unroll 8
    for (std::size_t r = 0; r < R; ++r)
      std::memcpy(tile + r * few_tile_stride + k, sums + r * at_once, at_once * sizeof(float));
  }
  return in.certain() ? k : 0;
}

// The sizes that most models have are worth code that knows them.
template <std::size_t R, typename In>
std::size_t few_scores_in_order(const In& in, const float* queries, std::size_t query_stride,
                                const typename In::Number* keys, std::size_t rows, std::size_t size,
                                float* tile, const Reading& reading) {
  const auto scores = size == 128  ? score_rows<R, 128, In>
                      : size == 64 ? score_rows<R, 64, In>
                                   : score_rows<R, 0, In>;
  return scores(in, queries, query_stride, keys, rows, size, tile, reading);
}

// Rows of V that a page holds, an even number.
template <typename In>
constexpr std::size_t page_rows(std::size_t size) {
  return Pages::bytes / (size * sizeof(typename In::Number)) / 2 * 2;
}

// `rows` rows of N vectors, for R outputs. `pages` is null where the rows have been read before.
template <std::size_t N, std::size_t R, typename In>
[[gnu::always_inline]] inline void weigh_whole_rows(const In& in, const float* weights,
                                                    std::size_t rows,
                                                    const typename In::Number* values,
                                                    const float* factor, float* out,
                                                    std::size_t out_stride, Pages* pages) {
  constexpr std::size_t size = N * width;
  constexpr std::size_t some = page_rows<In>(size);
  constexpr std::size_t weights_stride = few_tile_stride / In::rows_together;
  Vf acc[R][N];
#pragma GCC unroll 8
  for (std::size_t r = 0; r < R; ++r) {
#pragma GCC unroll 8
    for (std::size_t n = 0; n < N; ++n)
      acc[r][n] = load(out + r * out_stride + n * width) * factor[r];
  }
  for (std::size_t k = 0; k < rows;) {
    if (pages != nullptr) pages->reached(values + k * size);
    const std::size_t end = rows - k < some ? rows : k + some;
    for (; k < end; k += In::rows_together) {
      Vf line[N];
      const typename In::Number* row = values + k * size;
      in.values(row, size, rows - k, width, line);
      if (pages != nullptr) {
        touch(row, size);
        if (In::rows_together > 1 && rows - k > 1) touch(row + size, size);
      }
#pragma GCC unroll 8
      for (std::size_t n = 0; n < N; ++n) {
#pragma GCC unroll 8
        for (std::size_t r = 0; r < R; ++r)
          acc[r][n] =
              In::add(acc[r][n], weights[r * weights_stride + k / In::rows_together], line[n]);
      }
    }
  }
#pragma GCC unroll 8
  for (std::size_t r = 0; r < R; ++r) {
#pragma GCC unroll 8
    for (std::size_t n = 0; n < N; ++n) store(out + r * out_stride + n * width, acc[r][n]);
  }
}

// few_weigh_of for rows of N vectors.
template <std::size_t N, std::size_t R, typename In>
[[gnu::noinline]] void weigh_rows(const In& of, const float* weights, std::size_t rows,
                                  const typename In::Number* values, const float* factor,
                                  float* out, std::size_t out_stride, const Reading& reading) {
  const In in = of;
  Pages pages(reading);
  // As many outputs as registers hold the sums of. The others meet rows while the first cache has
  // them: few rows, since nothing is read meanwhile.
  constexpr std::size_t fit = few_sums / N < R ? few_sums / N : R;
  constexpr std::size_t weights_stride = few_tile_stride / In::rows_together;
  static constexpr float ones[usual_few] = {1, 1, 1, 1, 1, 1, 1, 1};
  const std::size_t step = fit == R ? rows : page_rows<In>(N * width);
  for (std::size_t k = 0; k < rows; k += step) {
    const std::size_t count = rows - k < step ? rows - k : step;
    const float* by = k == 0 ? factor : ones;
    const float* some = weights + k / In::rows_together;
    const typename In::Number* at = values + k * N * width;
    weigh_whole_rows<N, fit>(in, some, count, at, by, out, out_stride, &pages);
    if constexpr (fit < R) {
      static_assert(R <= 2 * fit);
      weigh_whole_rows<N, R - fit>(in, some + fit * weights_stride, count, at, by + fit,
                                   out + fit * out_stride, out_stride, nullptr);
    }
  }
}

// Rows of V that go in order are of 4 to 8 vectors, and lines of pairs hold two. Four queries of
// bf16 have too much to compute with rows so long that V has to be met twice. ProductOps'
// few_in_order.
template <typename Values>
constexpr bool few_in_order(std::size_t queries, std::size_t v_size) {
  return queries <= Values::most_in_order && v_size % (Values::rows_together * width) == 0 &&
         v_size >= 4 * width && v_size <= 8 * width &&
         (Values::rows_together == 1 || queries * v_size <= few_sums * width);
}

template <std::size_t R, typename In>
void few_weigh_in_order(const In& in, const float* weights, std::size_t rows,
                        const typename In::Number* values, std::size_t size, const float* factor,
                        float* out, std::size_t out_stride, const Reading& reading) {
  for_count(size / width, [&]<std::size_t N>() {
    if constexpr (few_in_order<In>(R, N * width))
      weigh_rows<N, R>(in, weights, rows, values, factor, out, out_stride, reading);
  });
}

}  // namespace
