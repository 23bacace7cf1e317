// INT2, UINT2 and MatMulNBits.
#include "onnxpack/kernels/ternary/foreign.h"

namespace onnxpack::kernels::ternary {
namespace {

// Code of -1 in each form; 0 and 1 follow modulo 4.
unsigned lowest(TwoBit form) {
  if (form == TwoBit::int2) return 3;
  return form == TwoBit::uint2_zero1 ? 0 : 1;
}

std::size_t ceil_div(std::size_t a, std::size_t b) {
  return (a + b - 1) / b;
}

Status sized(std::size_t found, std::size_t wanted) {
  if (found == wanted) return {};
  return std::unexpected(Fault{FaultKind::size, wanted, static_cast<std::int64_t>(found)});
}

bool is_trit(std::int64_t value) {
  return value >= -1 && value <= 1;
}

// `bits` at place `index` of a row of packed numbers, lowest bits first.
unsigned field(const std::uint8_t* row, std::size_t index, unsigned bits) {
  const std::size_t bit = index * bits;
  return (static_cast<unsigned>(row[bit / 8]) >> (bit % 8)) & ((1U << bits) - 1U);
}

}  // namespace

Status unpack_two_bit(TwoBit form, std::span<const std::uint8_t> bytes,
                      std::span<std::int8_t> trits) {
  if (auto status = sized(bytes.size(), ceil_div(trits.size(), 4)); !status) return status;
  const unsigned low = lowest(form);
  for (std::size_t i = 0; i < trits.size(); ++i) {
    const unsigned code = field(bytes.data(), i, 2);
    const unsigned above = (code - low) & 3U;
    if (above == 3) return std::unexpected(Fault{FaultKind::invalid_code, i, code});
    trits[i] = static_cast<std::int8_t>(static_cast<int>(above) - 1);
  }
  const std::size_t used = trits.size() % 4;
  if (used != 0 && (bytes.back() >> (2 * used)) != 0)
    return std::unexpected(Fault{FaultKind::padding, bytes.size() - 1, bytes.back()});
  return {};
}

Status pack_two_bit(TwoBit form, std::span<const std::int8_t> trits,
                    std::span<std::uint8_t> bytes) {
  if (auto status = sized(bytes.size(), ceil_div(trits.size(), 4)); !status) return status;
  const unsigned low = lowest(form);
  for (auto& byte : bytes) byte = 0;
  for (std::size_t i = 0; i < trits.size(); ++i) {
    if (!is_trit(trits[i])) return std::unexpected(Fault{FaultKind::not_ternary, i, trits[i]});
    const unsigned code = (static_cast<unsigned>(trits[i] + 1) + low) & 3U;
    bytes[i / 4] = static_cast<std::uint8_t>(bytes[i / 4] | code << (2 * (i % 4)));
  }
  return {};
}

std::size_t matmul_nbits_bytes(const NBits& form) {
  const std::size_t blocks = ceil_div(form.shape.columns, form.block);
  return form.shape.rows * blocks * (form.block * form.bits / 8);
}

Status unpack_matmul_nbits(const NBits& form, std::span<const std::uint8_t> b,
                           std::span<const std::uint8_t> zero_points,
                           std::span<std::int8_t> trits) {
  const auto [rows, columns] = form.shape;
  const std::size_t blocks = ceil_div(columns, form.block);
  const std::size_t row_bytes = blocks * (form.block * form.bits / 8);
  const std::size_t zero_bytes = ceil_div(blocks * form.bits, 8);
  if (auto status = sized(b.size(), rows * row_bytes); !status) return status;
  if (auto status = sized(trits.size(), rows * columns); !status) return status;
  if (!zero_points.empty())
    if (auto status = sized(zero_points.size(), rows * zero_bytes); !status) return status;
  for (std::size_t n = 0; n < rows; ++n) {
    for (std::size_t k = 0; k < blocks * form.block; ++k) {
      const unsigned zero = zero_points.empty() ? 1U << (form.bits - 1)
                                                : field(zero_points.data() + n * zero_bytes,
                                                        k / form.block, form.bits);
      const unsigned code = field(b.data() + n * row_bytes, k, form.bits);
      const std::int64_t value = static_cast<std::int64_t>(code) - static_cast<std::int64_t>(zero);
      if (k >= columns) {
        if (value != 0)
          return std::unexpected(
              Fault{FaultKind::padding, n * row_bytes + k * form.bits / 8, code});
        continue;
      }
      if (!is_trit(value))
        return std::unexpected(Fault{FaultKind::invalid_code, n * columns + k, code});
      trits[n * columns + k] = static_cast<std::int8_t>(value);
    }
  }
  return {};
}

Status pack_matmul_nbits(const NBits& form, std::span<const std::int8_t> trits,
                         std::span<std::uint8_t> b) {
  const auto [rows, columns] = form.shape;
  const std::size_t padded = ceil_div(columns, form.block) * form.block;
  const std::size_t row_bytes = padded * form.bits / 8;
  if (auto status = sized(b.size(), rows * row_bytes); !status) return status;
  if (auto status = sized(trits.size(), rows * columns); !status) return status;
  for (auto& byte : b) byte = 0;
  for (std::size_t n = 0; n < rows; ++n) {
    for (std::size_t k = 0; k < padded; ++k) {
      const int trit = k < columns ? trits[n * columns + k] : 0;
      if (!is_trit(trit))
        return std::unexpected(Fault{FaultKind::not_ternary, n * columns + k, trit});
      const unsigned code = static_cast<unsigned>(trit + (1 << (form.bits - 1)));
      auto& byte = b[n * row_bytes + k * form.bits / 8];
      byte = static_cast<std::uint8_t>(byte | code << (k * form.bits % 8));
    }
  }
  return {};
}

}  // namespace onnxpack::kernels::ternary
