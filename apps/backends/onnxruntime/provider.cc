#include "provider.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <limits>

#include "onnxpack/base/text.h"
#include "onnxpack/json/cursor.h"
#include "plugin_library.h"

namespace onnxpack::ort_backend {
namespace {

constexpr const char* cpu_ep = "CPUExecutionProvider";

Result<std::map<std::string, std::string>> texts_of(const json::Cursor& object, const char* name) {
  std::map<std::string, std::string> out;
  ONNXPACK_TRY(const auto texts, object.find(name));
  if (!texts) return out;
  ONNXPACK_TRY(const auto members, texts->members());
  for (const auto& [key, value] : members) {
    ONNXPACK_TRY(out[key], value.string());
  }
  return out;
}

// The profile's word for it, whatever the option says.
Result<Provider> from_profile(const target::Target& target) {
  Provider out;
  const json::Value all(target.backend_options);
  const json::Cursor cursor(all, fmt::format("target {}: backend_options", target.name));
  ONNXPACK_TRY(const auto ours, cursor.find("onnxruntime"));
  if (!ours) return out;
  ONNXPACK_TRY(out.ep, ours->string_or("ep", ""));
  ONNXPACK_TRY(out.library, ours->string_or("ep_library", ""));
  ONNXPACK_TRY(out.options, texts_of(*ours, "provider_options"));
  ONNXPACK_TRY(out.device, texts_of(*ours, "ep_device"));
  return out;
}

bool has_cpu(const target::Target& target) {
  const auto classes = target.facts.find("accelerator.class");
  return classes == target.facts.end() || classes->second.empty() ||
         std::ranges::find(classes->second, "cpu") != classes->second.end();
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
    return fail(
        ErrorKind::invalid_argument,
        fmt::format("target '{}' does not say the {} that QNN compiles for", target.name, needed),
        fmt::format("give --backend-option {}/onnxruntime.{}=NUMBER", target.name, needed));
  }
  return {};
}

// Of "75,79" the smallest, "75"; a text that holds no number as it is.
std::string least_of(const std::string& list) {
  std::string least = list;
  unsigned smallest = std::numeric_limits<unsigned>::max();
  for (const std::string_view part : split(list, ',')) {
    const std::string_view text = trim(part);
    unsigned number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc{} || end != text.data() + text.size() || number >= smallest) continue;
    smallest = number;
    least = text;
  }
  return least;
}

}  // namespace

bool Provider::is_qnn() const {
  return ep == qnn_provider;
}

Result<std::optional<Provider>> provider_of(const target::Target& target, const Options& options) {
  ONNXPACK_TRY(Provider out, from_profile(target));
  if (!options.ep.empty() && options.ep != out.ep) {
    out.ep = options.ep;
    out.library.clear();  // another provider's
    out.device.clear();
  }
  if (out.ep.empty() && !has_cpu(target)) {
    return fail(ErrorKind::invalid_argument,
                fmt::format("target '{}' has no CPU and names no execution provider", target.name),
                "give backend_options.onnxruntime.ep and ep_library in the target, or "
                "onnxruntime.ep and onnxruntime.ep_library");
  }
  if (out.ep.empty() || out.ep == cpu_ep) return std::nullopt;
  if (!options.ep_library.empty()) out.library = options.ep_library;
  if (!options.ep_device.empty()) out.device = options.ep_device;
  if (out.is_qnn()) {
    ONNXPACK_CHECK(complete_qnn(out, target, options));
  } else {
    for (const auto& [key, value] : options.ep_options) out.options[key] = value;
  }
  return out;
}

std::vector<target::Requirement> requirements_of_blob(const target::Target& target,
                                                      const Provider& provider,
                                                      std::string_view device) {
  target::Target made_for = target;
  bool several = false;
  for (const char* key : {"htp_arch", "soc_model", "vtcm_mb"}) {
    const auto value = provider.options.find(key);
    if (!provider.is_qnn() || value == provider.options.end()) continue;
    several = several || value->second.find(',') != std::string::npos;
    made_for.facts[fmt::format("qualcomm.{}", key)] = {least_of(value->second)};
  }
  auto out = target::requirements_of(made_for, device);
  // "At most v72" holds for a blob of one old processor; which of several a device takes is the
  // compatibility string's to say.
  if (several)
    std::erase_if(out, [](const auto& need) { return need.test == target::Test::at_most; });
  return out;
}

}  // namespace onnxpack::ort_backend
