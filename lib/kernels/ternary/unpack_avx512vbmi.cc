// Panels for kernels so fast that unpacking counts. Bytes are turned round as they
// are stored, codes of four or five rows in each, and only then become codes: a vector of sixteen
// rows takes each row's byte from where its group stands, and shifts it by what the row's field
// needs. That is a quarter of the shuffles of unpack_*_avx512vnni(), which turn the codes round.
// Emerald Rapids, 512 rows of activations by tiles: 8 instead of 14 in 100 of a panel's time, and
// what is left is storing the panel to the second cache (tests/bench/ternary_bench.cc).
#include "ternary/unpack_avx512.h"

namespace onnxpack::kernels::ternary {
namespace {

constexpr std::size_t vectors = panel_rows / 16;

struct Bytes {
  alignas(64) std::uint8_t at[64];
};

// Four digits as fields of two bits, of a byte below 81.
struct Fields81 {
  Bytes low, high;
};
constexpr Fields81 make_fields() {
  Fields81 out{};
  for (unsigned value = 0; value < 81; ++value) {
    unsigned rest = value;
    for (unsigned digit = 0; digit < 4; ++digit, rest /= 3) {
      std::uint8_t& byte = value < 64 ? out.low.at[value] : out.high.at[value - 64];
      byte = static_cast<std::uint8_t>(byte | (rest % 3) << (2 * digit));
    }
  }
  return out;
}
constexpr Fields81 fields_of = make_fields();

// The top digit, by the low six bits of 0, 81 or 162.
constexpr Bytes make_tops() {
  Bytes out{};
  out.at[81 % 64] = 1;
  out.at[162 % 64] = 2;
  return out;
}
constexpr Bytes top_of = make_tops();

// What both forms have of four columns: two vectors of one number for each group.
struct Pair {
  __m512i first;
  __m512i second;
};

// For each row of a panel the place of its number among those of a Pair, and how far its code is
// shifted there.
struct Places {
  alignas(64) std::uint32_t from[panel_rows];
  alignas(64) std::uint32_t shift[panel_rows];
};
constexpr Places places(std::size_t height) {
  Places out{};
  for (std::size_t row = 0; row < panel_rows; ++row) {
    const std::size_t group = row / height;
    const std::size_t field = row % height;
    out.from[row] = static_cast<std::uint32_t>(field == 4 ? 16 + group : group);
    out.shift[row] = static_cast<std::uint32_t>(field == 4 ? 0 : 2 * field);
  }
  return out;
}

inline void spread(Pair pair, const Places& places, std::uint8_t* panel) {
  for (std::size_t v = 0; v < vectors; ++v) {
    const __m512i from = V512::load(places.from + 16 * v);
    const __m512i fields = _mm512_permutex2var_epi32(pair.first, from, pair.second);
    const __m512i shifted = _mm512_srlv_epi32(fields, V512::load(places.shift + 16 * v));
    _mm512_store_si512(panel + 64 * v, V512::band(shifted, V512::set8(3)));
  }
}

// Bytes of groups [first, first + 16); those that are not there are zeros' code.
inline void load_groups(const UnpackJob& job, std::size_t k, std::size_t first, unsigned zeros,
                        __m512i (&out)[16]) {
  for (std::size_t i = 0; i < 16; ++i) {
    const std::size_t g = first + i;
    out[i] = g < job.groups ? V512::load(job.bytes + g * job.stride + k) : V512::set8(zeros);
  }
  transpose(out);
}

}  // namespace

void unpack_t5r_avx512vbmi(const UnpackJob& job) {
  static constexpr Places where = places(5);
  const __m512i low = V512::load(fields_of.low.at);
  const __m512i high = V512::load(fields_of.high.at);
  const __m512i tops = V512::load(top_of.at);
  for (std::size_t k = 0; k < job.width; k += 64) {
    __m512i columns[16];
    load_groups(job, k, 0, 1 + 3 + 9 + 27 + 81, columns);
    for (std::size_t c = 0; c < 16; ++c) {
      const __m512i w = columns[c];
      const __m512i less = V512::min8(w, V512::sub8(w, V512::set8(162)));
      const __m512i rest = V512::min8(less, V512::sub8(less, V512::set8(81)));
      const __m512i top = _mm512_permutexvar_epi8(V512::sub8(w, rest), tops);
      spread({_mm512_permutex2var_epi8(low, rest, high), top}, where,
             job.panel + k * panel_rows + c * panel_rows * 4);
    }
  }
}

void unpack_u2r_avx512vbmi(const UnpackJob& job) {
  static constexpr Places where = places(4);
  for (std::size_t k = 0; k < job.width; k += 64) {
    __m512i first[16];
    __m512i second[16];
    load_groups(job, k, 0, 0x55, first);
    load_groups(job, k, 16, 0x55, second);
    for (std::size_t c = 0; c < 16; ++c)
      spread({first[c], second[c]}, where, job.panel + k * panel_rows + c * panel_rows * 4);
  }
}

// Rows of bytes, four codes of a row in each: 64 bytes are 256 columns. Turned round a vector has
// four bytes of sixteen rows; one instruction takes one of them from all, each field to a byte.
void unpack_u2_avx512vbmi(const UnpackJob& job) {
  __m512i fields[4];
  for (long long byte = 0; byte < 4; ++byte)  // bits where each byte of a quadword begins
    fields[byte] = _mm512_set1_epi64(0x2624222006040200LL + byte * 0x0808080808080808LL);
  for (std::size_t k = 0; k < job.width; k += 256) {
    const std::size_t left = job.stride - k / 4;
    const std::size_t quads = job.width - k < 256 ? (job.width - k) / 4 : 64;
    for (std::size_t n = 0; n < panel_rows; n += 16) {
      __m512i rows[16];
      for (std::size_t i = 0; i < 16; ++i) {
        const std::uint8_t* bytes = job.bytes + (n + i) * job.stride + k / 4;
        rows[i] = n + i >= job.groups ? V512::set8(0x55)
                  : left < 64         ? V512::load_part(bytes, left)
                                      : V512::load(bytes);
      }
      transpose(rows);
      for (std::size_t q = 0; q < quads; ++q)
        _mm512_store_si512(
            job.panel + (k / 4 + q) * panel_rows * 4 + n * 4,
            V512::band(_mm512_multishift_epi64_epi8(fields[q % 4], rows[q / 4]), V512::set8(3)));
    }
  }
}

}  // namespace onnxpack::kernels::ternary
