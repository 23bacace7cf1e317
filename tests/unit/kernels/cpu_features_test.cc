#include "onnxpack/kernels/cpu_features.h"

#include <algorithm>
#include <fstream>
#include <map>
#include <string>

#include <catch2/catch_test_macros.hpp>

#include "onnxpack/kernels/kernel_list.h"

namespace onnxpack::kernels {
namespace {

TEST_CASE("names and instruction sets go both ways") {
  for (Isa isa : all_isas()) CHECK(parse_isa(to_string(isa)) == isa);
  auto unknown = parse_isa("avx1024");
  REQUIRE_FALSE(unknown);
  CHECK(unknown.error().starts_with("no kernels are called 'avx1024'; there are: reference, avx2"));
}

TEST_CASE("a forced set allows what it needs and nothing beyond") {
  const CpuFeatures vbmi = CpuFeatures::only(Isa::avx512_vbmi);
  CHECK(choose_features(vbmi, "") == vbmi);
  auto forced = choose_features(vbmi, "avx512");
  REQUIRE(forced);
  CHECK(forced->has(Isa::avx2));
  CHECK(forced->has(Isa::avx512));
  CHECK_FALSE(forced->has(Isa::avx512_vnni));
  CHECK(choose_features(vbmi, "reference") == CpuFeatures());
  CHECK(choose_features(vbmi, "neon").error() ==
        "ONNXPACK_KERNELS: this machine cannot run neon kernels");
  CHECK_FALSE(choose_features(vbmi, "fast"));
  const CpuFeatures machine = CpuFeatures::detect();
  CHECK(choose_features(machine, "reference")->lookahead() == machine.lookahead());
}

#if defined(__x86_64__) && defined(__linux__)
// By what the system says of the CPU, which is another reader of the same thing.
TEST_CASE("how far ahead memory is asked follows the CPU") {
  std::ifstream info("/proc/cpuinfo");
  std::map<std::string, std::string> cpu;
  for (std::string line; std::getline(info, line) && !line.empty();) {
    const std::size_t colon = line.find(':');
    if (colon == std::string::npos) continue;
    cpu[line.substr(0, line.find('\t'))] = line.substr(std::min(colon + 2, line.size()));
  }
  Lookahead expected = Lookahead::one_stage;
  if (cpu["vendor_id"] == "GenuineIntel") expected = Lookahead::two_stages;
  if (cpu["vendor_id"] == "AuthenticAMD" && cpu["cpu family"] == "25" &&
      cpu["flags"].find(" avx512f ") != std::string::npos)
    expected = Lookahead::in_order;
  INFO(cpu["vendor_id"] << ", family " << cpu["cpu family"]);
  CHECK(CpuFeatures::detect().lookahead() == expected);
}
#endif

TEST_CASE("each operation has one chosen kernel on any machine, and a reason for the others") {
  for (Isa machine : all_isas()) {
    std::string operation;
    std::size_t chosen = 1;
    for (const KernelChoice& choice :
         list_kernels(CpuFeatures::only(machine), CpuFeatures::only(machine))) {
      if (choice.entry.operation != operation) {
        CHECK(chosen == 1);
        chosen = 0;
        operation = choice.entry.operation;
      }
      chosen += choice.chosen ? 1U : 0U;
      CHECK(choice.chosen == choice.why.empty());
    }
    CHECK(chosen == 1);
  }
}

TEST_CASE("this machine has its baseline") {
  CHECK(CpuFeatures::detect().has(Isa::reference));
}

}  // namespace
}  // namespace onnxpack::kernels
