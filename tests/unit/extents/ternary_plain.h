// Ternary matrices in every form by plain loops, written from docs/ternary-format.md.
#pragma once

#include <cstring>
#include <vector>

#include "helpers.h"
#include "onnxpack/extents/ternary.h"

namespace onnxpack::extents::testing {

inline constexpr TernaryForm all_forms[] = {TernaryForm::u2,      TernaryForm::t5r,
                                            TernaryForm::t5k,     TernaryForm::float32,
                                            TernaryForm::float16, TernaryForm::bfloat16};

struct Trits {
  std::uint64_t rows = 0;
  std::uint64_t columns = 0;
  std::vector<int> values;
  int at(std::uint64_t n, std::uint64_t k) const {
    return n < rows && k < columns ? values[n * columns + k] : 0;
  }
  Trits transposed() const {
    Trits out{columns, rows, std::vector<int>(values.size())};
    for (std::uint64_t n = 0; n < rows; ++n)
      for (std::uint64_t k = 0; k < columns; ++k) out.values[k * rows + n] = at(n, k);
    return out;
  }
};

inline Trits random_trits(Noise& noise, std::uint64_t rows, std::uint64_t columns) {
  Trits out{rows, columns, std::vector<int>(rows * columns)};
  for (int& value : out.values) value = static_cast<int>(noise.below(3)) - 1;
  return out;
}

inline Bytes u2_of(const Trits& w) {
  Bytes out((w.values.size() + 3) / 4);
  for (std::size_t i = 0; i < w.values.size(); ++i)
    out[i / 4] |= static_cast<std::byte>((w.values[i] + 1) << (2 * (i % 4)));
  return out;
}
inline Bytes t5r_of(const Trits& w) {
  const std::uint64_t stride = (w.columns + 63) / 64 * 64;
  Bytes out;
  for (std::uint64_t g = 0; g * 5 < w.rows; ++g)
    for (std::uint64_t k = 0; k < stride; ++k) {
      int byte = 0;
      for (int r = 4; r >= 0; --r)
        byte = byte * 3 + w.at(g * 5 + static_cast<std::uint64_t>(r), k) + 1;
      out.push_back(static_cast<std::byte>(byte));
    }
  return out;
}
inline Bytes t5k_of(const Trits& w) {
  Bytes out;
  for (std::uint64_t n = 0; n < w.rows; ++n)
    for (std::uint64_t j = 0; j * 5 < w.columns; ++j) {
      int byte = 0;
      for (int i = 4; i >= 0; --i)
        byte = byte * 3 + w.at(n, j * 5 + static_cast<std::uint64_t>(i)) + 1;
      out.push_back(static_cast<std::byte>(byte));
    }
  return out;
}

// Bits of a scale: any positive finite value of the type.
inline std::uint32_t scale_bits(TernaryForm form, std::uint64_t n, std::uint64_t block) {
  const auto step = static_cast<std::uint32_t>(n * 7 + block * 3);
  return form == TernaryForm::float32   ? 0x3F000001U + step
         : form == TernaryForm::float16 ? 0x3801U + step
                                        : 0x3F01U + step;
}
inline void append_real(Bytes& out, TernaryForm form, std::uint32_t bits) {
  if (form == TernaryForm::float32) {
    append_le(out, bits);
  } else {
    append_le(out, static_cast<std::uint16_t>(bits));
  }
}

// Of `w` [N, K]; scales by `scales` and `block`, also of `w`.
inline Bytes real_of(const Trits& w, TernaryForm form, TernaryScales scales, std::uint64_t block) {
  Bytes out;
  const std::uint32_t sign = form == TernaryForm::float32 ? 0x80000000U : 0x8000U;
  for (std::uint64_t n = 0; n < w.rows; ++n)
    for (std::uint64_t k = 0; k < w.columns; ++k) {
      const std::uint64_t row = scales == TernaryScales::tensor ? 0 : n;
      const std::uint64_t part = scales == TernaryScales::block ? k / block : 0;
      const int trit = w.at(n, k);
      const std::uint32_t bits = scale_bits(form, row, part);
      append_real(out, form, trit == 0 ? 0 : trit > 0 ? bits : bits | sign);
    }
  return out;
}
inline Bytes scales_of(const Trits& w, TernaryForm form, TernaryScales scales,
                       std::uint64_t block) {
  Bytes out;
  const std::uint64_t rows = scales == TernaryScales::tensor ? 1 : w.rows;
  const std::uint64_t parts = scales == TernaryScales::block ? (w.columns + block - 1) / block : 1;
  for (std::uint64_t n = 0; n < rows; ++n)
    for (std::uint64_t b = 0; b < parts; ++b) append_real(out, form, scale_bits(form, n, b));
  return out;
}

inline Bytes transposed_real(const Bytes& matrix, std::uint64_t rows, std::uint64_t columns,
                             std::size_t width) {
  Bytes out(matrix.size());
  for (std::uint64_t n = 0; n < rows; ++n)
    for (std::uint64_t k = 0; k < columns; ++k)
      std::memcpy(out.data() + (k * rows + n) * width, matrix.data() + (n * columns + k) * width,
                  width);
  return out;
}

inline std::size_t width_of(TernaryForm form) {
  return form == TernaryForm::float32 ? 4 : 2;
}

// W, or its transpose, in any form. Scales are always of W.
inline Bytes bytes_of(const Trits& w, TernaryForm form, bool transpose,
                      TernaryScales scales = TernaryScales::tensor, std::uint64_t block = 0) {
  if (is_real(form)) {
    Bytes real = real_of(w, form, scales, block);
    return transpose ? transposed_real(real, w.rows, w.columns, width_of(form)) : real;
  }
  const Trits turned = transpose ? w.transposed() : w;
  return form == TernaryForm::u2    ? u2_of(turned)
         : form == TernaryForm::t5r ? t5r_of(turned)
                                    : t5k_of(turned);
}

}  // namespace onnxpack::extents::testing
