// The only file of this folder that asks the machine.
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>

#if defined(__GLIBC__)
#include <gnu/libc-version.h>
#endif
#if defined(__x86_64__)
#include <cpuid.h>
#elif defined(__aarch64__) && defined(__linux__)
#include <sys/auxv.h>
#endif

#include "cpu.h"
#include "microarchitecture.h"
#include "onnxpack/base/text.h"
#include "onnxpack/target/vocabulary.h"

namespace onnxpack::target {
namespace {

#if defined(__x86_64__)

CpuidLeaves read_cpuid() {
  CpuidLeaves out;
  auto read = [&](std::uint32_t leaf, std::uint32_t subleaf) {
    CpuidRegisters r;
    if (__get_cpuid_count(leaf, subleaf, &r.eax, &r.ebx, &r.ecx, &r.edx) != 0)
      out.leaves[{leaf, subleaf}] = r;
  };
  for (std::uint32_t leaf : {0U, 1U, 0x80000001U, 0x80000008U}) read(leaf, 0);
  read(7, 0);
  // Subleaves beyond the count in EAX repeat other data on old CPUs.
  if (out.leaves.contains({7, 0}) && out.leaves[{7, 0}].eax >= 1) read(7, 1);
  read(0xD, 1);
  if (((out.leaves[{1, 0}].ecx >> 27) & 1U) != 0) {
    std::uint32_t low = 0;
    std::uint32_t high = 0;
    // The instruction rather than _xgetbv(): that intrinsic wants -mxsave for the whole file.
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    out.xcr0 = (static_cast<std::uint64_t>(high) << 32) | low;
  }
  return out;
}

#elif defined(__aarch64__) && defined(__linux__)

std::uint64_t read_midr() {
  std::ifstream file("/sys/devices/system/cpu/cpu0/regs/identification/midr_el1");
  std::uint64_t value = 0;
  file >> std::hex >> value;
  return file ? value : 0;
}

#endif

std::string system_name(const utsname& names) {
#if defined(__ANDROID__)
  (void)names;
  return "android";
#else
  return to_lower_ascii(names.sysname);
#endif
}

// "6.18.5-amd64" -> "6.18.5".
std::string numeric_prefix(std::string_view text) {
  auto end = text.find_first_not_of("0123456789.");
  text = text.substr(0, end);
  while (text.ends_with('.')) text.remove_suffix(1);
  return std::string(text);
}

void set_options(Target& target) {
  target.backend_options["onnxruntime"] = json::object({{"ep", "CPUExecutionProvider"}});
  target.backend_options["openvino"] = json::object({{"device", "CPU"}});
  std::string cpu;
  if (const auto* design = find_fact(target.facts, "cpu.microarchitecture")) {
    cpu = find_microarchitecture(design->front())->llvm_cpu;
  } else if (const auto* level = find_fact(target.facts, "x86_64.level");
             level != nullptr && level->back() != "v1") {
    cpu = "x86-64-" + level->back();
  }
  if (!cpu.empty()) {
    target.backend_options["iree"] =
        json::object({{"target_backend", "llvm-cpu"}, {"target_cpu", cpu}});
  }
}

}  // namespace

Facts host_cpu_facts() {
#if defined(__x86_64__)
  return x86_facts(read_cpuid());
#elif defined(__aarch64__) && defined(__linux__)
  return arm_facts(getauxval(AT_HWCAP), getauxval(AT_HWCAP2), read_midr());
#elif defined(__aarch64__)
  return Facts{{"arch.name", {"arm64"}}};
#elif defined(__riscv) && __riscv_xlen == 64
  return Facts{{"arch.name", {"riscv64"}}};
#else
  return {};
#endif
}

Target probe_host() {
  Target out;
  out.name = "host";
  out.description = "the machine this runs on";
  out.facts = host_cpu_facts();
  out.facts["accelerator.class"] = {"cpu"};
  utsname names{};
  if (uname(&names) == 0) {
    out.facts["os.name"] = {system_name(names)};
    if (std::string version = numeric_prefix(names.release); !version.empty())
      out.facts["os.version"] = {version};
  }
#if defined(__GLIBC__)
  out.facts["libc.glibc"] = {gnu_get_libc_version()};
#else
  out.facts["libc.glibc"] = {};
#endif
  long pages = sysconf(_SC_PHYS_PAGES);
  long page = sysconf(_SC_PAGESIZE);
  if (pages > 0 && page > 0) {
    out.facts["memory.host_bytes"] = {
        std::to_string(static_cast<std::uint64_t>(pages) * static_cast<std::uint64_t>(page))};
  }
  set_options(out);
  return out;
}

}  // namespace onnxpack::target
