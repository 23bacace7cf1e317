#include "options.h"

#include <fmt/format.h>

#include "onnxpack/base/text.h"

namespace onnxpack::openvino_backend {
namespace {

std::unexpected<Error> wrong(std::string_view name, std::string_view expected,
                             const json::Value& found) {
  return fail(ErrorKind::invalid_argument, fmt::format("option openvino.{}: expected {}, found {}",
                                                       name, expected, json::compact(found)));
}

std::string_view text_or_nothing(const json::Value& value) {
  return value.is(json::Kind::string) ? std::string_view(value.as_string()) : std::string_view();
}

Result<Format> format_of(const json::Value& value) {
  const std::string_view text = text_or_nothing(value);
  if (text == "auto") return Format::automatic;
  if (text == "ir") return Format::ir;
  if (text == "blob") return Format::blob;
  return wrong("format", "auto, ir or blob", value);
}

Result<Precision> precision_of(const json::Value& value) {
  for (const Precision precision : {Precision::f32, Precision::f16, Precision::bf16}) {
    if (text_or_nothing(value) == to_string(precision)) return precision;
  }
  return wrong("precision", "f32, f16 or bf16", value);
}

Result<Properties> properties_of(const json::Value& value) {
  if (!value.is(json::Kind::object)) return wrong("properties", "an object of texts", value);
  Properties out;
  for (const auto& [key, entry] : value.as_object()) {
    if (!entry.is(json::Kind::string)) return wrong("properties." + key, "a text", entry);
    out[key] = entry.as_string();
  }
  return out;
}

}  // namespace

std::string_view to_string(Precision precision) {
  switch (precision) {
    case Precision::f32:
      return "f32";
    case Precision::f16:
      return "f16";
    case Precision::bf16:
      break;
  }
  return "bf16";
}

std::string_view declared_name(Precision precision) {
  switch (precision) {
    case Precision::f32:
      return "fp32";
    case Precision::f16:
      return "fp16";
    case Precision::bf16:
      break;
  }
  return "bf16";
}

Result<Options> parse_options(const json::Object& options) {
  Options out;
  for (const auto& [name, value] : options) {
    if (name == "format") {
      ONNXPACK_TRY(out.format, format_of(value));
    } else if (name == "precision") {
      ONNXPACK_TRY(out.precision, precision_of(value));
    } else if (name == "properties") {
      ONNXPACK_TRY(out.properties, properties_of(value));
    } else {
      std::vector<std::string> known;
      for (const auto& info : option_infos()) known.push_back(info.name);
      const auto near = did_you_mean(name, known);
      return fail(ErrorKind::invalid_argument,
                  fmt::format("unknown option openvino.{}", printable(name)),
                  near ? fmt::format("did you mean openvino.{}?", *near)
                       : fmt::format("known: {}", join(known, ", ")));
    }
  }
  return out;
}

std::vector<protocol::OptionInfo> option_infos() {
  using json::object;
  const auto choice = [](json::Array words, std::string_view preset) {
    return object({{"type", "string"}, {"enum", std::move(words)}, {"default", preset}});
  };
  return {
      {"format",
       "ir (any device of the kind compiles it for itself), blob (compiled here, for equal "
       "instruction sets and the same OpenVINO only), auto (blob for host and CPUs equal to it)",
       choice({"auto", "ir", "blob"}, "auto")},
      {"precision", "what OpenVINO may compute in; the variant's declared precision",
       choice({"f32", "f16", "bf16"}, "f32")},
      {"properties",
       "properties of OpenVINO for compiling and running, key to text, over all others",
       object({{"type", "object"},
               {"additionalProperties", object({{"type", "string"}})},
               {"default", json::Object{}}})},
  };
}

Result<Device> device_of(const target::Target& target) {
  Device out;
  const auto settings = target.backend_options.find("openvino");
  if (settings == target.backend_options.end() || !settings->second.is(json::Kind::object))
    return out;
  for (const auto& [key, value] : settings->second.as_object()) {
    if (!value.is(json::Kind::string)) {
      return fail(ErrorKind::invalid_argument,
                  fmt::format("target '{}': openvino.{} is {}, expected a text", target.name, key,
                              json::compact(value)));
    }
    if (key == "device") {
      out.name = value.as_string();
    } else {
      out.properties[key] = value.as_string();
    }
  }
  return out;
}

}  // namespace onnxpack::openvino_backend
