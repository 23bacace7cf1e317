#include "options.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "onnxpack/base/text.h"

namespace onnxpack::ort_backend {
namespace {

std::unexpected<Error> wrong(std::string_view name, std::string_view expected,
                             const json::Value& found) {
  return fail(ErrorKind::invalid_argument,
              fmt::format("option onnxruntime.{}: expected {}, found {}", name, expected,
                          json::compact(found)));
}

Result<std::string> text_of(std::string_view name, const json::Value& value) {
  if (!value.is(json::Kind::string)) return wrong(name, "a text", value);
  return value.as_string();
}

Result<VariantKind> variant_of(const json::Value& value) {
  const std::string text = value.is(json::Kind::string) ? value.as_string() : "";
  if (text == "auto") return VariantKind::automatic;
  if (text == "extended") return VariantKind::extended;
  if (text == "all") return VariantKind::all;
  if (text == "none") return VariantKind::none;
  return wrong("variant", "auto, extended, all or none", value);
}

Result<double> share_of(const json::Value& value) {
  double share = -1;
  if (value.is(json::Kind::integer) || value.is(json::Kind::number)) {
    share = value.as_number();
  } else if (value.is(json::Kind::string)) {
    const std::string& text = value.as_string();
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), share);
    if (error != std::errc{} || end != text.data() + text.size()) share = -1;
  }
  if (!(share >= 0)) return wrong("max_added_share", "a number from 0", value);
  return share;
}

Result<bool> switch_of(std::string_view name, const json::Value& value) {
  if (value.is(json::Kind::boolean)) return value.as_bool();
  const std::string text = value.is(json::Kind::string) ? value.as_string() : "";
  if (text == "on" || text == "true") return true;
  if (text == "off" || text == "false") return false;
  return wrong(name, "on or off", value);
}

bool is_positive(std::string_view text) {
  unsigned number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc{} && end == text.data() + text.size() && number > 0;
}

// Positive whole numbers, as text: "75", or "75,79" for several SoCs in one blob.
Result<std::string> numbers_of(std::string_view name, const json::Value& value) {
  const std::string text = value.is(json::Kind::string)    ? value.as_string()
                           : value.is(json::Kind::integer) ? json::compact(value)
                                                           : "";
  if (!std::ranges::all_of(split(text, ','), is_positive))
    return wrong(name, "whole numbers from 1, by commas", value);
  return text;
}

Result<std::map<std::string, std::string>> entries_of(std::string_view name,
                                                      const json::Value& value) {
  std::map<std::string, std::string> out;
  if (!value.is(json::Kind::object)) return wrong(name, "an object of texts", value);
  for (const auto& [key, entry] : value.as_object()) {
    if (!entry.is(json::Kind::string))
      return wrong(fmt::format("{}.{}", name, key), "a text", entry);
    out[key] = entry.as_string();
  }
  return out;
}

}  // namespace

Result<Options> parse_options(const json::Object& options) {
  Options out;
  for (const auto& [name, value] : options) {
    if (name == "variant") {
      ONNXPACK_TRY(out.variant, variant_of(value));
    } else if (name == "max_added_share") {
      ONNXPACK_TRY(out.max_added_share, share_of(value));
    } else if (name == "library") {
      ONNXPACK_TRY(out.library, text_of(name, value));
    } else if (name == "session_options") {
      ONNXPACK_TRY(out.session_options, entries_of(name, value));
    } else if (name == "ep") {
      ONNXPACK_TRY(out.ep, text_of(name, value));
    } else if (name == "ep_library") {
      ONNXPACK_TRY(out.ep_library, text_of(name, value));
    } else if (name == "ep_device") {
      ONNXPACK_TRY(out.ep_device, entries_of(name, value));
    } else if (name == "ep_options") {
      ONNXPACK_TRY(out.ep_options, entries_of(name, value));
    } else if (name == "prepare") {
      ONNXPACK_TRY(out.prepare, switch_of(name, value));
    } else if (name == "embed") {
      ONNXPACK_TRY(out.embed, switch_of(name, value));
    } else if (name == "fp16") {
      ONNXPACK_TRY(out.fp16, switch_of(name, value));
    } else if (name == "htp_arch") {
      ONNXPACK_TRY(out.htp_arch, numbers_of(name, value));
    } else if (name == "soc_model") {
      ONNXPACK_TRY(out.soc_model, numbers_of(name, value));
    } else if (name == "vtcm_mb") {
      ONNXPACK_TRY(out.vtcm_mb, numbers_of(name, value));
    } else {
      std::vector<std::string> known;
      for (const auto& info : option_infos()) known.push_back(info.name);
      const auto near = did_you_mean(name, known);
      return fail(ErrorKind::invalid_argument,
                  fmt::format("unknown option onnxruntime.{}", printable(name)),
                  near ? fmt::format("did you mean onnxruntime.{}?", *near)
                       : fmt::format("known: {}", join(known, ", ")));
    }
  }
  return out;
}

std::vector<protocol::OptionInfo> option_infos() {
  using json::object;
  const auto on_off = [](std::string_view preset) {
    return object({{"type", "string"}, {"enum", json::Array{"on", "off"}}, {"default", preset}});
  };
  const json::Value numbers = object({{"type", json::Array{"integer", "string"}}, {"minimum", 1}});
  return {
      {"variant",
       "which graph to ship: extended, all (host only, not reproducible byte for byte), none (the "
       "original alone), auto (extended unless its own weights are too many)",
       object({{"type", "string"},
               {"enum", json::Array{"auto", "extended", "all", "none"}},
               {"default", "auto"}})},
      {"max_added_share",
       "auto ships no graph whose own weights exceed this share of the model's bytes",
       object({{"type", "number"}, {"minimum", 0}, {"default", 0.5}})},
      {"library", "path of libonnxruntime.so, instead of the one found",
       object({{"type", "string"}, {"default", ""}})},
      {"ep",
       "execution provider to compile for, instead of the one that the target's profile names; "
       "CPUExecutionProvider makes the CPU variant of a device with an accelerator",
       object({{"type", "string"}})},
      {"ep_library", "path of the plug-in execution provider's library, instead of the one found",
       object({{"type", "string"}, {"default", ""}})},
      {"ep_device",
       "metadata that the plug-in's device must have, key to text, where the plug-in offers "
       "several",
       object({{"type", "object"},
               {"additionalProperties", object({{"type", "string"}})},
               {"default", json::Object{}}})},
      {"ep_options", "options of the plug-in execution provider, key to text, over all others",
       object({{"type", "object"},
               {"additionalProperties", object({{"type", "string"}})},
               {"default", json::Object{}}})},
      {"prepare",
       "plug-in providers: fix dimensions and fold constants first; off gives the vendor's "
       "compiler "
       "the graph as exported, which it may refuse or crash on",
       on_off("on")},
      {"embed", "plug-in providers: the context binary inside the .onnx instead of beside it",
       on_off("off")},
      {"fp16", "QNN: compute float graphs in half precision", on_off("on")},
      {"htp_arch",
       "QNN: version of the tensor processor, the profile's by default; several by commas (and as "
       "many soc_model, vtcm_mb) make one blob for several SoCs",
       numbers},
      {"soc_model", "QNN: number of the SoC, the profile's by default", numbers},
      {"vtcm_mb", "QNN: tightly coupled memory to use in MB, the profile's by default", numbers},
      {"session_options", "ONNX Runtime session config entries for compiling, key to text",
       object({{"type", "object"},
               {"additionalProperties", object({{"type", "string"}})},
               {"default", json::Object{}}})},
  };
}

}  // namespace onnxpack::ort_backend
