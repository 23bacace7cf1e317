#include "cpu.h"

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <fstream>
#include <set>
#include <sstream>

#include "microarchitecture.h"
#include "onnxpack/target/requirement.h"
#include "onnxpack/target/vocabulary.h"

using namespace onnxpack;
using namespace onnxpack::target;

namespace {

constexpr std::uint64_t all_states = 0xE7;

CpuidLeaves intel_leaves(CpuidRegisters one, CpuidRegisters seven, CpuidRegisters extended,
                         std::uint32_t xsave) {
  CpuidLeaves out;
  out.leaves[{0, 0}] = {0x16, 0x756E6547, 0x6C65746E, 0x49656E69};  // GenuineIntel
  out.leaves[{1, 0}] = one;
  out.leaves[{7, 0}] = seven;
  out.leaves[{0x80000001, 0}] = extended;
  out.leaves[{0xD, 1}] = {xsave, 0, 0, 0};
  out.xcr0 = all_states;
  return out;
}

// CPUID dumps of a Core i9-7900X, a Core i7-4770K and a Ryzen 9 5950X.
CpuidLeaves skylake_x() {
  return intel_leaves({0x50654, 0, 0x7FFEFBFF, 0xBFEBFBFF}, {0, 0xD39FFFFB, 0, 0x9C000000},
                      {0, 0, 0x121, 0x2C100800}, 0xF);
}
CpuidLeaves haswell() {
  auto out = intel_leaves({0x306C3, 0, 0x7FFAFBFF, 0xBFEBFBFF}, {0, 0x27AB, 0, 0},
                          {0, 0, 0x21, 0x2C100800}, 0x1);
  out.xcr0 = 0x7;
  return out;
}
CpuidLeaves zen3() {
  CpuidLeaves out;
  out.leaves[{0, 0}] = {0x10, 0x68747541, 0x444D4163, 0x69746E65};  // AuthenticAMD
  out.leaves[{1, 0}] = {0xA20F10, 0, 0x7ED8320B, 0x178BFBFF};
  out.leaves[{7, 0}] = {0, 0x219C97A9, 0x0040068C, 0};
  out.leaves[{0x80000001, 0}] = {0xA20F10, 0, 0x75C237FF, 0x2FD3FBFF};
  out.leaves[{0x80000008, 0}] = {0, 0x111EF657, 0, 0};
  out.leaves[{0xD, 1}] = {0xF, 0, 0, 0};
  out.xcr0 = 0x207;
  return out;
}

bool has(const Facts& facts, const char* feature, const char* value) {
  const auto* values = find_fact(facts, feature);
  return values != nullptr && std::ranges::find(*values, value) != values->end();
}

}  // namespace

TEST_CASE("recorded CPUs come out as what they are", "[cpu]") {
  Facts facts = x86_facts(skylake_x());
  CHECK(facts["arch.name"] == std::vector<std::string>{"amd64"});
  CHECK(facts["cpu.vendor"] == std::vector<std::string>{"GenuineIntel"});
  CHECK(facts["x86_64.level"] == std::vector<std::string>{"v1", "v2", "v3", "v4"});
  CHECK(facts["cpu.microarchitecture"] ==
        std::vector<std::string>{"skylake_avx512", "skylake", "broadwell", "haswell"});
  CHECK(has(facts, "cpu.features", "avx512vl"));
  CHECK_FALSE(has(facts, "cpu.features", "avx512_vnni"));

  facts = x86_facts(haswell());
  CHECK(facts["x86_64.level"] == std::vector<std::string>{"v1", "v2", "v3"});
  CHECK(facts["cpu.microarchitecture"] == std::vector<std::string>{"haswell"});

  facts = x86_facts(zen3());
  CHECK(facts["x86_64.level"].back() == "v3");
  CHECK(facts["cpu.microarchitecture"] == std::vector<std::string>{"zen3", "zen2", "zen"});
  CHECK(has(facts, "cpu.features", "vaes"));
}

TEST_CASE("registers that the system does not save take their instruction sets away", "[cpu]") {
  auto leaves = skylake_x();
  leaves.xcr0 = 0x7;  // no ZMM state: a kernel started with clearcpuid or an old hypervisor
  Facts facts = x86_facts(leaves);
  CHECK(facts["x86_64.level"].back() == "v3");
  CHECK(facts["cpu.microarchitecture"].front() == "skylake");
  CHECK_FALSE(has(facts, "cpu.features", "avx512f"));

  leaves.xcr0 = 0x3;  // no YMM state either
  facts = x86_facts(leaves);
  CHECK(facts["x86_64.level"].back() == "v2");
  CHECK_FALSE(has(facts, "cpu.features", "avx2"));
  CHECK_FALSE(has(facts, "cpu.features", "fma"));
  CHECK(facts.find("cpu.microarchitecture") == facts.end());
}

