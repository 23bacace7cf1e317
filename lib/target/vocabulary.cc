#include "onnxpack/target/vocabulary.h"

#include <algorithm>
#include <array>
#include <charconv>

#include <fmt/format.h>

#include "onnxpack/base/text.h"

namespace onnxpack::target {
namespace {

using enum FeatureKind;

// os and arch are spelt as Go and OCI spell them; levels as the psABI; instruction sets and
// microarchitectures as archspec (which follows Linux' /proc/cpuinfo); sm_arch as wheel variants
// do.
constexpr std::array vocabulary_table = std::to_array<Feature>({
    {"aarch64.version", ladder,
     "v8.0 to v9.2: every version of the Arm architecture that the CPU implements"},
    {"accelerator.class", set,
     "cpu, gpu, npu: what the device has; the first is what a build for this target is for"},
    {"accelerator.vendor", set, "amd, apple, intel, nvidia, qualcomm, ..."},
    {"amd.gfx", set, "GPU architectures whose code objects run: gfx942, gfx1100"},
    {"apple.gpu_family", set, "Metal GPU families: apple7, apple8, ..."},
    {"arch.name", set, "amd64, arm64, riscv64 (GOARCH)"},
    {"cpu.features", set, "instruction sets, archspec names: avx2, avx512_vnni, asimddp"},
    {"cpu.microarchitecture", set,
     "archspec names, the CPU's own first, then its ancestors: zen3, zen2, zen"},
    {"cpu.vendor", set, "GenuineIntel, AuthenticAMD, ARM, Apple, ..."},
    {"intel.gpu_driver", version, "GPU driver"},
    {"intel.gpu_eus", number, "execution units of the GPU"},
    {"intel.gpu_ip", set, "GPU IP version as OpenVINO prints it"},
    {"intel.npu_driver", version, "NPU driver"},
    {"intel.npu_elf", version, "ELF format that the NPU driver loads"},
    {"intel.npu_mi", version, "mapped inference version that the NPU driver runs"},
    {"intel.npu_platform", set, "3720, 4000, 5010: OpenVINO's NPU_PLATFORM"},
    {"intel.npu_tiles", number, "tiles of the NPU"},
    {"libc.glibc", version, "version of glibc; an empty list where the C library is another one"},
    {"memory.device_bytes", number, "memory of the accelerator, bytes"},
    {"memory.host_bytes", number, "main memory, bytes"},
    {"metal.version", version, "newest Metal language version"},
    {"nvidia.cuda", version, "newest CUDA version that the driver runs"},
    {"nvidia.driver", version, "GPU driver"},
    {"nvidia.sm_arch", set,
     "NN_real: machine code that runs; NN_virtual: PTX that the driver can translate"},
    {"openvino.isa", set, "the CPU's ISA text as OpenVINO's CPU plugin writes it"},
    {"os.name", set, "linux, android, windows, darwin, ios (GOOS)"},
    {"os.version", version, "version of the kernel on Linux, of the system elsewhere"},
    {"qnn.backend_api", version, "API version of the QNN backend library"},
    {"qnn.backend_id", set, "number of the QNN backend, 6 is HTP"},
    {"qnn.user_driver", set, "yes or no: the HTP user driver (HNRD) is in use"},
    {"qualcomm.htp_arch", number, "Hexagon tensor processor architecture: 68, 69, 73, 75, 79, 81"},
    {"qualcomm.soc", set, "SoC name, lower case: sm8650"},
    {"qualcomm.soc_model", set, "QNN's SoC model number"},
    {"qualcomm.vtcm_mb", number, "tightly coupled memory of the tensor processor, MB"},
    {"riscv64.extensions", set, "ISA extensions: m, a, f, d, c, v"},
    {"runtime.*", version,
     "version of an installed runtime: runtime.onnxruntime, runtime.openvino, runtime.iree, "
     "runtime.qnn; runtime.onnxpack_ops is of the operators in libonnxpack_ops"},
    {"vulkan.device", set,
     "PCI vendor and device of the GPU as its Vulkan driver gives them: 10de:2330"},
    {"vulkan.subgroup_size", set,
     "subgroup sizes that the driver takes, the one it takes unless told otherwise first: 32"},
    {"vulkan.version", version, "newest Vulkan API version"},
    {"x86_64.level", ladder, "v1 to v4: every psABI level that the CPU and the system meet"},
});

constexpr std::array<std::string_view, 4> x86_levels = {"v1", "v2", "v3", "v4"};
constexpr std::array<std::string_view, 10> arm_versions = {"v8.0", "v8.1", "v8.2", "v8.3", "v8.4",
                                                           "v8.5", "v8.6", "v9.0", "v9.1", "v9.2"};

struct Promise {
  std::string_view ladder;
  std::string_view step;
  std::string_view features;  // those the step adds
};
// x86: psABI, micro-architecture levels, with archspec's names (SSE3 hides in ssse3, LZCNT is abm,
// OSXSAVE is xsave). Arm: features mandatory from that version on (Arm ARM, A2), as far as they
// bear on number crunching; Linux HWCAP names.
constexpr std::array promises = std::to_array<Promise>({
    {"x86_64.level", "v1", "mmx sse sse2"},
    {"x86_64.level", "v2", "cx16 lahf_lm popcnt sse4_1 sse4_2 ssse3"},
    {"x86_64.level", "v3", "abm avx avx2 bmi1 bmi2 f16c fma movbe xsave"},
    {"x86_64.level", "v4", "avx512bw avx512cd avx512dq avx512f avx512vl"},
    {"aarch64.version", "v8.0", "asimd fp"},
    {"aarch64.version", "v8.1", "asimdrdm atomics crc32"},
    {"aarch64.version", "v8.2", "dcpop"},
    {"aarch64.version", "v8.3", "fcma jscvt lrcpc"},
    {"aarch64.version", "v8.4", "asimddp flagm uscat"},
    {"aarch64.version", "v8.5", "frint sb"},
    {"aarch64.version", "v8.6", "bf16 i8mm"},
});

}  // namespace

std::span<const Feature> vocabulary() {
  return vocabulary_table;
}

const Feature* find_feature(std::string_view name) {
  for (const Feature& feature : vocabulary_table) {
    if (feature.name == name) return &feature;
    if (feature.name.ends_with(".*") && name.size() > feature.name.size() - 1 &&
        name.starts_with(feature.name.substr(0, feature.name.size() - 1))) {
      return &feature;
    }
  }
  return nullptr;
}

std::string suggest_feature(std::string_view name) {
  std::vector<std::string> known;
  for (const Feature& feature : vocabulary_table) known.emplace_back(feature.name);
  auto near = did_you_mean(name, known);
  return near ? fmt::format("; did you mean {}?", *near) : "";
}

std::span<const std::string_view> ladder_steps(std::string_view feature) {
  if (feature == "x86_64.level") return x86_levels;
  if (feature == "aarch64.version") return arm_versions;
  return {};
}

std::size_t ladder_height(std::string_view feature, const std::vector<std::string>& values) {
  auto steps = ladder_steps(feature);
  for (std::size_t i = steps.size(); i > 0; --i) {
    if (std::ranges::find(values, steps[i - 1]) != values.end()) return i;
  }
  return 0;
}

std::vector<std::string> ladder_closure(std::string_view feature, std::string_view step) {
  auto steps = ladder_steps(feature);
  auto it = std::ranges::find(steps, step);
  if (it == steps.end()) return {std::string(step)};
  std::vector<std::string> out;
  for (auto at = steps.begin(); at <= it; ++at) {
    // v9.0 stands on v8.5, not on v8.6.
    if (*at == "v8.6" && step.starts_with("v9.0")) continue;
    out.emplace_back(*at);
  }
  return out;
}

std::vector<std::string> promised_features(std::string_view ladder, std::string_view step) {
  auto steps = ladder_closure(ladder, step);
  std::vector<std::string> out;
  for (const Promise& promise : promises) {
    if (promise.ladder != ladder || std::ranges::find(steps, promise.step) == steps.end()) continue;
    for (std::string_view name : split(promise.features, ' ')) out.emplace_back(name);
  }
  std::ranges::sort(out);
  return out;
}

bool identifies_accelerator(std::string_view feature) {
  static constexpr auto features = std::to_array<std::string_view>(
      {"amd.gfx", "apple.gpu_family", "intel.gpu_ip", "intel.npu_platform", "nvidia.sm_arch",
       "qualcomm.htp_arch", "qualcomm.soc", "vulkan.device"});
  return std::ranges::find(features, feature) != features.end();
}

std::optional<std::uint64_t> parse_number(std::string_view text) {
  std::uint64_t value = 0;
  auto parsed = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || parsed.ec != std::errc() || parsed.ptr != text.data() + text.size())
    return std::nullopt;
  return value;
}

const std::vector<std::string>* find_fact(const Facts& facts, std::string_view feature) {
  auto it = facts.find(feature);
  return it == facts.end() ? nullptr : &it->second;
}

std::string primary_accelerator(const Target& target) {
  const auto* classes = find_fact(target.facts, "accelerator.class");
  return classes == nullptr || classes->empty() ? "cpu" : classes->front();
}

}  // namespace onnxpack::target
