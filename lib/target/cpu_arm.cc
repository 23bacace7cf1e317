#include <algorithm>
#include <array>

#include "cpu.h"
#include "microarchitecture.h"
#include "onnxpack/target/vocabulary.h"

namespace onnxpack::target {
namespace {

// By bit number from 0; an empty name is a bit that says nothing about speed or capability here.
constexpr auto hwcap_names = std::to_array<std::string_view>(
    {"fp",      "asimd", "evtstrm", "aes",   "pmull",    "sha1",   "sha2", "crc32",
     "atomics", "fphp",  "asimdhp", "cpuid", "asimdrdm", "jscvt",  "fcma", "lrcpc",
     "dcpop",   "sha3",  "sm3",     "sm4",   "asimddp",  "sha512", "sve",  "asimdfhm",
     "dit",     "uscat", "ilrcpc",  "flagm", "ssbs",     "sb",     "paca", "pacg"});
constexpr auto hwcap2_names = std::to_array<std::string_view>(
    {"dcpodp", "sve2",    "sveaes",   "svepmull", "svebitperm", "svesha3", "svesm4", "flagm2",
     "frint",  "svei8mm", "svef32mm", "svef64mm", "svebf16",    "i8mm",    "bf16",   "dgh",
     "rng",    "bti",     "mte",      "ecv",      "afp",        "rpres",   "mte3",   "sme"});

std::string_view vendor_of(std::uint64_t midr) {
  switch ((midr >> 24) & 0xFF) {
    case 0x41:
      return "ARM";
    case 0x46:
      return "Fujitsu";
    case 0x48:
      return "HiSilicon";
    case 0x4E:
      return "NVIDIA";
    case 0x51:
      return "Qualcomm";
    case 0x61:
      return "Apple";
    case 0xC0:
      return "Ampere";
    default:
      return "";
  }
}

std::string version_of(const std::vector<std::string>& features) {
  auto has = [&](std::string_view name) {
    return std::ranges::find(features, name) != features.end();
  };
  std::string out;
  for (std::string_view step : ladder_steps("aarch64.version")) {
    // From v9.0 on no feature that Linux shows is mandatory; SVE2 is allowed on Armv9 only, so it
    // tells.
    if (step.starts_with("v9")) break;
    if (!std::ranges::all_of(promised_features("aarch64.version", step), has)) break;
    out = step;
  }
  if (has("sve2") && (out == "v8.5" || out == "v8.6")) out = "v9.0";
  return out;
}

}  // namespace

Facts arm_facts(std::uint64_t hwcap, std::uint64_t hwcap2, std::uint64_t midr) {
  Facts facts;
  facts["arch.name"] = {"arm64"};
  std::vector<std::string> features;
  for (std::size_t i = 0; i < hwcap_names.size(); ++i) {
    if (((hwcap >> i) & 1U) != 0) features.emplace_back(hwcap_names[i]);
  }
  for (std::size_t i = 0; i < hwcap2_names.size(); ++i) {
    if (((hwcap2 >> i) & 1U) != 0) features.emplace_back(hwcap2_names[i]);
  }
  std::ranges::sort(features);
  if (auto version = version_of(features); !version.empty()) {
    facts["aarch64.version"] = ladder_closure("aarch64.version", version);
  }
  std::string_view vendor = vendor_of(midr);
  if (!vendor.empty()) facts["cpu.vendor"] = {std::string(vendor)};
  if (const auto* design = match_microarchitecture("arm64", vendor, features)) {
    facts["cpu.microarchitecture"] = ancestry(*design);
  }
  facts["cpu.features"] = std::move(features);
  return facts;
}

}  // namespace onnxpack::target
