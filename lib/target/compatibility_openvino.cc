// OpenVINO's runtime requirements:
//
//   CPU   meta=1.0;ov=2026.4.1;isa=Intel AVX2                                              pull
//   request 36969; read off a 2026.4.1 blob GPU
//   meta=1.0;ov=2026.4.1;desc=[driver=25.1.2;ip=20.1.4;eus=160]                      pull requests
//   36540, 36744 NPU   meta=2.6;ov=2026.2.0;desc=[compiler=8.1;npu=4000;t=4;elf=1.2.2;mi=11.4.10]
//   pull request 35478
//
// CPU and GPU: every field must be equal, import refuses otherwise. NPU: the platform must be equal
// and the tiles there; ELF and mapped inference versions load when the major is equal and the
// blob's minor not newer; OpenVINO's own version is not compared (import has been version agnostic
// since 2025.4, intel/onnxruntime pull request 837). What the target does not state gives
// not-applicable.
#include <algorithm>
#include <map>

#include <fmt/format.h>

#include "compatibility_rules.h"
#include "onnxpack/base/text.h"
#include "onnxpack/target/vocabulary.h"
#include "version.h"

namespace onnxpack::target {
namespace {

using Fields = std::map<std::string, std::string, std::less<>>;

// Fields of the text, those inside desc=[...] among them.
std::optional<Fields> parse(std::string_view text) {
  if (!text.starts_with("meta=")) return std::nullopt;
  Fields out;
  for (std::string_view part : split(text, ';')) {
    if (part.starts_with("desc=[")) part.remove_prefix(6);
    if (part.ends_with(']')) part.remove_suffix(1);
    auto equals = part.find('=');
    if (equals == std::string_view::npos || equals == 0) return std::nullopt;
    out.emplace(part.substr(0, equals), part.substr(equals + 1));
  }
  return out.contains("ov") ? std::optional(std::move(out)) : std::nullopt;
}

// "2026.4.1-22982-releases" and "2026.4.1" are one version here.
std::string release(std::string_view version) {
  return std::string(version.substr(0, version.find('-')));
}

// oneDNN's text for an x86-64 CPU that states its instruction sets. Only the steps whose conditions
// are beyond doubt; AVX10 and AMX machines must state openvino.isa (a probe does).
std::optional<std::string> isa_text(const Target& target) {
  if (auto stated = single_fact(target, "openvino.isa")) return stated;
  const auto* features = find_fact(target.facts, "cpu.features");
  // Without a vendor the target is a class of CPUs (x86-64-v3), whose members write different texts.
  if (features == nullptr || single_fact(target, "arch.name") != "amd64" || !single_fact(target, "cpu.vendor")) {
    return std::nullopt;
  }
  auto has = [&](std::string_view name) {
    return std::ranges::find(*features, name) != features->end();
  };
  if (has("avx512_fp16") || has("amx_tile")) return std::nullopt;
  if (has("avx512f") && has("avx512bw") && has("avx512vl") && has("avx512dq")) {
    if (has("avx512_bf16")) return "Intel AVX-512 with Intel DL Boost and bfloat16 support";
    if (has("avx512_vnni")) return "Intel AVX-512 with Intel DL Boost";
    return "Intel AVX-512 with AVX512BW, AVX512VL, and AVX512DQ extensions";
  }
  if (has("avx2")) return has("avx_vnni") ? "Intel AVX2 with Intel DL Boost" : "Intel AVX2";
  if (has("avx")) return "Intel AVX";
  if (has("sse4_1")) return "Intel SSE4.1";
  return std::nullopt;
}

class Comparison {
 public:
  explicit Comparison(std::string validator) { answer_.validator = std::move(validator); }

  // `holds` empty: the target does not say.
  void field(std::string_view name, std::string_view needs, const std::optional<std::string>& has,
             const std::optional<bool>& holds) {
    std::string both =
        has ? fmt::format("made for {} {}, target has {}", name, needs, *has)
            : fmt::format("made for {} {}, the target does not state it", name, needs);
    if (holds == false && answer_.verdict != Verdict::unsupported) {
      answer_.verdict = Verdict::unsupported;
      answer_.reason = std::move(both);
    } else if (!holds && answer_.verdict == Verdict::optimal) {
      answer_.verdict = Verdict::not_applicable;
      answer_.reason = std::move(both);
    } else if (answer_.reason.empty()) {
      answer_.reason = std::move(both);
    }
  }
  void equal(std::string_view name, std::string_view needs, const std::optional<std::string>& has) {
    field(name, needs, has, has ? std::optional(*has == needs) : std::nullopt);
  }
  CompatibilityAnswer take() { return std::move(answer_); }

 private:
  CompatibilityAnswer answer_{Verdict::optimal, "", ""};
};

std::optional<std::string> openvino_release(const Target& target) {
  auto stated = single_fact(target, "runtime.openvino");
  return stated ? std::optional(release(*stated)) : std::nullopt;
}

CompatibilityAnswer compare_cpu(const Fields& fields, const Target& target) {
  Comparison out("openvino/cpu");
  out.equal("CPU", fields.at("isa"), isa_text(target));
  out.equal("OpenVINO", release(fields.at("ov")), openvino_release(target));
  return out.take();
}

CompatibilityAnswer compare_gpu(const Fields& fields, const Target& target) {
  Comparison out("openvino/gpu");
  static constexpr std::pair<std::string_view, std::string_view> pairs[] = {
      {"ip", "intel.gpu_ip"}, {"eus", "intel.gpu_eus"}, {"driver", "intel.gpu_driver"}};
  for (const auto& [key, feature] : pairs) {
    if (auto it = fields.find(key); it != fields.end())
      out.equal(feature, it->second, single_fact(target, feature));
  }
  out.equal("OpenVINO", release(fields.at("ov")), openvino_release(target));
  return out.take();
}

// Major equal, minor not newer than the device's.
std::optional<bool> loads(std::string_view blob, const std::optional<std::string>& device) {
  auto needs = Version::parse(blob);
  if (!needs || !device) return std::nullopt;
  auto has = Version::parse(*device);
  if (!has) return std::nullopt;
  return needs->part(0) == has->part(0) && needs->part(1) <= has->part(1);
}

CompatibilityAnswer compare_npu(const Fields& fields, const Target& target) {
  Comparison out("openvino/npu");
  out.equal("intel.npu_platform", fields.at("npu"), single_fact(target, "intel.npu_platform"));
  if (auto it = fields.find("t"); it != fields.end()) {
    auto has = single_fact(target, "intel.npu_tiles");
    auto needed = parse_number(it->second);
    auto there = has ? parse_number(*has) : std::nullopt;
    out.field("intel.npu_tiles", it->second, has,
              needed && there ? std::optional(*there >= *needed) : std::nullopt);
  }
  for (const auto& [key, feature] :
       {std::pair("elf", "intel.npu_elf"), std::pair("mi", "intel.npu_mi")}) {
    auto it = fields.find(key);
    if (it == fields.end()) continue;
    auto has = single_fact(target, feature);
    out.field(feature, it->second, has, loads(it->second, has));
  }
  return out.take();
}

}  // namespace

std::optional<CompatibilityAnswer> validate_openvino(std::string_view, std::string_view text,
                                                     const Target& target) {
  auto fields = parse(text);
  if (!fields) return std::nullopt;
  if (fields->contains("npu")) return compare_npu(*fields, target);
  if (fields->contains("ip") || fields->contains("driver")) return compare_gpu(*fields, target);
  if (fields->contains("isa")) return compare_cpu(*fields, target);
  return std::nullopt;
}

}  // namespace onnxpack::target
