#include "codec.h"

#include <cmath>

#include <fmt/format.h>

namespace onnxpack::protocol {

void put(json::Value& object, std::string_view key, const std::vector<std::string>& texts) {
  if (texts.empty()) return;
  object[key] = json::Array(texts.begin(), texts.end());
}

void put(json::Value& object, std::string_view key, const Versions& texts) {
  for (const auto& [name, text] : texts) object[key][name] = text;
}

void put(json::Value& object, std::string_view key,
         const std::map<std::string, std::int64_t>& numbers) {
  for (const auto& [name, number] : numbers) object[key][name] = number;
}

void put(json::Value& object, std::string_view key, const Shapes& shapes) {
  for (const auto& [name, shape] : shapes) {
    object[key][name] = json::Array(shape.begin(), shape.end());
  }
}

// An empty list is kept: it says "known to have none".
void put(json::Value& object, std::string_view key, const target::Facts& facts) {
  for (const auto& [feature, values] : facts) {
    object[key][feature] = json::Array(values.begin(), values.end());
  }
}

namespace {

// A member that is an object with values of one kind, as a map.
template <typename Map, typename Read>
Result<Map> map_at(const json::Cursor& cursor, std::string_view key, Read&& read) {
  Map out;
  ONNXPACK_TRY(auto field, cursor.find(key));
  if (!field) return out;
  ONNXPACK_TRY(auto members, field->members());
  for (const auto& [name, member] : members) {
    ONNXPACK_TRY(auto value, read(member));
    out.emplace(name, std::move(value));
  }
  return out;
}

}  // namespace

Result<std::string> text_at(const json::Cursor& cursor, std::string_view key) {
  return cursor.string_or(key, "");
}

Result<std::uint64_t> size_at(const json::Cursor& cursor, std::string_view key) {
  ONNXPACK_TRY(auto field, cursor.find(key));
  if (!field) return std::uint64_t{0};
  return field->size();
}

Result<json::Object> object_at(const json::Cursor& cursor, std::string_view key) {
  ONNXPACK_TRY(auto field, cursor.find(key));
  if (!field) return json::Object{};
  ONNXPACK_CHECK(field->members());  // refuses anything but an object
  return field->value().as_object();
}

Result<Versions> texts_at(const json::Cursor& cursor, std::string_view key) {
  return map_at<Versions>(cursor, key, [](const json::Cursor& item) { return item.string(); });
}

Result<std::map<std::string, std::int64_t>> numbers_at(const json::Cursor& cursor,
                                                       std::string_view key) {
  return map_at<std::map<std::string, std::int64_t>>(
      cursor, key, [](const json::Cursor& item) { return item.integer(1); });
}

Result<std::vector<std::int64_t>> dimensions(const json::Cursor& cursor) {
  return json::read_array(cursor, [](const json::Cursor& item) { return item.integer(0); });
}

Result<Shapes> shapes_at(const json::Cursor& cursor, std::string_view key) {
  return map_at<Shapes>(cursor, key, dimensions);
}

Result<target::Facts> facts_at(const json::Cursor& cursor, std::string_view key) {
  return map_at<target::Facts>(cursor, key,
                               [](const json::Cursor& item) { return item.strings(); });
}

Result<std::vector<target::Requirement>> requirements_at(const json::Cursor& cursor,
                                                         std::string_view key) {
  return json::read_optional_array(cursor, key, [](const json::Cursor& item) {
    return target::requirement_from_json(item.value(), item.path());
  });
}

Result<double> milliseconds_at(const json::Cursor& cursor, std::string_view key) {
  ONNXPACK_TRY(auto field, cursor.find(key));
  if (!field) return 0.0;
  ONNXPACK_TRY(double value, field->number());
  if (!std::isfinite(value) || value < 0) {
    return std::unexpected(field->error("expected milliseconds of at least 0"));
  }
  return value;
}

Result<std::string> required_text(const json::Cursor& cursor, std::string_view key) {
  ONNXPACK_TRY(auto field, cursor.at(key));
  ONNXPACK_TRY(std::string text, field.string());
  if (text.empty()) return std::unexpected(field.error("expected a text, found an empty one"));
  return text;
}

json::Value request_head(ProtocolVersion version, Verb verb) {
  return json::object({{"protocol", to_string(version)}, {"verb", to_string(verb)}});
}

Result<ProtocolVersion> read_request_head(const json::Cursor& cursor, Verb verb) {
  ONNXPACK_TRY(auto field, cursor.at("protocol"));
  ONNXPACK_TRY(ProtocolVersion version, version_from_json(field));
  if (version.major != current_version.major) {
    return fail(ErrorKind::unsupported,
                fmt::format("protocol: the request speaks {}, this backend speaks {}",
                            to_string(version), to_string(current_version)));
  }
  ONNXPACK_TRY(auto verb_field, cursor.at("verb"));
  ONNXPACK_CHECK(verb_field.string_in({to_string(verb)}));
  return version;
}

void put_answer(json::Value& object, const Answer& answer) {
  object["status"] = to_string(answer.status);
  put(object, "reason", answer.reason);
  put(object, "hint", answer.hint);
  put(object, "stage", answer.stage);
}

Result<Answer> answer_from_json(const json::Cursor& cursor) {
  Answer out;
  ONNXPACK_TRY(auto field, cursor.at("status"));
  ONNXPACK_TRY(std::string status, field.string_in({"ok", "refused", "error", "no-gain"}));
  if (status == "refused") out.status = AnswerStatus::refused;
  if (status == "no-gain") out.status = AnswerStatus::no_gain;
  if (status == "error") out.status = AnswerStatus::error;
  ONNXPACK_TRY(out.reason, text_at(cursor, "reason"));
  ONNXPACK_TRY(out.hint, text_at(cursor, "hint"));
  ONNXPACK_TRY(out.stage, text_at(cursor, "stage"));
  if (out.status != AnswerStatus::ok && out.reason.empty()) {
    return std::unexpected(field.error(fmt::format("\"{}\" wants a \"reason\"", status)));
  }
  return out;
}

json::Value to_json(const ComponentInput& component) {
  json::Value out = json::object({{"name", component.name}, {"model", component.model}});
  put(out, "original_sha256", component.original_sha256);
  return out;
}

Result<ComponentInput> component_from_json(const json::Cursor& cursor) {
  ComponentInput out;
  ONNXPACK_TRY(out.name, required_text(cursor, "name"));
  ONNXPACK_TRY(out.model, required_text(cursor, "model"));
  ONNXPACK_TRY(out.original_sha256, text_at(cursor, "original_sha256"));
  return out;
}

json::Value to_json(const ScopeInput& scope) {
  json::Value out = json::object({{"name", scope.name}, {"node_count", scope.node_count}});
  put(out, "inputs", scope.inputs);
  put(out, "outputs", scope.outputs);
  put(out, "node_outputs", scope.node_outputs);
  return out;
}

Result<ScopeInput> scope_from_json(const json::Cursor& cursor) {
  ScopeInput out;
  ONNXPACK_TRY(out.name, required_text(cursor, "name"));
  ONNXPACK_TRY(out.node_count, size_at(cursor, "node_count"));
  ONNXPACK_TRY(out.inputs, cursor.strings_or_empty("inputs"));
  ONNXPACK_TRY(out.outputs, cursor.strings_or_empty("outputs"));
  ONNXPACK_TRY(out.node_outputs, cursor.strings_or_empty("node_outputs"));
  return out;
}

Result<target::Target> target_at(const json::Cursor& cursor, std::string_view key) {
  ONNXPACK_TRY(auto field, cursor.at(key));
  return in(target::target_from_json(field.value()), field.path());
}

}  // namespace onnxpack::protocol
