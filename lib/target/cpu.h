// CPU facts from what the hardware says, as a value: tests feed recorded leaves, the host feeds its
// own.
#pragma once

#include <cstdint>
#include <map>
#include <string_view>
#include <utility>

#include "onnxpack/target/target.h"

namespace onnxpack::target {

struct CpuidRegisters {
  std::uint32_t eax = 0;
  std::uint32_t ebx = 0;
  std::uint32_t ecx = 0;
  std::uint32_t edx = 0;
};

// What CPUID and XGETBV answered. A leaf that is absent reads as zeros.
struct CpuidLeaves {
  std::map<std::pair<std::uint32_t, std::uint32_t>, CpuidRegisters> leaves;
  std::uint64_t xcr0 = 0;  // which register states the system saves; 0 where there is no XGETBV
};

// arch.name, x86_64.level, cpu.features, cpu.vendor and, where the features tell,
// cpu.microarchitecture. An instruction set whose registers the system does not save is not a
// feature. Source: Intel SDM volume 2A (CPUID), AMD APM volume 3, appendix E.
Facts x86_facts(const CpuidLeaves& cpuid);

// The same from Linux' AT_HWCAP, AT_HWCAP2 and MIDR_EL1 (0: not readable). Source: Linux,
// Documentation/arch/arm64/elf_hwcaps.rst.
Facts arm_facts(std::uint64_t hwcap, std::uint64_t hwcap2, std::uint64_t midr);

// Reads the CPU this runs on. Empty facts on an architecture that neither function knows but for
// arch.name.
Facts host_cpu_facts();

}  // namespace onnxpack::target
