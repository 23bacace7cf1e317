// The built-in profiles: rows of data, and what turns a row into facts. A new device is a new row.
#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "microarchitecture.h"
#include "onnxpack/base/text.h"
#include "onnxpack/target/target.h"
#include "onnxpack/target/vocabulary.h"
#include "profile_aliases.h"

namespace onnxpack::target {
namespace {

constexpr std::string_view psabi = "x86-64 psABI, micro-architecture levels";
constexpr std::string_view archspec = "archspec-json, cpu/microarchitectures.json";
constexpr std::string_view executorch = "ExecuTorch, backends/qualcomm/serialization/qc_schema.py";
constexpr std::string_view litert = "LiteRT, litert/vendors/qualcomm/core/schema/soc_table.cc";

std::vector<std::string> words(std::string_view text) {
  std::vector<std::string> out;
  for (std::string_view word : split(text, ' ')) {
    if (!word.empty()) out.emplace_back(word);
  }
  return out;
}

// ---- CPUs ----

struct CpuRow {
  std::string_view name;
  std::string_view arch;
  std::string_view ladder;
  std::string_view step;
  std::string_view extra;  // instruction sets that the step does not promise
  std::string_view triple;
  std::string_view llvm_cpu;
  std::string_view llvm_features;
  std::string_view description;
  std::string_view source;
};

constexpr std::string_view x86_triple = "x86_64-unknown-linux-gnu";
constexpr std::string_view arm_triple = "aarch64-unknown-linux-gnu";

constexpr std::array cpu_rows = std::to_array<CpuRow>({
    {"x86-64-v2", "amd64", "x86_64.level", "v2", "", x86_triple, "x86-64-v2", "",
     "x86-64 CPUs since about 2009: SSE4.2", psabi},
    {"x86-64-v3", "amd64", "x86_64.level", "v3", "", x86_triple, "x86-64-v3", "",
     "x86-64 CPUs since about 2015: AVX2, FMA", psabi},
    {"x86-64-v4", "amd64", "x86_64.level", "v4", "", x86_triple, "x86-64-v4", "",
     "x86-64 CPUs with AVX-512 F, BW, CD, DQ, VL", psabi},
    {"aarch64", "arm64", "aarch64.version", "v8.0", "", arm_triple, "generic", "",
     "any 64-bit Arm CPU (Armv8.0)", "Arm Architecture Reference Manual, DDI 0487, A2"},
    {"aarch64-v8.2", "arm64", "aarch64.version", "v8.2", "asimddp asimdhp fphp", arm_triple,
     "generic", "+v8.2a,+dotprod,+fullfp16",
     "Armv8.2 with dot products and half precision: phones and servers since about 2018",
     "Arm Architecture Reference Manual, DDI 0487, A2"},
    {"aarch64-v8.6", "arm64", "aarch64.version", "v8.6", "asimddp asimdhp fphp", arm_triple,
     "generic", "+v8.6a,+fullfp16", "Armv8.6 with int8 matrix multiply and bfloat16",
     "Arm Architecture Reference Manual, DDI 0487, A2"},
});

Target cpu_target(std::string_view name, std::string_view arch, std::string_view ladder,
                  std::string_view step) {
  Target out;
  out.name = name;
  out.facts["accelerator.class"] = {"cpu"};
  out.facts["arch.name"] = {std::string(arch)};
  out.facts[std::string(ladder)] = ladder_closure(ladder, step);
  return out;
}

void set_cpu_options(Target& target, std::string_view triple, std::string_view llvm_cpu,
                     std::string_view llvm_features) {
  json::Value iree = json::object(
      {{"target_backend", "llvm-cpu"}, {"target_triple", triple}, {"target_cpu", llvm_cpu}});
  if (!llvm_features.empty()) iree["target_cpu_features"] = llvm_features;
  if (target.facts["arch.name"].front() == "riscv64") iree["target_abi"] = "lp64d";
  target.backend_options["iree"] = std::move(iree);
  target.backend_options["onnxruntime"] = json::object({{"ep", "CPUExecutionProvider"}});
  if (target.facts["arch.name"].front() != "riscv64") {
    target.backend_options["openvino"] = json::object({{"device", "CPU"}});
  }
}

Target from_row(const CpuRow& row) {
  Target out = cpu_target(row.name, row.arch, row.ladder, row.step);
  auto features = promised_features(row.ladder, row.step);
  for (auto& extra : words(row.extra)) features.push_back(extra);
  std::ranges::sort(features);
  auto [first, last] = std::ranges::unique(features);
  features.erase(first, last);
  out.facts["cpu.features"] = std::move(features);
  out.description = row.description;
  out.sources = {std::string(row.source)};
  set_cpu_options(out, row.triple, row.llvm_cpu, row.llvm_features);
  return out;
}

Target from_row(const Microarchitecture& row) {
  bool x86 = row.arch == "amd64";
  Target out = cpu_target(row.name, row.arch, x86 ? "x86_64.level" : "aarch64.version", row.level);
  out.facts["cpu.features"] = features_of(row);
  out.facts["cpu.microarchitecture"] = ancestry(row);
  out.facts["cpu.vendor"] = {std::string(row.vendor)};
  if (row.vendor == "Apple") out.facts["os.name"] = {"darwin"};
  out.description = row.description;
  out.sources = {std::string(archspec)};
  set_cpu_options(out, x86 ? x86_triple : arm_triple, row.llvm_cpu, "");
  return out;
}

Target riscv64() {
  Target out;
  out.name = "riscv64";
  out.description = "64-bit RISC-V with vectors (rv64gcv, the base of RVA23)";
  out.facts["accelerator.class"] = {"cpu"};
  out.facts["arch.name"] = {"riscv64"};
  out.facts["riscv64.extensions"] = {"a", "c", "d", "f", "m", "v"};
  out.sources = {"RISC-V RVA23 profile"};
  set_cpu_options(out, "riscv64-unknown-linux-gnu", "generic-rv64", "+m,+a,+f,+d,+c,+v");
  return out;
}

// ---- Qualcomm ----

struct SnapdragonRow {
  std::string_view soc;
  std::string_view marketing;
  std::string_view os;
  unsigned soc_model;
  unsigned htp_arch;
  unsigned vtcm_mb;
  std::string_view sources;  // e: ExecuTorch's table, l: LiteRT's; where both list a SoC they agree
};

constexpr std::array snapdragon_rows = std::to_array<SnapdragonRow>({
    {"qcm6490", "QCM6490", "android linux", 93, 68, 2, "e"},
    {"qcs9100", "QCS9100", "linux", 77, 73, 8, "el"},
    {"sa8255", "SA8255P", "android linux", 52, 73, 8, "el"},
    {"sa8295", "SA8295P", "android linux", 39, 68, 8, "el"},
    {"sc8380xp", "Snapdragon X Elite", "windows linux", 60, 73, 8, "l"},
    {"sm8350", "Snapdragon 888", "android", 30, 68, 4, "el"},
    {"sm8450", "Snapdragon 8 Gen 1", "android", 36, 69, 8, "el"},
    {"sm8475", "Snapdragon 8+ Gen 1", "android", 42, 69, 8, "el"},
    {"sm8550", "Snapdragon 8 Gen 2", "android", 43, 73, 8, "el"},
    {"sm8650", "Snapdragon 8 Gen 3", "android", 57, 75, 8, "el"},
    {"sm8750", "Snapdragon 8 Elite", "android", 69, 79, 8, "el"},
    {"sm8850", "Snapdragon 8 Elite Gen 5", "android", 87, 81, 8, "el"},
});

// The CPUs of all these SoCs are Armv8.2 or newer with dot products and half precision; what they
// have beyond that differs within a SoC (big and little cores) and is left unstated.
Target from_row(const SnapdragonRow& row) {
  Target out;
  out.name = fmt::format("qualcomm-{}", row.soc);
  out.description =
      fmt::format("{}: HTP v{}, {} MB VTCM", row.marketing, row.htp_arch, row.vtcm_mb);
  Facts& facts = out.facts;
  facts["accelerator.class"] = {"npu", "gpu", "cpu"};
  facts["accelerator.vendor"] = {"qualcomm"};
  facts["arch.name"] = {"arm64"};
  facts["aarch64.version"] = ladder_closure("aarch64.version", "v8.2");
  facts["cpu.features"] = {"asimd", "asimddp", "asimdhp", "asimdrdm", "atomics",
                           "crc32", "dcpop",   "fp",      "fphp"};
  facts["os.name"] = words(row.os);
  facts["qnn.backend_id"] = {"6"};
  facts["qualcomm.htp_arch"] = {std::to_string(row.htp_arch)};
  facts["qualcomm.soc"] = {std::string(row.soc)};
  facts["qualcomm.vtcm_mb"] = {std::to_string(row.vtcm_mb)};
  facts["qualcomm.soc_model"] = {std::to_string(row.soc_model)};
  json::Value provider = json::object({{"htp_arch", std::to_string(row.htp_arch)},
                                       {"soc_model", std::to_string(row.soc_model)},
                                       {"vtcm_mb", std::to_string(row.vtcm_mb)}});
  out.backend_options["onnxruntime"] = json::object({{"ep", "QNNExecutionProvider"},
                                                     {"htp_arch", row.htp_arch},
                                                     {"soc_model", row.soc_model},
                                                     {"provider_options", std::move(provider)}});
  for (char source : row.sources) out.sources.emplace_back(source == 'e' ? executorch : litert);
  return out;
}

// ---- GPUs and other accelerators ----

struct AcceleratorRow {
  std::string_view name;
  std::string_view description;
  std::string_view accelerator;
  std::string_view vendor;
  std::string_view facts;    // "feature=value value|feature=value"
  std::string_view options;  // "backend.key=value|backend.key=value"
  std::string_view source;
};

constexpr std::string_view cuda_guide =
    "CUDA C++ Programming Guide, compute capabilities and binary compatibility";
constexpr std::string_view llvm_amdgpu = "LLVM, User Guide for AMDGPU Backend, processors";
constexpr std::string_view npu_docs =
    "OpenVINO, NPU device and NPU plugin README, supported platforms";

constexpr std::array accelerator_rows = std::to_array<AcceleratorRow>({
    {"apple-metal", "Apple silicon GPU through Metal 3", "gpu", "apple",
     "arch.name=arm64|os.name=darwin|metal.version=3.0|apple.gpu_family=apple7",
     "iree.target_backend=metal-spirv", "Apple, Metal feature set tables"},
    {"cuda-sm_80", "NVIDIA A100, A30", "gpu", "nvidia", "nvidia.sm_arch=80_real 80_virtual",
     "iree.target_backend=cuda|iree.cuda_target=sm_80", cuda_guide},
    {"cuda-sm_86", "NVIDIA RTX 30 series, A10, A40", "gpu", "nvidia",
     "nvidia.sm_arch=86_real 80_real 86_virtual 80_virtual",
     "iree.target_backend=cuda|iree.cuda_target=sm_86", cuda_guide},
    {"cuda-sm_89", "NVIDIA RTX 40 series, L4, L40", "gpu", "nvidia",
     "nvidia.sm_arch=89_real 86_real 80_real 89_virtual 86_virtual 80_virtual",
     "iree.target_backend=cuda|iree.cuda_target=ada", cuda_guide},
    {"cuda-sm_90", "NVIDIA H100, H200, GH200", "gpu", "nvidia",
     "nvidia.sm_arch=90_real 90_virtual 89_virtual 86_virtual 80_virtual",
     "iree.target_backend=cuda|iree.cuda_target=sm_90", cuda_guide},
    {"intel-gpu", "Intel GPU through OpenVINO", "gpu", "intel", "arch.name=amd64",
     "openvino.device=GPU", "OpenVINO, GPU device"},
    {"intel-npu-3720", "Intel NPU 3720: Core Ultra 100 and 200 (Meteor Lake, Arrow Lake)", "npu",
     "intel", "arch.name=amd64|intel.npu_platform=3720",
     "openvino.device=NPU|openvino.NPU_PLATFORM=3720", npu_docs},
    {"intel-npu-4000", "Intel NPU 4000: Core Ultra 200V (Lunar Lake)", "npu", "intel",
     "arch.name=amd64|intel.npu_platform=4000", "openvino.device=NPU|openvino.NPU_PLATFORM=4000",
     npu_docs},
    {"intel-npu-5010", "Intel NPU 5010: Core Ultra 300 (Panther Lake)", "npu", "intel",
     "arch.name=amd64|intel.npu_platform=5010", "openvino.device=NPU|openvino.NPU_PLATFORM=5010",
     npu_docs},
    {"rocm-gfx1100", "AMD Radeon RX 7900, PRO W7900", "gpu", "amd", "amd.gfx=gfx1100",
     "iree.target_backend=rocm|iree.rocm_target=gfx1100", llvm_amdgpu},
    {"rocm-gfx90a", "AMD Instinct MI210, MI250", "gpu", "amd", "amd.gfx=gfx90a",
     "iree.target_backend=rocm|iree.rocm_target=gfx90a", llvm_amdgpu},
    {"rocm-gfx942", "AMD Instinct MI300A, MI300X", "gpu", "amd", "amd.gfx=gfx942",
     "iree.target_backend=rocm|iree.rocm_target=gfx942", llvm_amdgpu},
    {"vulkan", "any GPU with Vulkan 1.3", "gpu", "", "vulkan.version=1.3",
     "iree.target_backend=vulkan-spirv",
     "IREE 3.13, Vulkan driver (opens devices of 1.3 and newer)"},
});

Target from_row(const AcceleratorRow& row) {
  Target out;
  out.name = row.name;
  out.description = row.description;
  out.sources = {std::string(row.source)};
  out.facts["accelerator.class"] = {std::string(row.accelerator)};
  if (!row.vendor.empty()) out.facts["accelerator.vendor"] = {std::string(row.vendor)};
  for (std::string_view fact : split(row.facts, '|')) {
    auto equals = fact.find('=');
    out.facts[std::string(fact.substr(0, equals))] = words(fact.substr(equals + 1));
  }
  for (std::string_view option : split(row.options, '|')) {
    auto dot = option.find('.');
    auto equals = option.find('=');
    json::Value& backend = out.backend_options[std::string(option.substr(0, dot))];
    backend[option.substr(dot + 1, equals - dot - 1)] = option.substr(equals + 1);
  }
  return out;
}

std::vector<Target> all_profiles() {
  std::vector<Target> out;
  for (const auto& row : cpu_rows) out.push_back(from_row(row));
  for (const auto& row : microarchitectures()) out.push_back(from_row(row));
  for (const auto& row : snapdragon_rows) out.push_back(from_row(row));
  for (const auto& row : accelerator_rows) out.push_back(from_row(row));
  out.push_back(riscv64());
  std::ranges::sort(out, {}, &Target::name);
  return out;
}

// How a name is compared: case and the two ways to write a gap do not matter.
std::string folded(std::string_view name) {
  std::string out = to_lower_ascii(name);
  std::ranges::replace(out, '_', '-');
  std::ranges::replace(out, ' ', '-');
  return out;
}

}  // namespace

const std::vector<Target>& profiles() {
  static const std::vector<Target> all = all_profiles();
  return all;
}

std::span<const Alias> profile_aliases() {
  return alias_table;
}

Result<Target> find_profile(std::string_view name) {
  std::string wanted = folded(name);
  for (const Alias& alias : alias_table) {
    if (wanted == alias.alias) wanted = folded(alias.profile);
  }
  std::vector<std::string> known;
  for (const Target& profile : profiles()) {
    if (folded(profile.name) == wanted) return profile;
    known.push_back(profile.name);
  }
  for (const Alias& alias : alias_table) known.emplace_back(alias.alias);
  known.emplace_back("host");
  auto near = did_you_mean(wanted, known);
  return fail(ErrorKind::not_found,
              fmt::format("unknown target \"{}\"{}", printable(name),
                          near ? fmt::format("; did you mean {}?", *near) : ""),
              "`onnx-pack targets` lists all; a JSON file (`onnx-pack targets show host` writes "
              "one) describes any other device");
}

}  // namespace onnxpack::target
