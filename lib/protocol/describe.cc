#include "onnxpack/protocol/describe.h"

#include <algorithm>

#include <fmt/format.h>

#include "codec.h"
#include "onnxpack/base/text.h"

namespace onnxpack::protocol {

json::Value to_json(const ServeRule& rule) {
  json::Value out = json::object({{"family", rule.family}});
  put(out, "names", rule.names);
  json::Array requirements;
  for (const auto& requirement : rule.requirements) {
    requirements.push_back(target::to_json(requirement));
  }
  if (!requirements.empty()) out["requirements"] = std::move(requirements);
  put(out, "absent", rule.absent);
  if (rule.wants_backend_options) out["wants_backend_options"] = true;
  put(out, "domains", rule.domains);
  return out;
}

namespace {

Result<ServeRule> serve_rule_from_json(const json::Cursor& cursor) {
  ServeRule out;
  ONNXPACK_TRY(out.family, required_text(cursor, "family"));
  ONNXPACK_TRY(out.names, cursor.strings_or_empty("names"));
  ONNXPACK_TRY(out.requirements, requirements_at(cursor, "requirements"));
  ONNXPACK_TRY(out.absent, cursor.strings_or_empty("absent"));
  ONNXPACK_TRY(out.wants_backend_options, cursor.boolean_or("wants_backend_options", false));
  ONNXPACK_TRY(out.domains, cursor.strings_or_empty("domains"));
  return out;
}

}  // namespace

json::Value to_json(const OptionInfo& option) {
  json::Value out = json::object({{"name", option.name}});
  put(out, "description", option.description);
  if (!option.schema.is(json::Kind::null)) out["schema"] = option.schema;
  return out;
}

namespace {

Result<OptionInfo> option_from_json(const json::Cursor& cursor) {
  OptionInfo out;
  ONNXPACK_TRY(out.name, required_text(cursor, "name"));
  ONNXPACK_TRY(out.description, text_at(cursor, "description"));
  ONNXPACK_TRY(auto schema, cursor.find("schema"));
  if (schema) {
    ONNXPACK_CHECK(schema->members());
    out.schema = schema->value();
  }
  return out;
}

}  // namespace

json::Value to_json(const Need& need) {
  json::Value out = json::object({{"name", need.name}, {"found", need.found}});
  put(out, "where", need.where);
  put(out, "how", need.how);
  return out;
}

namespace {

Result<Need> need_from_json(const json::Cursor& cursor) {
  Need out;
  ONNXPACK_TRY(out.name, required_text(cursor, "name"));
  ONNXPACK_TRY(auto found, cursor.at("found"));
  ONNXPACK_TRY(out.found, found.boolean());
  ONNXPACK_TRY(out.where, text_at(cursor, "where"));
  ONNXPACK_TRY(out.how, text_at(cursor, "how"));
  return out;
}

Result<Verb> verb_from_json(const json::Cursor& cursor) {
  ONNXPACK_TRY(std::string text, cursor.string());
  if (auto verb = verb_from_text(text)) return *verb;
  return std::unexpected(cursor.error(fmt::format(
      "expected one of describe, plan, compile, run, probe, found {}", printable(text))));
}

// Verbs of a later minor version are no concern of this host.
Result<std::vector<Verb>> verbs_from_json(const json::Cursor& cursor, bool tolerate_unknown) {
  std::vector<Verb> out;
  ONNXPACK_TRY(auto items, cursor.array());
  for (const json::Cursor& item : items) {
    auto verb = verb_from_json(item);
    if (!verb && tolerate_unknown && item.value().is(json::Kind::string)) continue;
    if (!verb) return std::unexpected(verb.error());
    out.push_back(*verb);
  }
  return out;
}

// Nothing when the rule holds, else what is in the way.
std::optional<std::string> objection(const ServeRule& rule, const std::string& backend,
                                     const target::Target& target) {
  auto matches = [&](const std::string& pattern) { return glob_match(pattern, target.name); };
  if (!rule.names.empty() && std::ranges::none_of(rule.names, matches)) {
    return fmt::format("needs a target named {}", join(rule.names, " or "));
  }
  for (const auto& requirement : rule.requirements) {
    target::Check check = target::check(requirement, target);
    if (check.outcome != target::Outcome::met) return check.reason;
  }
  for (const auto& feature : rule.absent) {
    auto it = target.facts.find(feature);
    if (it != target.facts.end() && !it->second.empty()) {
      return fmt::format("does not serve targets with {}; target has {}", feature,
                         join(it->second, ", "));
    }
  }
  if (rule.wants_backend_options && !target.backend_options.contains(backend)) {
    return fmt::format("needs settings for {} in the target's backend_options", backend);
  }
  return std::nullopt;
}

}  // namespace

json::Value to_json(const DescribeRequest& request) {
  return request_head(request.protocol, Verb::describe);
}

Result<DescribeRequest> describe_request_from_json(const json::Cursor& cursor) {
  DescribeRequest out;
  ONNXPACK_TRY(out.protocol, read_request_head(cursor, Verb::describe));
  return out;
}

json::Value to_json(const DescribeResponse& response) {
  json::Value out = json::object({{"name", response.name},
                                  {"protocol", to_json(response.protocol)},
                                  {"deterministic", response.deterministic},
                                  {"available", response.available}});
  if (!response.compiles) out["compiles"] = false;
  put(out, "description", response.description);
  json::Array verbs;
  for (Verb verb : response.verbs) verbs.emplace_back(to_string(verb));
  out["verbs"] = std::move(verbs);
  put(out, "versions", response.versions);
  put(out, "ep", response.ep);
  put_list(out, "serves", response.serves);
  put_list(out, "options", response.options);
  put_list(out, "needs", response.needs);
  // reason and hint are the description's own here: a working `describe` is always ok.
  put_answer(out, response.answer);
  put(out, "reason", response.reason);
  put(out, "hint", response.hint);
  return out;
}

Result<DescribeResponse> describe_response_from_json(const json::Cursor& cursor) {
  DescribeResponse out;
  // First of all, before a field of another version can be misread.
  ONNXPACK_TRY(auto protocol, cursor.at("protocol"));
  ONNXPACK_TRY(out.protocol, version_range_from_json(protocol));
  ONNXPACK_TRY(auto spoken, negotiate({}, out.protocol));
  ONNXPACK_TRY(out.answer, answer_from_json(cursor));
  if (out.answer.status != AnswerStatus::ok) return out;

  ONNXPACK_TRY(out.name, required_text(cursor, "name"));
  ONNXPACK_TRY(out.description, text_at(cursor, "description"));
  ONNXPACK_TRY(auto verbs, cursor.at("verbs"));
  ONNXPACK_TRY(out.verbs, verbs_from_json(verbs, out.protocol.max > spoken));
  ONNXPACK_TRY(out.versions, texts_at(cursor, "versions"));
  ONNXPACK_TRY(out.ep, text_at(cursor, "ep"));
  ONNXPACK_TRY(out.serves, json::read_optional_array(cursor, "serves", serve_rule_from_json));
  ONNXPACK_TRY(out.options, json::read_optional_array(cursor, "options", option_from_json));
  ONNXPACK_TRY(out.needs, json::read_optional_array(cursor, "needs", need_from_json));
  ONNXPACK_TRY(out.deterministic, cursor.boolean_or("deterministic", false));
  ONNXPACK_TRY(out.available, cursor.boolean_or("available", true));
  ONNXPACK_TRY(out.compiles, cursor.boolean_or("compiles", true));
  std::swap(out.reason, out.answer.reason);
  std::swap(out.hint, out.answer.hint);
  if (!out.available && out.reason.empty()) {
    return std::unexpected(cursor.error("a backend that is not available wants a \"reason\""));
  }
  if (!out.compiles && out.reason.empty())
    return std::unexpected(cursor.error("a backend that does not compile wants a \"reason\""));
  return out;
}

Served serves(const DescribeResponse& description, const target::Target& target) {
  std::string reason;
  for (const ServeRule& rule : description.serves) {
    auto why_not = objection(rule, description.name, target);
    if (!why_not)
      return {.served = true, .family = rule.family, .reason = "", .domains = rule.domains};
    if (!reason.empty()) reason += "; ";
    reason += fmt::format("{}: {}", rule.family, *why_not);
  }
  if (description.serves.empty()) reason = "it says it serves no target";
  return {.served = false, .family = "", .reason = reason};
}

}  // namespace onnxpack::protocol