TEST_CASE("every bit that a level promises is needed for it", "[cpu]") {
  // Take one CPUID bit after the other from a v4 machine: the level may only fall, and falls
  // exactly when a promised set is gone.
  auto base = skylake_x();
  std::size_t falls = 0;
  for (auto& [key, registers] : base.leaves) {
    for (std::uint32_t CpuidRegisters::*reg :
         {&CpuidRegisters::eax, &CpuidRegisters::ebx, &CpuidRegisters::ecx, &CpuidRegisters::edx}) {
      for (unsigned bit = 0; bit < 32; ++bit) {
        if (((registers.*reg >> bit) & 1U) == 0) continue;
        auto changed = base;
        changed.leaves[key].*reg &= ~(1U << bit);
        Facts facts = x86_facts(changed);
        auto features = facts["cpu.features"];
        std::size_t height = 0;
        for (std::string_view step : ladder_steps("x86_64.level")) {
          auto promised = promised_features("x86_64.level", step);
          if (!std::ranges::includes(features, promised)) break;
          ++height;
        }
        REQUIRE(ladder_height("x86_64.level", facts["x86_64.level"]) == height);
        falls += height < 4 ? 1 : 0;
      }
    }
  }
  CHECK(falls == promised_features("x86_64.level", "v4").size());
}

TEST_CASE("an empty machine promises nothing", "[cpu]") {
  Facts facts = x86_facts({});
  CHECK(facts["cpu.features"].empty());
  CHECK(facts.find("x86_64.level") == facts.end());
  CHECK(facts.find("cpu.vendor") == facts.end());
}

TEST_CASE("HWCAP bits name Arm's versions and designs", "[cpu]") {
  // Graviton2 (Neoverse N1), as /proc/cpuinfo lists it: fp asimd evtstrm aes pmull sha1 sha2 crc32
  // atomics fphp asimdhp cpuid asimdrdm lrcpc dcpop asimddp ssbs.
  std::uint64_t n1 = 0x119FFF;
  Facts facts = arm_facts(n1, 0, 0x413FD0C1);
  CHECK(facts["cpu.vendor"] == std::vector<std::string>{"ARM"});
  CHECK(facts["aarch64.version"] == std::vector<std::string>{"v8.0", "v8.1", "v8.2"});
  CHECK(facts["cpu.microarchitecture"] == std::vector<std::string>{"neoverse_n1", "cortex_a72"});
  // Cortex-A72 has no atomics: Armv8.0.
  facts = arm_facts(0x8FF, 0, 0x410FD083);
  CHECK(facts["aarch64.version"] == std::vector<std::string>{"v8.0"});
  CHECK(facts["cpu.microarchitecture"] == std::vector<std::string>{"cortex_a72"});
  // The same bits from an implementer nobody knows: no design is claimed.
  facts = arm_facts(n1, 0, 0);
  CHECK(facts.find("cpu.microarchitecture") == facts.end());
  CHECK(facts.find("cpu.vendor") == facts.end());
}

TEST_CASE("the host's facts agree with the kernel's own list", "[cpu][host]") {
  std::ifstream cpuinfo("/proc/cpuinfo");
  std::set<std::string> flags;
  for (std::string line; std::getline(cpuinfo, line);) {
    if (!line.starts_with("flags") && !line.starts_with("Features")) continue;
    std::istringstream words(line.substr(line.find(':') + 1));
    for (std::string word; words >> word;) flags.insert(word);
    break;
  }
  if (flags.empty()) SKIP("no /proc/cpuinfo with flags here");
  Facts facts = host_cpu_facts();
  REQUIRE(facts.contains("cpu.features"));
  for (const std::string& feature : facts["cpu.features"]) {
    // Linux hides these where a CPU's generator has an erratum, though CPUID still lists them.
    if (feature == "rdrand" || feature == "rdseed") continue;
    INFO(feature);
    // Linux hides it on AMD Zen 5, where the shorter forms give zeros too often; the instruction is
    // there all the same.
    if (feature == "rdseed") continue;
    CHECK(flags.contains(feature));
  }
  for (const char* feature : {"avx", "avx2", "fma", "avx512f", "avx512vl", "avx512_vnni",
                              "amx_int8", "bmi2", "asimddp", "sve"}) {
    INFO(feature);
    CHECK(flags.contains(feature) == has(facts, "cpu.features", feature));
  }
}

TEST_CASE("the host describes itself", "[host]") {
  Target host = probe_host();
  CHECK(host.name == "host");
  for (const char* feature :
       {"os.name", "arch.name", "accelerator.class", "memory.host_bytes", "libc.glibc"}) {
    INFO(feature);
    CHECK(find_fact(host.facts, feature) != nullptr);
  }
  CHECK(probe_host() == host);
  // What a blob for this machine needs, this machine has.
  for (const auto& requirement : requirements_of(host)) {
    INFO(to_text(requirement));
    CHECK(check(requirement, host).outcome == Outcome::met);
  }
  auto back = target_from_json(to_json(host));
  REQUIRE(back);
  CHECK(*back == host);
}

TEST_CASE("the table of designs is in order", "[cpu]") {
  std::set<std::string_view> seen;
  for (const auto& design : microarchitectures()) {
    INFO(design.name);
    CHECK((design.parent.empty() || seen.contains(design.parent)));
    CHECK(seen.insert(design.name).second);
    auto features = features_of(design);
    if (const auto* parent = find_microarchitecture(design.parent)) {
      CHECK(std::ranges::includes(features, features_of(*parent)));
      CHECK(parent->arch == design.arch);
      CHECK(parent->vendor == design.vendor);
    }
    // Each is found again by its own features.
    const auto* found = match_microarchitecture(design.arch, design.vendor, features);
    REQUIRE(found != nullptr);
    // Neoverse N2 and V2 have the same instruction sets; the later row stands for both.
    CHECK(features_of(*found) == features);
  }
}
