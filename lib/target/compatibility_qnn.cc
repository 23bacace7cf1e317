// QNN's texts, rule as in onnxruntime-qnn's cache compatibility manager
// (qnn_cache_compatibility_manager.cc; pull requests 366, 482):
//
//   v1   <backend id>:<SDK>:<backend API>:<context blob>:<HTP arch>:<user driver>
//   v2   v2:<backend id>:<SDK>:<backend API>:<arch>,...:<SoC>,...:<VTCM MB>,...:<user driver> lists
//   of one length
//
// Backend id: must be equal. Versions: with the user driver (HNRD) on the device, the blob's SDK
// must not be newer; without one on either side, the blob's backend API must not be newer; a blob
// made with it does not load without it. Architecture, v1: equal is optimal, lower prefers
// recompilation, higher is unsupported. v2: the best over the listed SoCs; unsupported when the
// blob is below v73 and the device at or above it, or arch or VTCM exceed the device's; optimal
// when both are equal and VTCM is set. The context blob version and the SoC number are recorded,
// not compared.
#include <algorithm>
#include <charconv>

#include <fmt/format.h>

#include "compatibility_rules.h"
#include "onnxpack/base/text.h"
#include "onnxpack/target/vocabulary.h"
#include "version.h"

namespace onnxpack::target {
namespace {

constexpr std::uint64_t format_change =
    73;  // contexts for older processors do not load from here on

struct Qnn {
  bool v2 = false;
  std::string backend_id;
  std::string sdk;
  std::string api;
  std::vector<std::uint64_t> archs;
  std::vector<std::uint64_t> vtcm;
  bool user_driver = false;

