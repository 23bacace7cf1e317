// The JSON form of a target, schemas/target.schema.json:
//   {"format": "onnx-pack/target", "schema_version": "1.0", "name": "kiosk", "description": "...",
//   "base": "x86-64-v3",
//    "facts": {"os.name": ["linux"], "memory.host_bytes": ["8589934592"]}, "backend_options":
//    {"iree": {...}}, "sources": [...]}
// "base" takes a built-in profile's facts and options over, then each feature given replaces the
// profile's.
#include <algorithm>

#include <fmt/format.h>

#include "onnxpack/base/text.h"
#include "onnxpack/json/cursor.h"
#include "onnxpack/target/target.h"
#include "onnxpack/target/vocabulary.h"
#include "version.h"

namespace onnxpack::target {
namespace {

constexpr std::string_view format_name = "onnx-pack/target";

bool is_feature_name(std::string_view name) {
  auto dot = name.find('.');
  auto good = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '.' || c == '-';
  };
  return dot != std::string_view::npos && dot > 0 && dot + 1 < name.size() &&
         std::ranges::all_of(name, good);
}

// A value of a fact may be written as a bare number too: people do.
Result<std::string> read_value(const json::Cursor& cursor) {
  if (cursor.value().is(json::Kind::integer)) return std::to_string(cursor.value().as_integer());
  ONNXPACK_TRY(std::string text, cursor.string());
  if (text.empty()) return std::unexpected(cursor.error("expected a value, found an empty string"));
  return text;
}

Status check_value(const json::Cursor& cursor, const Feature& feature, const std::string& value) {
  if (feature.kind == FeatureKind::number && !parse_number(value)) {
    return std::unexpected(
        cursor.error(fmt::format("expected a decimal number, found \"{}\"", printable(value))));
  }
  if (feature.kind == FeatureKind::version) {
    if (auto version = Version::parse(value); !version)
      return std::unexpected(cursor.error(version.error().message()));
  }
  auto steps = ladder_steps(feature.name);
  if (!steps.empty() && std::ranges::find(steps, value) == steps.end()) {
    return std::unexpected(cursor.error(
        fmt::format("expected one of {}, found \"{}\"", fmt::join(steps, ", "), printable(value))));
  }
  return {};
}

// One feature: its values checked against the vocabulary, ladders closed downwards.
Result<std::vector<std::string>> read_fact(const std::string& name, const json::Cursor& cursor) {
  std::vector<std::string> values;
  std::vector<json::Cursor> places;
  if (cursor.value().is(json::Kind::array)) {
    ONNXPACK_TRY(places, cursor.array());
  } else {
    places.push_back(cursor);
  }
  const Feature* feature = find_feature(name);
  for (const json::Cursor& place : places) {
    ONNXPACK_TRY(std::string value, read_value(place));
    if (feature != nullptr) ONNXPACK_CHECK(check_value(place, *feature, value));
    if (std::ranges::find(values, value) == values.end()) values.push_back(std::move(value));
  }
  if (feature != nullptr && feature->kind == FeatureKind::ladder && !values.empty()) {
    auto steps = ladder_steps(name);
    auto closed = ladder_closure(name, steps[ladder_height(name, values) - 1]);
    for (auto& value : values) {
      if (std::ranges::find(closed, value) == closed.end()) closed.push_back(value);
    }
    return closed;
  }
  return values;
}

// A backend may state features of its own, so an unknown name is no error; one letter off a known
// word it is a slip.
Status check_slip(const std::string& name, const json::Cursor& cursor) {
  for (const Feature& feature : vocabulary()) {
    if (edit_distance(name, feature.name) > 1) continue;
    return std::unexpected(
        cursor.error(fmt::format("unknown feature; did you mean {}?", feature.name)));
  }
  return {};
}

Status read_facts(const json::Cursor& cursor, Facts& facts) {
  ONNXPACK_TRY(auto members, cursor.members());
  for (const auto& [name, member] : members) {
    if (!is_feature_name(name)) {
      return std::unexpected(
          member.error("expected a feature name of the form namespace.feature in lower case"));
    }
    if (find_feature(name) == nullptr) ONNXPACK_CHECK(check_slip(name, member));
    ONNXPACK_TRY(facts[name], read_fact(name, member));
  }
  return {};
}

Status read_options(const json::Cursor& cursor, json::Object& options) {
  ONNXPACK_TRY(auto members, cursor.members());
  for (const auto& [name, member] : members) {
    ONNXPACK_CHECK(member.members());
    options[name] = member.value();
  }
  return {};
}

Status read_version(const json::Cursor& cursor) {
  ONNXPACK_TRY(std::string text, cursor.string());
  auto version = Version::parse(text);
  if (!version) return std::unexpected(cursor.error(version.error().message()));
  if (version->part(0) == 1) return {};
  return fail(ErrorKind::unsupported,
              fmt::format("{}: this program reads target files of version 1, found {}",
                          cursor.path(), printable(text)));
}

}  // namespace

