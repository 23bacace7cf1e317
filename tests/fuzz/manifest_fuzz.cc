// links: manifest target json
//
// Manifest, layout, evidence and target documents from outside: whatever the bytes, no crash; and
// what is accepted is written, read again and written again without a change.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "onnxpack/json/value.h"
#include "onnxpack/manifest/evidence.h"
#include "onnxpack/manifest/manifest.h"
#include "onnxpack/target/compatibility.h"
#include "onnxpack/target/requirement.h"

namespace {

using namespace onnxpack;

void require(bool holds) {
  if (!holds) std::abort();
}

void try_manifest(std::string_view text) {
  auto first = manifest::parse(text);
  if (!first) return;
  std::string written = manifest::emit(*first);
  auto second = manifest::parse(written);
  require(second.has_value() && *second == *first && manifest::emit(*second) == written);
  target::Target host;
  host.facts = {
      {"x86_64.level", {"v1", "v2"}}, {"qualcomm.htp_arch", {"75"}}, {"qualcomm.vtcm_mb", {"8"}}};
  for (const auto& variant : first->variants) {
    for (const auto& requirement : variant.requirements)
      require(!target::check(requirement, host).reason.empty());
    target::validate_compatibility(variant.ep, variant.compatibility_string, host);
  }
}

void try_layout(std::string_view text) {
  auto first = manifest::parse_layout(text);
  if (!first) return;
  std::string written = manifest::emit(*first);
  auto second = manifest::parse_layout(written);
  require(second.has_value() && *second == *first && manifest::emit(*second) == written);
}

void try_values(std::string_view text) {
  auto value = json::parse(text);
  if (!value) return;
  auto again = json::parse(json::canonical(*value));
  require(again.has_value() && json::canonical(*again) == json::canonical(*value));
  if (auto evidence = manifest::evidence_from_json(*value)) {
    auto back = manifest::evidence_from_json(manifest::to_json(*evidence));
    require(back.has_value() && *back == *evidence);
  }
  if (auto target = target::target_from_json(*value)) {
    auto back = target::target_from_json(target::to_json(*target));
    require(back.has_value() && *back == *target);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view text(reinterpret_cast<const char*>(data), size);
  try_manifest(text);
  try_layout(text);
  try_values(text);
  // The rules see text from manifests whose form nothing else checks.
  target::Target host;
  for (const char* ep : {"QNNExecutionProvider", "TensorrtExecutionProvider", ""})
    target::validate_compatibility(ep, text, host);
  return 0;
}
