#include "evidence_index.h"

#include <algorithm>
#include <map>

#include <fmt/format.h>

#include "onnxpack/base/text.h"
#include "onnxpack/target/vocabulary.h"

namespace onnxpack::select {
namespace {

using target::Facts;
using target::find_fact;

// The value a device has for itself stands first (sm_arch, microarchitecture).
std::optional<std::string> own(const Facts& facts, std::string_view feature) {
  const auto* values = find_fact(facts, feature);
  return values == nullptr || values->empty() ? std::nullopt : std::optional(values->front());
}

int cpu_grade(const Facts& measured, const Facts& wanted) {
  auto arch = own(wanted, "arch.name");
  if (!arch || own(measured, "arch.name") != arch) return 0;
  auto mine = own(wanted, "cpu.microarchitecture");
  auto theirs = own(measured, "cpu.microarchitecture");
  if (mine && theirs) return *mine == *theirs ? 2 : 0;
  for (std::string_view ladder : {"x86_64.level", "aarch64.version"}) {
    const auto* a = find_fact(measured, ladder);
    const auto* b = find_fact(wanted, ladder);
    if (a != nullptr && b != nullptr)
      return target::ladder_height(ladder, *a) == target::ladder_height(ladder, *b) ? 1 : 0;
  }
  const auto* a = find_fact(measured, "riscv64.extensions");
  const auto* b = find_fact(wanted, "riscv64.extensions");
  return a != nullptr && b != nullptr && *a == *b ? 1 : 0;
}

int accelerator_grade(const Facts& measured, const Facts& wanted, bool through_vulkan) {
  bool shared = false;
  for (const auto& [feature, values] : wanted) {
    const bool counts = through_vulkan
                            ? feature == "vulkan.device" || feature == "qualcomm.soc"
                            : target::identifies_accelerator(feature) && feature != "vulkan.device";
    if (!counts) continue;
    auto a = own(measured, feature);
    auto b = own(wanted, feature);
    if (!a || !b) continue;
    if (*a != *b) return 0;
    shared = true;
  }
  return shared ? 2 : 0;
}

// "onnxruntime 1.31.1" against runtime.onnxruntime: another minor release is another runtime. A
// runtime the target does not state passes.
bool runtime_agrees(const std::string& runtime, const Facts& wanted) {
  auto parts = split(runtime, ' ');
  if (parts.size() < 2) return true;
  const auto* stated = find_fact(wanted, "runtime." + to_lower_ascii(parts[0]));
  if (stated == nullptr || stated->empty()) return true;
  auto release = [](std::string_view version) {
    auto pieces = split(version, '.');
    return fmt::format("{}.{}", pieces[0], pieces.size() > 1 ? pieces[1] : "0");
  };
  return std::ranges::any_of(
      *stated, [&](const auto& version) { return release(version) == release(parts[1]); });
}

// The value most entries have; the smaller of two equally common ones, so that the runtime's
// default (0) goes first.
std::optional<std::uint64_t> most_common(const std::vector<std::uint64_t>& values) {
  std::map<std::uint64_t, std::size_t> counts;
  for (std::uint64_t value : values) ++counts[value];
  std::optional<std::uint64_t> best;
  for (const auto& [value, count] : counts) {
    if (!best || count > counts[*best]) best = value;
  }
  return best;
}

bool on_cpu(const manifest::Variant* variant) {
  return variant == nullptr || variant->device == "cpu";
}

}  // namespace

bool through_vulkan(const manifest::Variant& variant) {
  return std::ranges::any_of(variant.requirements, [](const target::Requirement& needs) {
    return needs.feature == "vulkan.version";
  });
}

int kind_grade(const Facts& measured, const Facts& wanted, std::string_view accelerator,
               bool through_vulkan) {
  return accelerator == "cpu" ? cpu_grade(measured, wanted)
                              : accelerator_grade(measured, wanted, through_vulkan);
}

EvidenceIndex::EvidenceIndex(const manifest::Manifest& manifest, const Request& request,
                             const manifest::Component& component)
    : manifest_(manifest), request_(request), component_(component) {
  for (const manifest::Evidence& evidence : request.evidence) {
    int grade = cpu_grade(evidence.device.facts, request.target.facts);
    for (const manifest::EvidenceEntry& entry : evidence.entries) {
      if (entry.component_sha256 != component.original.sha256) continue;
      if (!runtime_agrees(entry.runtime, request.target.facts)) continue;
      items_.push_back({&entry, &evidence.device.facts, grade});
      best_cpu_grade_ = std::max(best_cpu_grade_, grade);
    }
  }
  // Only equal thread counts compare: those of the original's measurements if there are any.
  std::vector<std::uint64_t> original;
  std::vector<std::uint64_t> all;
  for (const Item& item : items_) {
    if (!item.entry->latency) continue;
    all.push_back(item.entry->latency->threads);
    if (applies(item, nullptr) && manifest::speaks_of_original(*item.entry, manifest, component)) {
      original.push_back(item.entry->latency->threads);
    }
  }
  threads_ = most_common(original.empty() ? all : original);
}

bool EvidenceIndex::applies(const Item& item, const manifest::Variant* variant) const {
  // A machine of the same microarchitecture outdoes one that shares the level only.
  if (on_cpu(variant)) return item.cpu_grade > 0 && item.cpu_grade == best_cpu_grade_;
  return kind_grade(*item.device, request_.target.facts, variant->device,
                    through_vulkan(*variant)) > 0;
}

template <typename Speaks>
std::optional<manifest::Latency> EvidenceIndex::pick(const manifest::Variant* variant,
                                                     Speaks&& speaks) const {
  std::vector<manifest::Latency> found;
  for (const Item& item : items_) {
    const auto& latency = item.entry->latency;
    if (!latency || item.entry->equivalence == "failed" || !applies(item, variant)) continue;
    // An accelerator's latency hardly depends on host threads, so any count will do there.
    if (on_cpu(variant) && latency->threads != threads_) continue;
    if (speaks(*item.entry)) found.push_back(*latency);
  }
  if (found.empty()) return std::nullopt;
  std::ranges::sort(found, [](const auto& a, const auto& b) {
    return std::tie(a.median_ms, a.p90_ms, a.p10_ms, a.session_ms, a.first_run_ms, a.runs) <
           std::tie(b.median_ms, b.p90_ms, b.p10_ms, b.session_ms, b.first_run_ms, b.runs);
  });
  return found[(found.size() - 1) / 2];
}

std::optional<manifest::Latency> EvidenceIndex::of_variant(const manifest::Variant& variant) const {
  return pick(&variant,
              [&](const auto& entry) { return manifest::speaks_of(entry, manifest_, variant); });
}

std::optional<manifest::Latency> EvidenceIndex::of_original() const {
  return pick(nullptr, [&](const auto& entry) {
    return manifest::speaks_of_original(entry, manifest_, component_);
  });
}

std::optional<std::string> EvidenceIndex::failed(const manifest::Variant& variant) const {
  for (const Item& item : items_) {
    if (item.entry->equivalence != "failed" || !applies(item, &variant)) continue;
    if (!manifest::speaks_of(*item.entry, manifest_, variant)) continue;
    return fmt::format("verification failed on a device of this kind: {}",
                       item.entry->equivalence_reason.empty() ? "no reason recorded"
                                                              : item.entry->equivalence_reason);
  }
  return std::nullopt;
}

}  // namespace onnxpack::select