json::Value to_json(const Target& target) {
  json::Value out =
      json::object({{"format", format_name}, {"schema_version", "1.0"}, {"name", target.name}});
  if (!target.description.empty()) out["description"] = target.description;
  json::Object facts;
  for (const auto& [feature, values] : target.facts) {
    facts[feature] = json::Array(values.begin(), values.end());
  }
  out["facts"] = std::move(facts);
  if (!target.backend_options.empty()) out["backend_options"] = target.backend_options;
  if (!target.sources.empty())
    out["sources"] = json::Array(target.sources.begin(), target.sources.end());
  return out;
}

Result<Target> target_from_json(const json::Value& value) {
  json::Cursor root(value);
  ONNXPACK_CHECK(root.only_keys({"format", "schema_version", "name", "description", "base", "facts",
                                 "backend_options", "sources"}));
  ONNXPACK_TRY(auto format, root.find("format"));
  if (format) ONNXPACK_CHECK(format->string_in({format_name}));
  ONNXPACK_TRY(auto version, root.find("schema_version"));
  if (version) ONNXPACK_CHECK(read_version(*version));

  Target out;
  ONNXPACK_TRY(auto base, root.find("base"));
  if (base) {
    ONNXPACK_TRY(std::string name, base->string());
    ONNXPACK_TRY(out, in(find_profile(name), base->path()));
    out.description.clear();
  }
  ONNXPACK_TRY(auto name, root.at("name"));
  ONNXPACK_TRY(out.name, name.string());
  if (out.name.empty() || !is_valid_utf8(out.name) || printable(out.name) != out.name) {
    return std::unexpected(name.error("expected a name without control characters, found none"));
  }
  ONNXPACK_TRY(out.description, root.string_or("description", ""));
  ONNXPACK_TRY(auto facts, root.at("facts"));
  ONNXPACK_CHECK(read_facts(facts, out.facts));
  ONNXPACK_TRY(auto options, root.find("backend_options"));
  if (options) ONNXPACK_CHECK(read_options(*options, out.backend_options));
  ONNXPACK_TRY(auto sources, root.find("sources"));
  if (sources) {
    ONNXPACK_TRY(out.sources, sources->strings());
  }
  return out;
}

void merge_facts(Facts& facts, const Facts& extra) {
  for (const auto& [feature, values] : extra) {
    auto& mine = facts[feature];
    for (const std::string& value : values) {
      if (std::ranges::find(mine, value) == mine.end()) mine.push_back(value);
    }
  }
}

Result<std::vector<std::string>> apply_overrides(
    Target& target, const std::map<std::string, std::string>& environment) {
  constexpr std::string_view prefix = "ONNX_PACK_OVERRIDE_";
  std::vector<std::string> replaced;
  for (const auto& [variable, text] : environment) {
    if (!variable.starts_with(prefix)) continue;
    std::string feature = to_lower_ascii(std::string_view(variable).substr(prefix.size()));
    for (auto at = feature.find("__"); at != std::string::npos; at = feature.find("__", at))
      feature.replace(at, 2, ".");
    if (find_feature(feature) == nullptr) {
      return fail(ErrorKind::invalid_argument,
                  fmt::format("{}: there is no feature {}{}", variable, printable(feature),
                              suggest_feature(feature)),
                  "the variable is the feature's name in upper case with '.' as '__': "
                  "ONNX_PACK_OVERRIDE_X86_64__LEVEL=v3");
    }
    json::Array values;
    if (text != "-") {
      for (std::string_view value : split(text, ',')) {
        if (!trim(value).empty()) values.emplace_back(trim(value));
      }
      if (values.empty()) {
        return fail(
            ErrorKind::invalid_argument,
            fmt::format("{}: expected values with commas between, or - for known to have none",
                        variable));
      }
    }
    json::Value list(std::move(values));
    auto read = read_fact(feature, json::Cursor(list, variable));
    if (!read) return fail(ErrorKind::invalid_argument, read.error().message());
    target.facts[feature] = std::move(*read);
    replaced.push_back(feature);
  }
  std::ranges::sort(replaced);
  return replaced;
}

}  // namespace onnxpack::target
