#include "onnxpack/target/requirement.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "onnxpack/base/text.h"
#include "onnxpack/json/cursor.h"
#include "onnxpack/target/vocabulary.h"
#include "version.h"

namespace onnxpack::target {
namespace {

struct TestName {
  Test test;
  std::string_view key;   // in JSON
  std::string_view text;  // for people
};
constexpr std::array test_names = std::to_array<TestName>({{Test::any_of, "any_of", "any of"},
                                                           {Test::all_of, "all_of", "all of"},
                                                           {Test::version, "version", "version"},
                                                           {Test::at_least, "at_least", "at least"},
                                                           {Test::at_most, "at_most", "at most"}});

const TestName& name_of(Test test) {
  return test_names[static_cast<std::size_t>(test)];
}

std::string listing(const std::vector<std::string>& values) {
  // The instruction sets of a CPU are dozens; what matters is said as missing.
  constexpr std::size_t most = 12;
  if (values.empty()) return "none";
  if (values.size() <= most) return join(values, ", ");
  return fmt::format("{}, ... ({} in all)", join(std::span(values).first(most), ", "),
                     values.size());
}

bool contains(const std::vector<std::string>& values, const std::string& value) {
  return std::ranges::find(values, value) != values.end();
}

Check verdict(const Requirement& needs, const std::vector<std::string>& has, bool met,
              const std::string& more = "") {
  return {met ? Outcome::met : Outcome::not_met,
          fmt::format("needs {}; target has {}{}", to_text(needs), listing(has), more)};
}

Check unknown(const Requirement& needs, std::string_view why) {
  return {Outcome::unknown, fmt::format("needs {}; {}", to_text(needs), why)};
}

Check check_all_of(const Requirement& needs, const std::vector<std::string>& has) {
  std::vector<std::string> missing;
  for (const auto& value : needs.values) {
    if (!contains(has, value)) missing.push_back(value);
  }
  return verdict(needs, has, missing.empty(),
                 missing.empty() ? "" : fmt::format(" (missing {})", join(missing, ", ")));
}

Check check_version(const Requirement& needs, const std::vector<std::string>& has) {
  std::vector<VersionRange> ranges;
  for (const auto& text : needs.values) {
    auto range = VersionRange::parse(text);
    if (!range) return unknown(needs, range.error().message());
    ranges.push_back(std::move(*range));
  }
  bool met = false;
  for (const auto& text : has) {
    auto version = Version::parse(text);
    if (!version) return unknown(needs, fmt::format("the target's {}", version.error().message()));
    met = met ||
          std::ranges::any_of(ranges, [&](const auto& range) { return range.contains(*version); });
  }
  return verdict(needs, has, met);
}

Check check_number(const Requirement& needs, const std::vector<std::string>& has) {
  bool met = false;
  for (const auto& bound_text : needs.values) {
    auto bound = parse_number(bound_text);
    if (!bound) return unknown(needs, fmt::format("\"{}\" is not a number", printable(bound_text)));
    for (const auto& text : has) {
      auto value = parse_number(text);
      if (!value)
        return unknown(needs, fmt::format("the target's \"{}\" is not a number", printable(text)));
      met = met || (needs.test == Test::at_least ? *value >= *bound : *value <= *bound);
    }
  }
  return verdict(needs, has, met);
}

Status check_values(const Requirement& requirement, const json::Cursor& list) {
  if (requirement.values.empty())
    return std::unexpected(list.error("expected at least one value, found none"));
  for (const auto& value : requirement.values) {
    if (requirement.test == Test::version) {
      if (auto range = VersionRange::parse(value); !range)
        return std::unexpected(list.error(range.error().message()));
    }
    if ((requirement.test == Test::at_least || requirement.test == Test::at_most) &&
        !parse_number(value)) {
      return std::unexpected(
          list.error(fmt::format("expected decimal numbers, found \"{}\"", printable(value))));
    }
  }
  return {};
}

// A requirement whose fields are not all known here: nothing but its feature is understood.
Requirement opaque(std::string feature, const json::Cursor& root) {
  Requirement out;
  out.feature = std::move(feature);
  out.unknown = root.value().as_object();
  return out;
}

}  // namespace

json::Value to_json(const Requirement& requirement) {
  if (!requirement.unknown.empty()) return requirement.unknown;
  json::Array values(requirement.values.begin(), requirement.values.end());
  return json::object({{"feature", requirement.feature},
                       {std::string(name_of(requirement.test).key), std::move(values)}});
}

Result<Requirement> requirement_from_json(const json::Value& value, std::string_view path,
                                          UnknownFields unknown_fields) {
  json::Cursor root(value, std::string(path));
  ONNXPACK_TRY(auto feature, root.at("feature"));
  Requirement out;
  ONNXPACK_TRY(out.feature, feature.string());
  if (out.feature.empty())
    return std::unexpected(feature.error("expected the name of a feature, found none"));
  ONNXPACK_TRY(auto members, root.members());
  bool all_known = std::ranges::all_of(members, [](const auto& member) {
    return member.first == "feature" ||
           std::ranges::find(test_names, member.first, &TestName::key) != test_names.end();
  });
  if (!all_known && unknown_fields == UnknownFields::keep)
    return opaque(std::move(out.feature), root);
  ONNXPACK_CHECK(root.only_keys({"feature", "any_of", "all_of", "version", "at_least", "at_most"}));
  if (members.size() != 2) {
    return std::unexpected(root.error(
        "expected one of any_of, all_of, version, at_least, at_most beside \"feature\""));
  }
  for (const auto& [key, field] : members) {
    if (key == "feature") continue;
    out.test = std::ranges::find(test_names, key, &TestName::key)->test;
    ONNXPACK_TRY(out.values, field.strings());
    ONNXPACK_CHECK(check_values(out, field));
  }
  return out;
}

std::string to_text(const Requirement& requirement) {
  if (!requirement.unknown.empty()) {
    return fmt::format("{} by {}", requirement.feature, json::compact(requirement.unknown));
  }
  // One value needs no quantifier: "x86_64.level v4" reads better than "any of v4".
  if (requirement.values.size() == 1 &&
      (requirement.test == Test::any_of || requirement.test == Test::all_of)) {
    return fmt::format("{} {}", requirement.feature, requirement.values.front());
  }
  if (requirement.test == Test::version) {
    return fmt::format("{} {}", requirement.feature, join(requirement.values, " or "));
  }
  return fmt::format("{} {} {}", requirement.feature, name_of(requirement.test).text,
                     join(requirement.values, ", "));
}

Check check(const Requirement& requirement, const Target& target) {
  if (!requirement.unknown.empty())
    return unknown(requirement, "this version does not know that test");
  const auto* has = find_fact(target.facts, requirement.feature);
  if (has == nullptr) {
    bool known = find_feature(requirement.feature) != nullptr;
    return unknown(requirement,
                   known ? std::string("the target does not state it")
                         : fmt::format("the target does not state it, nor is it a known feature{}",
                                       suggest_feature(requirement.feature)));
  }
  switch (requirement.test) {
    case Test::any_of:
      return verdict(requirement, *has,
                     std::ranges::any_of(requirement.values,
                                         [&](const auto& value) { return contains(*has, value); }));
    case Test::all_of:
      return check_all_of(requirement, *has);
    case Test::version:
      return check_version(requirement, *has);
    case Test::at_least:
    case Test::at_most:
      return check_number(requirement, *has);
  }
  return unknown(requirement, "this version does not know that test");
}

}  // namespace onnxpack::target
