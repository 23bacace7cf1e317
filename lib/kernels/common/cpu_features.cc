#include "onnxpack/kernels/cpu_features.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#if defined(__aarch64__) && defined(__linux__)
#include <sys/auxv.h>
#endif
#if defined(__x86_64__) && defined(__linux__)
#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

namespace onnxpack::kernels {
namespace {

// One bit per step; an Isa needs the bits of everything it builds on.
constexpr std::uint32_t bit(Isa isa) {
  return 1U << static_cast<unsigned>(isa);
}

struct Row {
  Isa isa;
  std::string_view name;
  std::uint32_t needs;
};

constexpr std::uint32_t avx2 = bit(Isa::avx2);
constexpr std::uint32_t avx512 = avx2 | bit(Isa::avx512);
constexpr std::uint32_t vnni = avx512 | bit(Isa::avx512_vnni);
constexpr std::uint32_t vbmi = vnni | bit(Isa::avx512_vbmi);
constexpr std::uint32_t bf16 = vbmi | bit(Isa::avx512_bf16);
constexpr std::uint32_t neon_dot = bit(Isa::neon) | bit(Isa::neon_dot);

constexpr std::array<Row, 12> table = {{
    {Isa::reference, "reference", 0},
    {Isa::avx2, "avx2", avx2},
    {Isa::avx_vnni, "avx_vnni", avx2 | bit(Isa::avx_vnni)},
    {Isa::avx512, "avx512", avx512},
    {Isa::avx512_vnni, "avx512_vnni", vnni},
    {Isa::avx512_vbmi, "avx512_vbmi", vbmi},
    {Isa::avx512_bf16, "avx512_bf16", bf16},
    {Isa::amx_int8, "amx_int8", vbmi | bit(Isa::amx_int8)},
    {Isa::amx_bf16, "amx_bf16", bf16 | bit(Isa::amx_bf16)},
    {Isa::neon, "neon", bit(Isa::neon)},
    {Isa::neon_dot, "neon_dot", neon_dot},
    {Isa::neon_i8mm, "neon_i8mm", neon_dot | bit(Isa::neon_i8mm)},
}};

const Row& row(Isa isa) {
  return table[static_cast<std::size_t>(isa)];
}

std::string known_names() {
  std::string out;
  for (const Row& row : table) {
    if (!out.empty()) out += ", ";
    out += row.name;
  }
  return out;
}

#if defined(__x86_64__) && defined(__linux__)
// Compilers' run-times differ in whether they know AMX, so the CPU is asked itself. Only then the
// system: the state of tiles is saved for a process that has asked for it, see arch_prctl(2).
std::uint32_t detected_tiles() {
  unsigned eax = 0, ebx = 0, ecx = 0, edx = 0;
  constexpr unsigned osxsave = 1U << 27U;
  if (__get_cpuid(1, &eax, &ebx, &ecx, &edx) == 0 || (ecx & osxsave) == 0) return 0;
  if (__get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx) == 0) return 0;
  constexpr unsigned amx_bf16 = 1U << 22U;
  constexpr unsigned amx_tile = 1U << 24U;
  constexpr unsigned amx_int8 = 1U << 25U;
  const unsigned has = edx;
  if ((has & amx_tile) == 0 || (has & (amx_int8 | amx_bf16)) == 0) return 0;
  constexpr unsigned tile_states = 3U << 17U;
  asm volatile("xgetbv" : "=a"(eax), "=d"(edx) : "c"(0));
  if ((eax & tile_states) != tile_states) return 0;
  constexpr long request_permission = 0x1023;  // ARCH_REQ_XCOMP_PERM
  constexpr long tile_data = 18;
  static const bool granted = syscall(SYS_arch_prctl, request_permission, tile_data) == 0;
  if (!granted) return 0;
  return ((has & amx_int8) != 0 ? bit(Isa::amx_int8) : 0) |
         ((has & amx_bf16) != 0 ? bit(Isa::amx_bf16) : 0);
}
#endif

std::uint32_t detected_bits() {
  std::uint32_t bits = 0;
#if defined(__x86_64__)
  // The compiler's run-time asks CPUID and XGETBV, so state that the system does not save is off.
  const bool has_avx2 = __builtin_cpu_supports("avx2") != 0 && __builtin_cpu_supports("fma") != 0 &&
                        __builtin_cpu_supports("f16c") != 0 && __builtin_cpu_supports("bmi2") != 0;
  if (!has_avx2) return bits;
  bits |= bit(Isa::avx2);
  if (__builtin_cpu_supports("avxvnni") != 0) bits |= bit(Isa::avx_vnni);
  const bool has_avx512 =
      __builtin_cpu_supports("avx512f") != 0 && __builtin_cpu_supports("avx512bw") != 0 &&
      __builtin_cpu_supports("avx512dq") != 0 && __builtin_cpu_supports("avx512vl") != 0 &&
      __builtin_cpu_supports("avx512cd") != 0;
  if (!has_avx512) return bits;
  bits |= bit(Isa::avx512);
  if (__builtin_cpu_supports("avx512vnni") != 0) bits |= bit(Isa::avx512_vnni);
  if (__builtin_cpu_supports("avx512vbmi") != 0) bits |= bit(Isa::avx512_vbmi);
  if (__builtin_cpu_supports("avx512bf16") != 0) bits |= bit(Isa::avx512_bf16);
#if defined(__linux__)
  bits |= detected_tiles();
#endif
#elif defined(__aarch64__)
  bits |= bit(Isa::neon);
#if defined(__linux__)
  constexpr unsigned long asimddp = 1UL << 20U;  // HWCAP_ASIMDDP
  if ((getauxval(AT_HWCAP) & asimddp) != 0) bits |= bit(Isa::neon_dot);
  constexpr unsigned long i8mm = 1UL << 13U;  // HWCAP2_I8MM
  if ((getauxval(AT_HWCAP2) & i8mm) != 0) bits |= bit(Isa::neon_i8mm);
#endif
#endif
  return bits;
}

Lookahead detected_lookahead() {
#if defined(__x86_64__)
  if (__builtin_cpu_is("intel") != 0) return Lookahead::two_stages;
  // Of Zen 3 and 4 the one that has AVX-512. Zen 5 was measured in one stage only.
  if (__builtin_cpu_is("amdfam19h") != 0 && __builtin_cpu_supports("avx512f") != 0)
    return Lookahead::in_order;
#endif
  return Lookahead::one_stage;
}

}  // namespace

