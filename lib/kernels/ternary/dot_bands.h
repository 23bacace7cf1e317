// One row of activations that is too long for the first cache beside the stream of weights,
// AVX-512.
//
// Weights go in bands of rows, 16 KiB, and a band in pieces of the columns, whose activations stay
// in the first cache for all rows of the band. Memory must see one linear stream all the same (one
// that goes piece by piece is slower by a third, since the processor's own prefetching runs past
// every piece): while a band is multiplied, the next one is prefetched in its order, one line for
// each line that is used, and is in the first cache, or the second, when its turn comes. In an
// unnamed namespace, see dot_tiles.h.
#pragma once

#include "ternary/dot_tiles.h"
#include "ternary/vector_avx512.h"

namespace onnxpack::kernels::ternary {
namespace {

constexpr std::size_t band_bytes = 16384;
// Bytes of a row in a piece: 8192 and 12288 columns.
constexpr std::size_t row_plane_piece = 8192;
constexpr std::size_t u2_piece = 3072;
// From here on bands pay. Zen 5, one thread and two, share of the read ceiling, without bands and
// with: u2 with K = 14336 0.93, 0.95 and 0.94, 0.96, with 23040 0.80, 0.83 and 0.93, 0.92; t5r with
// 14336 0.93, 0.94 and 0.94, 0.96, with 23040 0.89, 0.90 and 0.92, 0.94. Shorter rows are as fast
// or faster without, and so is u2r of any length. Bands of 64 KiB and pieces of 8192 columns, as
// they were, gave u2 with 23040 columns 0.87: two bands and a piece of activations together have to
// fit the first cache. Where the second cache comes first there are no bands: Emerald Rapids, one
// thread, t5r and u2 of K = 23040 0.78 and 0.83 with, 0.92 and 0.94 without.
constexpr std::size_t t5r_bands_from = 12288;
constexpr std::size_t u2_bands_from = 8192;

inline bool goes_in_bands(const DotJob& job, std::size_t columns, std::size_t from) {
  return job.m == 1 && job.blocks == 1 && job.ahead.second == 0 && columns > from;
}

inline const std::uint8_t* prefetch_line(const std::uint8_t* line) {
  _mm_prefetch(reinterpret_cast<const char*>(line), _MM_HINT_T0);
  if (reinterpret_cast<std::uintptr_t>(line) % 4096 < 64)
    _mm_prefetch(reinterpret_cast<const char*>(line + page_ahead), _MM_HINT_T0);
  return line + 64;
}

// Calls piece(group or row, begin, end, next) with each piece of [0, bytes) of a row; it prefetches
// from `next` on and returns the line behind.
template <typename Piece>
inline void in_bands(const DotJob& job, std::size_t bytes, std::size_t most_bytes,
                     const Piece& piece) {
  const std::size_t rows = band_bytes / job.stride + 1;
  const std::size_t pieces = (bytes + most_bytes - 1) / most_bytes;
  const std::size_t step = (bytes / 64 + pieces - 1) / pieces * 64;
  for (std::size_t first = 0; first < job.groups; first += rows) {
    const std::size_t last = first + rows < job.groups ? first + rows : job.groups;
    const std::uint8_t* next = job.bytes + last * job.stride;
    for (std::size_t begin = 0; begin < bytes; begin += step) {
      const std::size_t end = begin + step < bytes ? begin + step : bytes;
      for (std::size_t g = first; g < last; ++g) next = piece(g, begin, end, next);
    }
  }
}

template <typename Form>
inline void row_plane_in_bands(const DotJob& job) {
  const Form form;
  in_bands(job, job.width, row_plane_piece,
           [&](std::size_t g, std::size_t begin, std::size_t end, const std::uint8_t* next) {
             const std::uint8_t* bytes = job.bytes + g * job.stride;
             __m512i acc[1][5];
#pragma GCC unroll 5
             for (auto& one : acc[0]) one = V512::zero();
             for (std::size_t k = begin; k < end; k += 64) {
               auto w = V512::load(bytes + k);
               V512::keep(w);
               next = prefetch_line(next);
               const __m512i a = V512::load(job.activations + k);
               form.template step<1>(w, &a, acc);
             }
             std::int32_t part[Form::height];
             Form::finish(acc[0], begin == 0 ? job.sums[0] : 0, part);
             std::int32_t* out = job.out + g * Form::height;
             for (std::size_t r = 0; r < Form::height; ++r)
               out[r] = begin == 0 ? part[r] : out[r] + part[r];
             return next;
           });
}

inline void u2_in_bands(const DotJob& job) {
  const Fields<V512> fields;
  in_bands(job, job.stride, u2_piece,
           [&](std::size_t n, std::size_t begin, std::size_t end, const std::uint8_t* next) {
             const std::uint8_t* bytes = job.bytes + n * job.stride;
             __m512i acc[4];
#pragma GCC unroll 4
             for (auto& one : acc) one = V512::zero();
             for (std::size_t j = begin; j < end; j += 64) {
               auto w = j + 64 <= end ? V512::load(bytes + j) : V512::load_part(bytes + j, end - j);
               V512::keep(w);
               next = prefetch_line(next);
#pragma GCC unroll 4
               for (std::size_t p = 0; p < 4; ++p)
                 acc[p] = V512::dot(acc[p], fields.take(w, p),
                                    V512::load(job.activations + p * job.width + j));
             }
             const __m512i low = V512::add32(acc[0], V512::shift<2>(acc[1]));
             const __m512i high = V512::add32(V512::shift<4>(acc[2]), V512::shift<6>(acc[3]));
             const std::int32_t part = V512::total(V512::add32(low, high));
             job.out[n] = begin == 0 ? part - job.sums[0] : job.out[n] + part;
             return next;
           });
}

}  // namespace
}  // namespace onnxpack::kernels::ternary
