// Five rows in fifteen instructions for 64 bytes: the top digit by the wrapping minimum, the other
// four by one look-up of 81 bytes that gives them as fields of two bits. Measured on Zen 5: at the
// speed of reading memory (tests/bench/ternary).
#include "ternary/dot_bands.h"
#include "ternary/dot_blocks.h"
#include "ternary/dot_narrow.h"
#include "ternary/dot_tiles.h"
#include "ternary/vector_avx512.h"

namespace onnxpack::kernels::ternary {
namespace {

struct Table {
  alignas(64) std::uint8_t entry[128];
};
constexpr Table make_table() {
  Table table{};
  for (unsigned value = 0; value < 81; ++value) {
    unsigned rest = value;
    for (unsigned digit = 0; digit < 4; ++digit, rest /= 3)
      table.entry[value] =
          static_cast<std::uint8_t>(table.entry[value] | (rest % 3) << (2 * digit));
  }
  return table;
}
constexpr Table table = make_table();

struct T5rByTable {
  static constexpr std::size_t height = 5;
  Fields<V512> fields;
  __m512i low = V512::load(table.entry);
  __m512i high = V512::load(table.entry + 64);
  __m512i twice = V512::set8(162);
  __m512i once = V512::set8(81);

  template <std::size_t M>
  inline void step(__m512i w, const __m512i* a, __m512i (*acc)[5]) const {
    const __m512i less = V512::min8(w, V512::sub8(w, twice));
    const __m512i rest = V512::min8(less, V512::sub8(less, once));
    const __m512i top = V512::sub8(w, rest);
    // The index is the low seven bits: an invalid byte cannot reach outside of the table.
    const __m512i four = _mm512_permutex2var_epi8(low, rest, high);
#pragma GCC unroll 4
    for (std::size_t m = 0; m < M; ++m) acc[m][4] = V512::dot(acc[m][4], top, a[m]);
#pragma GCC unroll 4
    for (std::size_t r = 0; r < 4; ++r) {
      const __m512i field = V512::band(four, fields.mask[r]);
#pragma GCC unroll 4
      for (std::size_t m = 0; m < M; ++m) acc[m][r] = V512::dot(acc[m][r], field, a[m]);
    }
  }
  static inline void finish(const __m512i* acc, std::int32_t sum, std::int32_t* out) {
    V512::total4(acc[0], V512::shift<2>(acc[1]), V512::shift<4>(acc[2]), V512::shift<6>(acc[3]),
                 out);
    out[4] = divided(V512::total(acc[4]), inverse_of_power[4]);
    for (std::size_t r = 0; r < 5; ++r) out[r] -= sum;
  }
  static constexpr std::uint32_t fifth = inverse_of_power[4];
  static inline __m512i quarters(const __m512i* acc) {
    return V512::quarters(acc[0], V512::shift<2>(acc[1]), V512::shift<4>(acc[2]),
                          V512::shift<6>(acc[3]));
  }
};

}  // namespace

void dot_t5r_avx512vbmi(const DotJob& job) {
  if (goes_narrow(job)) return row_plane_narrow<V512, T5rByTable>(job);
  if (goes_in_bands(job, job.width, t5r_bands_from)) return row_plane_in_bands<T5rByTable>(job);
  if (goes_by_blocks(job)) return row_plane_by_blocks<T5rByTable>(job);
  row_plane<V512, T5rByTable, 3>(job);
}

}  // namespace onnxpack::kernels::ternary
