#include "ort_policy.h"

#include <algorithm>

#include <fmt/format.h>

#include "onnxpack/base/text.h"
#include "onnxpack/target/vocabulary.h"

namespace onnxpack::select {
namespace {

constexpr std::string_view cpu_ep = "CPUExecutionProvider";

int score(target::Verdict verdict) {
  switch (verdict) {
    case target::Verdict::optimal:
      return 100;
    case target::Verdict::prefer_recompilation:
      return 50;
    default:
      return 0;
  }
}

std::optional<std::string> refusal(const Request& request, const manifest::Variant& variant,
                                   std::string_view ep) {
  if (variant.ep != ep)
    return fmt::format("made for {}; the first execution provider is {}", variant.ep, ep);
  if (variant.device.empty() || (ep == cpu_ep && to_lower_ascii(variant.device) == "cpu"))
    return std::nullopt;
  const auto* classes = target::find_fact(request.target.facts, "accelerator.class");
  bool has = classes != nullptr && std::ranges::any_of(*classes, [&](const auto& name) {
               return to_lower_ascii(name) == to_lower_ascii(variant.device);
             });
  if (has) return std::nullopt;
  return fmt::format("needs a device of class {}; target has {}", variant.device,
                     classes == nullptr || classes->empty() ? "none stated" : join(*classes, ", "));
}

}  // namespace

Result<Selection> rank_as_ort(const manifest::Manifest& manifest, const Request& request,
                              const manifest::Component& component) {
  std::string ep(request.ep_order.empty() ? cpu_ep : std::string_view(request.ep_order.front()));
  Selection out;
  for (const manifest::Variant& variant : manifest.variants) {
    if (variant.component != component.name) continue;
    Ranked ranked;
    ranked.variant = variant.name;
    auto answer =
        target::validate_compatibility(variant.ep, variant.compatibility_string, request.target);
    ranked.verdict = answer.verdict;
    auto why = refusal(request, variant, ep);
    if (!why && answer.verdict == target::Verdict::unsupported) why = answer.reason;
    if (why) {
      ranked.reason = std::move(*why);
      out.refused.push_back(std::move(ranked));
      continue;
    }
    ranked.place = Place::compatible;
    ranked.reason =
        fmt::format("score {} ({})", score(answer.verdict), target::to_string(answer.verdict));
    out.ladder.push_back(std::move(ranked));
  }
  std::ranges::stable_sort(out.ladder, std::ranges::greater(),
                           [](const Ranked& r) { return score(r.verdict); });
  std::ranges::sort(out.refused, {}, &Ranked::variant);
  if (out.ladder.empty()) return nothing_suits(request, out.refused);
  out.ladder.front().place = Place::selected;
  if (out.ladder.size() == 1) {
    out.decided_by = "the only variant that ONNX Runtime's rule accepts";
  } else if (score(out.ladder[0].verdict) != score(out.ladder[1].verdict)) {
    out.decided_by =
        fmt::format("ONNX Runtime's score ({} against {} of {})", score(out.ladder[0].verdict),
                    score(out.ladder[1].verdict), out.ladder[1].variant);
  } else {
    out.decided_by = fmt::format("declaration order, as ONNX Runtime breaks ties (before {})",
                                 out.ladder[1].variant);
  }
  return out;
}

}  // namespace onnxpack::select
