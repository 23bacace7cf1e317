// Five rows in fourteen instructions for 64 bytes, products included; with scales of blocks, whose
// sums end often, in fifteen whose sums take less to finish.
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
// Of values below `size` the lower digits, as fields of two bits.
constexpr Table make_table(unsigned size, unsigned digits) {
  Table table{};
  for (unsigned value = 0; value < size; ++value) {
    unsigned rest = value;
    for (unsigned digit = 0; digit < digits; ++digit, rest /= 3)
      table.entry[value] =
          static_cast<std::uint8_t>(table.entry[value] | (rest % 3) << (2 * digit));
  }
  return table;
}
constexpr Table table = make_table(81, 4);
constexpr Table short_table = make_table(54, 3);

// The products are of the byte itself, of what is left without its top digit, and of the lower
// three digits' fields, all at once; only two fields are ever taken out, and the other digits' sums
// are differences, made once a row. What is left is cut down once more before the look-up, to below
// 54, since a look-up among 64 bytes is one operation on Intel's cores, among 128 three. K = 2560,
// one thread of Emerald Rapids, share of the read ceiling: T5rByTable 0.86, this 0.94, this with
// that look-up of all four digits 0.91.
struct T5rByRests {
  static constexpr std::size_t height = 5;
  __m512i low = V512::load(short_table.entry);
  __m512i twice = V512::set8(162);
  __m512i once = V512::set8(81);
  __m512i third = V512::set8(27);
  __m512i mask[2] = {V512::set8(0x03), V512::set8(0x0C)};

  template <std::size_t M>
  inline void step(__m512i w, const __m512i* a, __m512i (*acc)[5]) const {
    const __m512i less = V512::min8(w, V512::sub8(w, twice));
    const __m512i rest = V512::min8(less, V512::sub8(less, once));
    const __m512i below_54 = V512::min8(rest, V512::sub8(rest, third));
    // The index is the low six bits: no byte can reach outside of the table.
    const __m512i three = _mm512_permutexvar_epi8(below_54, low);
    const __m512i operands[5] = {V512::band(three, mask[0]), V512::band(three, mask[1]), three,
                                 rest, w};
#pragma GCC unroll 5
    for (std::size_t r = 0; r < 5; ++r)
#pragma GCC unroll 4
      for (std::size_t m = 0; m < M; ++m) acc[m][r] = V512::dot(acc[m][r], operands[r], a[m]);
  }
  // Of the upper two sums and their quotients, as of all that wraps around, the low 32 bits are
  // right.
  static inline void finish(const __m512i* acc, std::int32_t sum, std::int32_t* out) {
    const __m512i third_field = _mm512_sub_epi32(acc[2], V512::add32(acc[0], acc[1]));
    V512::total4(acc[0], V512::shift<2>(acc[1]), V512::shift<4>(third_field), acc[3], out);
    const auto part = [&](std::size_t r) { return static_cast<std::uint32_t>(out[r]); };
    const std::uint32_t rest = part(3);
    const auto all = static_cast<std::uint32_t>(V512::total(acc[4]));
    const std::uint32_t fourth = rest - (part(0) + 3 * part(1) + 9 * part(2));
    out[3] = divided(static_cast<std::int32_t>(fourth), inverse_of_power[3]);
    out[4] = divided(static_cast<std::int32_t>(all - rest), inverse_of_power[4]);
    for (std::size_t r = 0; r < 5; ++r) out[r] -= sum;
  }
};

// The top digit by the wrapping minimum, the other four by one look-up of 81 bytes.
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
  if (goes_in_bands(job, job.width, t5r_bands_from)) return row_plane_in_bands<T5rByRests>(job);
  if (goes_by_blocks(job)) return row_plane_by_blocks<T5rByTable>(job);
  if (job.blocks > 1) return row_plane<V512, T5rByTable, 3>(job);
  row_plane<V512, T5rByRests, 3>(job);
}

}  // namespace onnxpack::kernels::ternary
