#include "options.h"

#include <fmt/format.h>

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

Result<std::map<std::string, std::string>> entries_of(const json::Value& value) {
  std::map<std::string, std::string> out;
  if (!value.is(json::Kind::object)) return wrong("session_options", "an object of texts", value);
  for (const auto& [key, entry] : value.as_object()) {
    if (!entry.is(json::Kind::string)) return wrong("session_options." + key, "a text", entry);
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
      ONNXPACK_TRY(out.session_options, entries_of(value));
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
      {"session_options", "ONNX Runtime session config entries for compiling, key to text",
       object({{"type", "object"},
               {"additionalProperties", object({{"type", "string"}})},
               {"default", json::Object{}}})},
  };
}

}  // namespace onnxpack::ort_backend