  std::string validator() const { return v2 ? "qnn/v2" : "qnn/v1"; }
};

std::optional<std::vector<std::uint64_t>> numbers(std::string_view text) {
  std::vector<std::uint64_t> out;
  for (std::string_view item : split(text, ',')) {
    auto value = parse_number(trim(item));
    if (!value) return std::nullopt;
    out.push_back(*value);
  }
  return out;
}

std::optional<Qnn> parse(std::string_view text) {
  auto parts = split(text, ':');
  Qnn out;
  out.v2 = parts.front() == "v2";
  if (out.v2) parts.erase(parts.begin());
  if (parts.size() != (out.v2 ? 7 : 6) || !parse_number(parts[0]) || !Version::parse(parts[1]) ||
      !Version::parse(parts[2])) {
    return std::nullopt;
  }
  out.backend_id = parts[0];
  out.sdk = parts[1];
  out.api = parts[2];
  auto archs = numbers(out.v2 ? parts[3] : parts[4]);
  if (!archs) return std::nullopt;
  out.archs = std::move(*archs);
  if (out.v2) {
    auto socs = numbers(parts[4]);
    auto vtcm = numbers(parts[5]);
    if (!socs || !vtcm || socs->size() != out.archs.size() || vtcm->size() != out.archs.size())
      return std::nullopt;
    out.vtcm = std::move(*vtcm);
  } else if (out.archs.size() != 1) {
    return std::nullopt;
  }
  std::string_view driver = parts.back();
  if (driver != "0" && driver != "1" && driver != "true" && driver != "false") return std::nullopt;
  out.user_driver = driver == "1" || driver == "true";
  return out;
}

// Newer than what the device states; a version it does not state cannot refuse, and is said in
// `unstated`.
bool newer(const std::string& blob, const Target& target, std::string_view feature,
           std::string& unstated) {
  auto stated = single_fact(target, feature);
  auto there = stated ? Version::parse(*stated) : fail(ErrorKind::not_found, "not stated");
  if (!there) {
    unstated += fmt::format("; {} is not stated, not compared", feature);
    return false;
  }
  return *Version::parse(blob) > *there;
}

std::optional<std::string> runtime_refusal(const Qnn& blob, const Target& target,
                                           std::string& unstated) {
  auto backend = single_fact(target, "qnn.backend_id");
  if (backend && *backend != blob.backend_id) {
    return fmt::format("made for QNN backend {}, target has {}", blob.backend_id, *backend);
  }
  auto driver = single_fact(target, "qnn.user_driver");
  bool there = driver == "yes";
  if (blob.user_driver && driver && !there) return "made with the HTP user driver, target has none";
  if (!driver && blob.user_driver) unstated += "; qnn.user_driver is not stated, not compared";
  if (there || blob.user_driver) {
    if (newer(blob.sdk, target, "runtime.qnn", unstated)) {
      return fmt::format("made with QNN SDK {}, target has {}", blob.sdk,
                         *single_fact(target, "runtime.qnn"));
    }
  } else if (newer(blob.api, target, "qnn.backend_api", unstated)) {
    return fmt::format("made for QNN backend API {}, target has {}", blob.api,
                       *single_fact(target, "qnn.backend_api"));
  }
  return std::nullopt;
}

Verdict compare_v1(std::uint64_t blob, std::uint64_t device) {
  return blob == device  ? Verdict::optimal
         : blob < device ? Verdict::prefer_recompilation
                         : Verdict::unsupported;
}

Verdict compare_v2(std::uint64_t arch, std::uint64_t vtcm, std::uint64_t device_arch,
                   std::uint64_t device_vtcm) {
  if ((arch < format_change && device_arch >= format_change) || arch > device_arch ||
      vtcm > device_vtcm) {
    return Verdict::unsupported;
  }
  return arch == device_arch && vtcm == device_vtcm && vtcm != 0 ? Verdict::optimal
                                                                 : Verdict::prefer_recompilation;
}

bool better(Verdict a, Verdict b) {
  auto rank = [](Verdict v) {
    return v == Verdict::optimal ? 0 : v == Verdict::prefer_recompilation ? 1 : 2;
  };
  return rank(a) < rank(b);
}

}  // namespace

std::optional<CompatibilityAnswer> validate_qnn(std::string_view ep, std::string_view text,
                                                const Target& target) {
  if (ep != "QNNExecutionProvider" && !ep.starts_with("QNN")) return std::nullopt;
  auto blob = parse(text);
  if (!blob) return std::nullopt;
  std::string unstated;
  if (auto refusal = runtime_refusal(*blob, target, unstated)) {
    return CompatibilityAnswer{Verdict::unsupported, *refusal, blob->validator()};
  }
  auto arch_text = single_fact(target, "qualcomm.htp_arch");
  auto arch = arch_text ? parse_number(*arch_text) : std::nullopt;
  if (!arch) {
    return CompatibilityAnswer{Verdict::not_applicable,
                               "the target does not state qualcomm.htp_arch", blob->validator()};
  }
  if (!blob->v2) {
    return CompatibilityAnswer{
        compare_v1(blob->archs.front(), *arch),
        fmt::format("made for HTP v{}, target has v{}{}", blob->archs.front(), *arch, unstated),
        blob->validator()};
  }
  auto vtcm_text = single_fact(target, "qualcomm.vtcm_mb");
  auto vtcm = vtcm_text ? parse_number(*vtcm_text) : std::nullopt;
  if (!vtcm) {
    return CompatibilityAnswer{Verdict::not_applicable,
                               "the target does not state qualcomm.vtcm_mb", blob->validator()};
  }
  std::size_t best = 0;
  Verdict verdict = compare_v2(blob->archs[0], blob->vtcm[0], *arch, *vtcm);
  for (std::size_t i = 1; i < blob->archs.size(); ++i) {
    Verdict other = compare_v2(blob->archs[i], blob->vtcm[i], *arch, *vtcm);
    if (!better(other, verdict)) continue;
    verdict = other;
    best = i;
  }
  return CompatibilityAnswer{
      verdict,
      fmt::format("made for HTP v{} with {} MB VTCM{}, target has v{} with {} MB{}",
                  blob->archs[best], blob->vtcm[best],
                  blob->archs.size() > 1 ? " (nearest of several)" : "", *arch, *vtcm, unstated),
      blob->validator()};
}

}  // namespace onnxpack::target
