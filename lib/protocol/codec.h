// Small pieces that the messages' to_json and from_json share. Absent and empty mean the same on
// the wire: writers leave empty fields out, so that answers stay readable and a minimal backend in
// a script stays minimal.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "onnxpack/json/cursor.h"
#include "onnxpack/json/value.h"
#include "onnxpack/protocol/common.h"
#include "onnxpack/protocol/describe.h"
#include "onnxpack/protocol/run.h"
#include "onnxpack/target/requirement.h"
#include "onnxpack/target/target.h"

namespace onnxpack::protocol {

inline void put(json::Value& object, std::string_view key, const std::string& text) {
  if (!text.empty()) object[key] = text;
}
inline void put(json::Value& object, std::string_view key, std::uint64_t number) {
  if (number != 0) object[key] = number;
}
inline void put(json::Value& object, std::string_view key, const json::Object& members) {
  if (!members.empty()) object[key] = members;
}
void put(json::Value& object, std::string_view key, const std::vector<std::string>& texts);
void put(json::Value& object, std::string_view key, const Versions& texts);
void put(json::Value& object, std::string_view key,
         const std::map<std::string, std::int64_t>& numbers);
void put(json::Value& object, std::string_view key, const Shapes& shapes);
void put(json::Value& object, std::string_view key, const target::Facts& facts);

template <typename T>
void put_list(json::Value& object, std::string_view key, const std::vector<T>& items) {
  if (items.empty()) return;
  json::Array out;
  for (const T& item : items) out.push_back(to_json(item));
  object[key] = std::move(out);
}

// Optional members: absent gives the empty value.
Result<std::string> text_at(const json::Cursor& cursor, std::string_view key);
Result<std::uint64_t> size_at(const json::Cursor& cursor, std::string_view key);
Result<json::Object> object_at(const json::Cursor& cursor, std::string_view key);
Result<Versions> texts_at(const json::Cursor& cursor, std::string_view key);
Result<std::map<std::string, std::int64_t>> numbers_at(const json::Cursor& cursor,
                                                       std::string_view key);
Result<Shapes> shapes_at(const json::Cursor& cursor, std::string_view key);
Result<target::Facts> facts_at(const json::Cursor& cursor, std::string_view key);
Result<std::vector<target::Requirement>> requirements_at(const json::Cursor& cursor,
                                                         std::string_view key);
Result<std::vector<std::int64_t>> dimensions(const json::Cursor& cursor);
Result<double> milliseconds_at(const json::Cursor& cursor, std::string_view key);

// A member that must be there and not empty.
Result<std::string> required_text(const json::Cursor& cursor, std::string_view key);

// {"protocol": "1.0", "verb": "<verb>"}: how every request starts.
json::Value request_head(ProtocolVersion version, Verb verb);
Result<ProtocolVersion> read_request_head(const json::Cursor& cursor, Verb verb);

// Status, reason, hint and stage are members of the response itself.
void put_answer(json::Value& object, const Answer& answer);
Result<Answer> answer_from_json(const json::Cursor& cursor);

// Nested messages, each beside its user; declared here because put_list finds them by their
// argument.
json::Value to_json(const ServeRule& rule);
json::Value to_json(const OptionInfo& option);
json::Value to_json(const Need& need);
json::Value to_json(const BlobAnswer& blob);
Result<BlobAnswer> blob_from_json(const json::Cursor& cursor);
json::Value to_json(const PartitionAnswer& partition);
json::Value to_json(const VariantAnswer& variant);
json::Value to_json(const PlannedPartition& partition);
json::Value to_json(const Refusal& refusal);
json::Value to_json(const RunPartition& partition);

json::Value to_json(const ComponentInput& component);
Result<ComponentInput> component_from_json(const json::Cursor& cursor);
json::Value to_json(const ScopeInput& scope);
Result<ScopeInput> scope_from_json(const json::Cursor& cursor);
Result<target::Target> target_at(const json::Cursor& cursor, std::string_view key);

}  // namespace onnxpack::protocol
