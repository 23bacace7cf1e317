#include "provider.h"

#include <fmt/format.h>

#include "onnxpack/base/text.h"
#include "onnxpack/json/cursor.h"
#include "plugin_library.h"

namespace onnxpack::ort_backend {
namespace {

constexpr const char* cpu_ep = "CPUExecutionProvider";

// The profile's word for it, whatever the option says.
Result<Provider> from_profile(const target::Target& target) {
  Provider out;
  const json::Value all(target.backend_options);
  const json::Cursor cursor(all, fmt::format("target {}: backend_options", target.name));
  ONNXPACK_TRY(const auto ours, cursor.find("onnxruntime"));
  if (!ours) return out;
  ONNXPACK_TRY(out.ep, ours->string_or("ep", ""));
  ONNXPACK_TRY(const auto options, ours->find("provider_options"));
  if (!options) return out;
  ONNXPACK_TRY(const auto members, options->members());
  for (const auto& [key, value] : members) {
    ONNXPACK_TRY(out.options[key], value.string());
  }
  return out;
}

Status complete_qnn(Provider& provider, const target::Target& target, const Options& options) {
  const auto set = [&](const char* key, const std::string& value) {
    if (!value.empty()) provider.options[key] = value;
  };
  set("htp_arch", options.htp_arch);
  set("soc_model", options.soc_model);
  set("vtcm_mb", options.vtcm_mb);
  provider.options["enable_htp_fp16_precision"] = options.fp16 ? "1" : "0";
  for (const auto& [key, value] : options.ep_options) provider.options[key] = value;
  for (const char* needed : {"htp_arch", "soc_model"}) {
    if (provider.options.contains(needed)) continue;
    return fail(ErrorKind::invalid_argument,
                fmt::format("target '{}' does not say the {} that QNN compiles for", target.name,
                            needed),
                fmt::format("give --backend-option {}/onnxruntime.{}=NUMBER", target.name, needed));
  }
  return {};
}

}  // namespace

bool Provider::is_qnn() const { return ep == qnn_provider; }

Result<std::optional<Provider>> provider_of(const target::Target& target, const Options& options) {
  ONNXPACK_TRY(Provider out, from_profile(target));
  if (!options.ep.empty()) out.ep = options.ep;
  if (out.ep.empty() || out.ep == cpu_ep) return std::nullopt;
  if (out.is_qnn()) {
    ONNXPACK_CHECK(complete_qnn(out, target, options));
  } else {
    for (const auto& [key, value] : options.ep_options) out.options[key] = value;
  }
  return out;
}

target::Target effective_target(const target::Target& target, const Provider& provider) {
  target::Target out = target;
  if (!provider.is_qnn()) return out;
  for (const char* key : {"htp_arch", "soc_model", "vtcm_mb"}) {
    if (const auto value = provider.options.find(key); value != provider.options.end())
      out.facts[fmt::format("qualcomm.{}", key)] = {value->second};
  }
  return out;
}

}  // namespace onnxpack::ort_backend
