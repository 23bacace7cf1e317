#include <algorithm>
#include <array>
#include <cstring>

#include "cpu.h"
#include "microarchitecture.h"
#include "onnxpack/target/vocabulary.h"

namespace onnxpack::target {
namespace {

enum class Reg { eax, ebx, ecx, edx };

// Register state an instruction set lives in: bits of XCR0 that the system must have set.
enum class State : std::uint64_t { none = 0, ymm = 0x6, zmm = 0xE6, tile = 0x60006 };

struct Bit {
  std::uint32_t leaf;
  std::uint32_t subleaf;
  Reg reg;
  unsigned bit;
  State state;
  std::string_view name;
};

constexpr std::uint32_t extended = 0x80000001;
constexpr std::array bits = std::to_array<Bit>({
    {1, 0, Reg::edx, 23, State::none, "mmx"},
    {1, 0, Reg::edx, 25, State::none, "sse"},
    {1, 0, Reg::edx, 26, State::none, "sse2"},
    {1, 0, Reg::ecx, 1, State::none, "pclmulqdq"},
    {1, 0, Reg::ecx, 9, State::none, "ssse3"},
    {1, 0, Reg::ecx, 12, State::ymm, "fma"},
    {1, 0, Reg::ecx, 13, State::none, "cx16"},
    {1, 0, Reg::ecx, 19, State::none, "sse4_1"},
    {1, 0, Reg::ecx, 20, State::none, "sse4_2"},
    {1, 0, Reg::ecx, 22, State::none, "movbe"},
    {1, 0, Reg::ecx, 23, State::none, "popcnt"},
    {1, 0, Reg::ecx, 25, State::none, "aes"},
    {1, 0, Reg::ecx, 27, State::none, "xsave"},  // OSXSAVE: the CPU can and the system does
    {1, 0, Reg::ecx, 28, State::ymm, "avx"},
    {1, 0, Reg::ecx, 29, State::ymm, "f16c"},
    {1, 0, Reg::ecx, 30, State::none, "rdrand"},
    {7, 0, Reg::ebx, 0, State::none, "fsgsbase"},
    {7, 0, Reg::ebx, 3, State::none, "bmi1"},
    {7, 0, Reg::ebx, 5, State::ymm, "avx2"},
    {7, 0, Reg::ebx, 8, State::none, "bmi2"},
    {7, 0, Reg::ebx, 16, State::zmm, "avx512f"},
    {7, 0, Reg::ebx, 17, State::zmm, "avx512dq"},
    {7, 0, Reg::ebx, 18, State::none, "rdseed"},
    {7, 0, Reg::ebx, 19, State::none, "adx"},
    {7, 0, Reg::ebx, 21, State::zmm, "avx512ifma"},
    {7, 0, Reg::ebx, 23, State::none, "clflushopt"},
    {7, 0, Reg::ebx, 24, State::none, "clwb"},
    {7, 0, Reg::ebx, 28, State::zmm, "avx512cd"},
    {7, 0, Reg::ebx, 29, State::none, "sha_ni"},
    {7, 0, Reg::ebx, 30, State::zmm, "avx512bw"},
    {7, 0, Reg::ebx, 31, State::zmm, "avx512vl"},
    {7, 0, Reg::ecx, 1, State::zmm, "avx512vbmi"},
    {7, 0, Reg::ecx, 3, State::none, "pku"},
    {7, 0, Reg::ecx, 5, State::none, "waitpkg"},
    {7, 0, Reg::ecx, 6, State::zmm, "avx512_vbmi2"},
    {7, 0, Reg::ecx, 8, State::none, "gfni"},
    {7, 0, Reg::ecx, 9, State::ymm, "vaes"},
    {7, 0, Reg::ecx, 10, State::ymm, "vpclmulqdq"},
    {7, 0, Reg::ecx, 11, State::zmm, "avx512_vnni"},
    {7, 0, Reg::ecx, 12, State::zmm, "avx512_bitalg"},
    {7, 0, Reg::ecx, 14, State::zmm, "avx512_vpopcntdq"},
    {7, 0, Reg::ecx, 22, State::none, "rdpid"},
    {7, 0, Reg::ecx, 27, State::none, "movdiri"},
    {7, 0, Reg::ecx, 28, State::none, "movdir64b"},
    {7, 0, Reg::edx, 8, State::zmm, "avx512_vp2intersect"},
    {7, 0, Reg::edx, 14, State::none, "serialize"},
    {7, 0, Reg::edx, 22, State::tile, "amx_bf16"},
    {7, 0, Reg::edx, 23, State::zmm, "avx512_fp16"},
    {7, 0, Reg::edx, 24, State::tile, "amx_tile"},
    {7, 0, Reg::edx, 25, State::tile, "amx_int8"},
    {7, 0, Reg::edx, 28, State::none, "flush_l1d"},
    {7, 1, Reg::eax, 4, State::ymm, "avx_vnni"},
    {7, 1, Reg::eax, 5, State::zmm, "avx512_bf16"},
    {7, 1, Reg::eax, 21, State::tile, "amx_fp16"},
    {7, 1, Reg::edx, 4, State::ymm, "avx_vnni_int8"},
    {0xD, 1, Reg::eax, 0, State::none, "xsaveopt"},
    {0xD, 1, Reg::eax, 1, State::none, "xsavec"},
    {extended, 0, Reg::ecx, 0, State::none, "lahf_lm"},
    {extended, 0, Reg::ecx, 5, State::none, "abm"},
    {extended, 0, Reg::ecx, 6, State::none, "sse4a"},
    {0x80000008, 0, Reg::ebx, 0, State::none, "clzero"},
});

CpuidRegisters at(const CpuidLeaves& cpuid, std::uint32_t leaf, std::uint32_t subleaf) {
  auto it = cpuid.leaves.find({leaf, subleaf});
  return it == cpuid.leaves.end() ? CpuidRegisters() : it->second;
}

bool is_set(const CpuidLeaves& cpuid, const Bit& bit) {
  CpuidRegisters registers = at(cpuid, bit.leaf, bit.subleaf);
  std::uint32_t value = 0;
  switch (bit.reg) {
    case Reg::eax:
      value = registers.eax;
      break;
    case Reg::ebx:
      value = registers.ebx;
      break;
    case Reg::ecx:
      value = registers.ecx;
      break;
    case Reg::edx:
      value = registers.edx;
      break;
  }
  auto needed = static_cast<std::uint64_t>(bit.state);
  return ((value >> bit.bit) & 1U) != 0 && (cpuid.xcr0 & needed) == needed;
}

std::string vendor_of(const CpuidLeaves& cpuid) {
  CpuidRegisters zero = at(cpuid, 0, 0);
  std::array<std::uint32_t, 3> words = {zero.ebx, zero.edx, zero.ecx};
  std::string out(12, '\0');
  std::memcpy(out.data(), words.data(), out.size());
  return out[0] == '\0' ? "" : out;
}

}  // namespace

Facts x86_facts(const CpuidLeaves& cpuid) {
  Facts facts;
  facts["arch.name"] = {"amd64"};
  std::vector<std::string> features;
  for (const Bit& bit : bits) {
    if (is_set(cpuid, bit)) features.emplace_back(bit.name);
  }
  std::ranges::sort(features);
  auto has = [&](const std::string& name) { return std::ranges::binary_search(features, name); };
  std::string level;
  for (std::string_view step : ladder_steps("x86_64.level")) {
    if (!std::ranges::all_of(promised_features("x86_64.level", step), has)) break;
    level = step;
  }
  if (!level.empty()) facts["x86_64.level"] = ladder_closure("x86_64.level", level);
  std::string vendor = vendor_of(cpuid);
  if (!vendor.empty()) facts["cpu.vendor"] = {vendor};
  if (const auto* design = match_microarchitecture("amd64", vendor, features)) {
    facts["cpu.microarchitecture"] = ancestry(*design);
  }
  facts["cpu.features"] = std::move(features);
  return facts;
}

}  // namespace onnxpack::target