std::string_view to_string(Isa isa) {
  return row(isa).name;
}

std::span<const Isa> all_isas() {
  static constexpr std::array<Isa, table.size()> isas = [] {
    std::array<Isa, table.size()> out{};
    for (std::size_t i = 0; i < table.size(); ++i) out[i] = table[i].isa;
    return out;
  }();
  return isas;
}

Result<Isa> parse_isa(std::string_view name) {
  for (const Row& row : table) {
    if (row.name == name) return row.isa;
  }
  return std::unexpected(
      fmt::format("no kernels are called '{}'; there are: {}", name, known_names()));
}

CpuFeatures CpuFeatures::detect() {
  return CpuFeatures(detected_bits(), detected_lookahead());
}
CpuFeatures CpuFeatures::only(Isa isa, Lookahead lookahead) {
  return CpuFeatures(row(isa).needs, lookahead);
}
bool CpuFeatures::has(Isa isa) const {
  return (bits_ & row(isa).needs) == row(isa).needs;
}
CpuFeatures intersect(CpuFeatures a, CpuFeatures b) {
  // One of the two is a machine, the other a set of instructions without a lookahead of its own.
  return CpuFeatures(a.bits_ & b.bits_, std::max(a.lookahead_, b.lookahead_));
}

Result<CpuFeatures> choose_features(CpuFeatures machine, std::string_view forced) {
  if (forced.empty()) return machine;
  auto isa = parse_isa(forced);
  if (!isa) return std::unexpected(fmt::format("{}: {}", force_variable, isa.error()));
  if (!machine.has(*isa)) {
    return std::unexpected(
        fmt::format("{}: this machine cannot run {} kernels", force_variable, forced));
  }
  return intersect(machine, CpuFeatures::only(*isa));
}

}  // namespace onnxpack::kernels
