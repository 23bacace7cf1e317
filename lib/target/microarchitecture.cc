#include "microarchitecture.h"

#include <algorithm>
#include <array>

#include "onnxpack/base/text.h"
#include "onnxpack/target/vocabulary.h"

namespace onnxpack::target {
namespace {

constexpr std::string_view intel = "GenuineIntel";
constexpr std::string_view amd = "AuthenticAMD";

// A row stands below its parent.
constexpr std::array rows = std::to_array<Microarchitecture>({
    {"haswell", "", "amd64", intel, "v3", "aes pclmulqdq rdrand", "haswell",
     "Intel Core 4th generation, Xeon E5 v3"},
    {"broadwell", "haswell", "amd64", intel, "v3", "adx rdseed", "broadwell",
     "Intel Core 5th generation, Xeon E5 v4"},
    {"skylake", "broadwell", "amd64", intel, "v3", "clflushopt xsavec xsaveopt", "skylake",
     "Intel Core 6th to 10th generation"},
    {"skylake_avx512", "skylake", "amd64", intel, "v4", "clwb", "skylake-avx512",
     "Intel Xeon Scalable, first generation"},
    {"cascadelake", "skylake_avx512", "amd64", intel, "v4", "avx512_vnni", "cascadelake",
     "Intel Xeon Scalable, second generation"},
    {"icelake", "cascadelake", "amd64", intel, "v4",
     "avx512_bitalg avx512_vbmi2 avx512_vpopcntdq avx512ifma avx512vbmi gfni rdpid sha_ni vaes "
     "vpclmulqdq",
     "icelake-server", "Intel Core 10th generation mobile, Xeon Scalable third generation"},
    {"sapphirerapids", "icelake", "amd64", intel, "v4",
     "amx_bf16 amx_int8 amx_tile avx512_bf16 movdir64b movdiri serialize waitpkg", "sapphirerapids",
     "Intel Xeon Scalable, fourth generation"},
    {"alderlake", "skylake", "amd64", intel, "v3",
     "avx_vnni clwb gfni movdir64b movdiri rdpid serialize sha_ni vaes vpclmulqdq waitpkg",
     "alderlake", "Intel Core 12th to 14th generation"},
    {"zen", "", "amd64", amd, "v3",
     "aes clflushopt clzero fsgsbase pclmulqdq rdseed sse4a xsavec xsaveopt", "znver1",
     "AMD Ryzen 1000, EPYC 7001"},
    {"zen2", "zen", "amd64", amd, "v3", "clwb", "znver2", "AMD Ryzen 3000, EPYC 7002"},
    {"zen3", "zen2", "amd64", amd, "v3", "pku vaes vpclmulqdq", "znver3",
     "AMD Ryzen 5000, EPYC 7003"},
    {"zen4", "zen3", "amd64", amd, "v4",
     "avx512_bf16 avx512_bitalg avx512_vbmi2 avx512_vnni avx512_vpopcntdq avx512ifma avx512vbmi "
     "flush_l1d gfni",
     "znver4", "AMD Ryzen 7000, EPYC 9004"},
    {"zen5", "zen4", "amd64", amd, "v4", "avx512_vp2intersect avx_vnni movdir64b movdiri", "znver5",
     "AMD Ryzen 9000, EPYC 9005"},
    {"cortex_a72", "", "arm64", "ARM", "v8.0", "aes crc32 pmull sha1 sha2", "cortex-a72",
     "Arm Cortex-A72: Raspberry Pi 4, Graviton"},
    {"neoverse_n1", "cortex_a72", "arm64", "ARM", "v8.2", "asimddp asimdhp fphp lrcpc",
     "neoverse-n1", "Arm Neoverse N1: Graviton2, Ampere Altra"},
    {"neoverse_v1", "neoverse_n1", "arm64", "ARM", "v8.4",
     "asimdfhm bf16 dcpodp dit i8mm rng sha3 sha512 sve svebf16 svei8mm", "neoverse-v1",
     "Arm Neoverse V1: Graviton3"},
    {"neoverse_n2", "neoverse_n1", "arm64", "ARM", "v9.0",
     "asimdfhm bf16 dcpodp flagm2 i8mm sha3 sha512 sve sve2 svebf16 svei8mm", "neoverse-n2",
     "Arm Neoverse N2: Cobalt 100"},
    {"neoverse_v2", "neoverse_n1", "arm64", "ARM", "v9.0",
     "asimdfhm bf16 dcpodp flagm2 i8mm sha3 sha512 sve sve2 svebf16 svei8mm", "neoverse-v2",
     "Arm Neoverse V2: Graviton4, Grace"},
    {"m1", "", "arm64", "Apple", "v8.4",
     "aes asimdfhm asimdhp crc32 dcpodp dit flagm2 fphp frint pmull sb sha1 sha2 sha3 sha512",
     "apple-m1", "Apple M1"},
    {"m2", "m1", "arm64", "Apple", "v8.5", "bf16 ecv i8mm", "apple-m2", "Apple M2"},
});

std::string_view ladder_of(std::string_view arch) {
  return arch == "amd64" ? "x86_64.level" : "aarch64.version";
}

}  // namespace

std::span<const Microarchitecture> microarchitectures() {
  return rows;
}

const Microarchitecture* find_microarchitecture(std::string_view name) {
  auto it = std::ranges::find(rows, name, &Microarchitecture::name);
  return it == rows.end() ? nullptr : &*it;
}

std::vector<std::string> ancestry(const Microarchitecture& design) {
  std::vector<std::string> out;
  for (const auto* at = &design; at != nullptr; at = find_microarchitecture(at->parent))
    out.emplace_back(at->name);
  return out;
}

std::vector<std::string> features_of(const Microarchitecture& design) {
  std::vector<std::string> out = promised_features(ladder_of(design.arch), design.level);
  for (const auto* at = &design; at != nullptr; at = find_microarchitecture(at->parent)) {
    for (std::string_view feature : split(at->features, ' ')) out.emplace_back(feature);
  }
  std::ranges::sort(out);
  auto [first, last] = std::ranges::unique(out);
  out.erase(first, last);
  return out;
}

const Microarchitecture* match_microarchitecture(std::string_view arch, std::string_view vendor,
                                                 const std::vector<std::string>& features) {
  auto has = [&](const std::string& name) {
    return std::ranges::find(features, name) != features.end();
  };
  const Microarchitecture* best = nullptr;
  std::size_t best_count = 0;
  for (const Microarchitecture& design : rows) {
    if (design.arch != arch || design.vendor != vendor) continue;
    auto needed = features_of(design);
    // Rows stand below their parents, so among equals the later, more specific one wins.
    if (!std::ranges::all_of(needed, has) || needed.size() < best_count) continue;
    best = &design;
    best_count = needed.size();
  }
  return best;
}

}  // namespace onnxpack::target
