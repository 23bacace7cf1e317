// The tables of contents: each list best first, the reference last.
#include <array>

#include "common/kernel_tables.h"
#include "ternary/dot.h"
#include "ternary/float_dot.h"
#include "ternary/rows.h"

namespace onnxpack::kernels {
namespace ternary {

std::span<const DotChoice> t5r_dots() {
  static constexpr auto choices = std::to_array<DotChoice>({
#if defined(__x86_64__)
    {{"ternary_t5r", Isa::avx512_vbmi, "five rows by one table look-up and vpdpbusd"},
     dot_t5r_avx512vbmi},
        {{"ternary_t5r", Isa::avx512_vnni, "five rows by wrapping minima and vpdpbusd"},
         dot_t5r_avx512vnni},
        {{"ternary_t5r", Isa::avx_vnni, "as avx512_vnni, 256 bits"}, dot_t5r_avxvnni},
        {{"ternary_t5r", Isa::avx2, "five rows by wrapping minima and vpmaddubsw"}, dot_t5r_avx2},
#elif defined(__aarch64__)
    {{"ternary_t5r", Isa::neon_i8mm, "two rows of activations at a time by smmla"},
     dot_t5r_neoni8mm},
        {{"ternary_t5r", Isa::neon_dot, "five rows by comparisons and sdot"}, dot_t5r_neondot},
#endif
        {{"ternary_t5r", Isa::reference, "plain loops"}, dot_t5r_reference},
  });
  return choices;
}

std::span<const DotChoice> u2r_dots() {
  static constexpr auto choices = std::to_array<DotChoice>({
#if defined(__x86_64__)
    {{"ternary_u2r", Isa::avx512_vnni, "four rows by masks and vpdpbusd"}, dot_u2r_avx512vnni},
        {{"ternary_u2r", Isa::avx_vnni, "as avx512_vnni, 256 bits"}, dot_u2r_avxvnni},
        {{"ternary_u2r", Isa::avx2, "four rows by masks and vpmaddubsw"}, dot_u2r_avx2},
#elif defined(__aarch64__)
    {{"ternary_u2r", Isa::neon_i8mm, "two rows of activations at a time by smmla"},
     dot_u2r_neoni8mm},
        {{"ternary_u2r", Isa::neon_dot, "four rows by masks and sdot"}, dot_u2r_neondot},
#endif
        {{"ternary_u2r", Isa::reference, "plain loops"}, dot_u2r_reference},
  });
  return choices;
}

std::span<const DotChoice> u2_dots() {
  static constexpr auto choices = std::to_array<DotChoice>({
#if defined(__x86_64__)
    {{"ternary_u2", Isa::avx512_vnni, "ONNX's UINT2 order by masks and vpdpbusd"},
     dot_u2_avx512vnni},
        {{"ternary_u2", Isa::avx_vnni, "as avx512_vnni, 256 bits"}, dot_u2_avxvnni},
        {{"ternary_u2", Isa::avx2, "ONNX's UINT2 order by masks and vpmaddubsw"}, dot_u2_avx2},
#elif defined(__aarch64__)
    {{"ternary_u2", Isa::neon_dot, "ONNX's UINT2 order by masks and sdot"}, dot_u2_neondot},
#endif
        {{"ternary_u2", Isa::reference, "plain loops"}, dot_u2_reference},
  });
  return choices;
}

std::span<const FloatChoice> float_dots() {
  static constexpr auto choices = std::to_array<FloatChoice>({
#if defined(__x86_64__)
    {{"ternary_float", Isa::avx512, "sixteen sums in a register"}, float_dot_avx512},
        {{"ternary_float", Isa::avx2, "sixteen sums in two registers"}, float_dot_avx2},
#elif defined(__aarch64__)
    {{"ternary_float", Isa::neon, "sixteen sums in four registers"}, float_dot_neon},
#endif
        {{"ternary_float", Isa::reference, "plain loops"}, float_dot_reference},
  });
  return choices;
}

std::span<const RowChoice> row_kernels() {
  static constexpr auto choices = std::to_array<RowChoice>({
#if defined(__x86_64__)
    {{"ternary_rows", Isa::avx512, "activations to int8 and sums to floats, 512 bits"},
     peak_avx512,
     quantize_avx512,
     to_planes_avx512,
     scale_blocks_avx512},
        {{"ternary_rows", Isa::avx2, "activations to int8 and sums to floats, 256 bits"},
         peak_avx2,
         quantize_avx2,
         to_planes_avx2,
         scale_blocks_avx2},
#elif defined(__aarch64__)
    {{"ternary_rows", Isa::neon, "activations to int8 and sums to floats, 128 bits"},
     peak_neon,
     quantize_neon,
     to_planes_neon,
     scale_blocks_reference},
#endif
        {{"ternary_rows", Isa::reference, "plain loops"},
         peak_reference,
         quantize_reference,
         to_planes_reference,
         scale_blocks_reference},
  });
  return choices;
}

std::span<const GemmChoice> gemms() {
  static constexpr auto choices = std::to_array<GemmChoice>({
#if defined(__x86_64__)
    {{"ternary_gemm", Isa::amx_int8, "panels of 80 rows, 32 x 32 sums in tiles"},
     unpack_t5r_avx512vbmi,
     unpack_u2r_avx512vbmi,
     unpack_u2_avx512vbmi,
     gemm_amxint8,
     Blocking::second_cache},
        {{"ternary_gemm", Isa::avx512_vnni, "panels of 80 rows, 5 x 80 sums in registers"},
         unpack_t5r_avx512vnni,
         unpack_u2r_avx512vnni,
         unpack_u2_avx512vnni,
         gemm_avx512vnni},
#elif defined(__aarch64__)
    {{"ternary_gemm", Isa::neon_i8mm, "panels of 80 rows, 8 x 10 sums in registers by smmla"},
     unpack_t5r_neoni8mm,
     unpack_u2r_neoni8mm,
     unpack_u2_neoni8mm,
     gemm_neoni8mm},
        {{"ternary_gemm", Isa::neon_dot, "panels of 80 rows, 4 x 20 sums in registers by sdot"},
         unpack_t5r_neondot,
         unpack_u2r_neondot,
         unpack_u2_neondot,
         gemm_neondot},
#endif
        {{"ternary_gemm", Isa::reference, "plain loops"},
         unpack_t5r_reference,
         unpack_u2r_reference,
         unpack_u2_reference,
         gemm_reference},
  });
  return choices;
}

}  // namespace ternary

namespace {

template <typename Choice>
std::vector<KernelEntry> entries_of(std::span<const Choice> choices) {
  std::vector<KernelEntry> out;
  for (const Choice& choice : choices) out.push_back(choice.entry);
  return out;
}

}  // namespace

std::span<const KernelEntry> ternary_t5r_entries() {
  static const auto entries = entries_of(ternary::t5r_dots());
  return entries;
}
std::span<const KernelEntry> ternary_u2r_entries() {
  static const auto entries = entries_of(ternary::u2r_dots());
  return entries;
}
std::span<const KernelEntry> ternary_u2_entries() {
  static const auto entries = entries_of(ternary::u2_dots());
  return entries;
}
std::span<const KernelEntry> ternary_float_entries() {
  static const auto entries = entries_of(ternary::float_dots());
  return entries;
}
std::span<const KernelEntry> ternary_row_entries() {
  static const auto entries = entries_of(ternary::row_kernels());
  return entries;
}
std::span<const KernelEntry> ternary_gemm_entries() {
  static const auto entries = entries_of(ternary::gemms());
  return entries;
}

}  // namespace onnxpack::kernels
