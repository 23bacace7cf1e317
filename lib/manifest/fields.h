// What the readers and writers of manifest, layout and evidence share.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>

#include "onnxpack/json/cursor.h"
#include "onnxpack/manifest/manifest.h"

namespace onnxpack::manifest {

// The version of a document, and what follows from it for unknown fields.
struct Header {
  FormatVersion version;
  target::UnknownFields unknown = target::UnknownFields::refuse;
};

// Checks "format" and "schema_version". Errors: corrupt (another format); unsupported (another
// major version).
Result<Header> read_header(const json::Cursor& root, std::string_view format);
void write_header(json::Value& out, std::string_view format, const FormatVersion& version);

// The members beyond `known`: kept, or the first one refused by name.
Result<Unknown> read_unknown(const json::Cursor& cursor,
                             std::initializer_list<std::string_view> known,
                             target::UnknownFields mode);
// Adds them back.
void write_unknown(json::Value& out, const Unknown& unknown);

// Required fields.
Result<std::string> read_string(const json::Cursor& cursor, std::string_view key);
Result<std::uint64_t> read_size(const json::Cursor& cursor, std::string_view key);
// A required SHA-256.
Result<std::string> read_digest(const json::Cursor& cursor, std::string_view key);
// "" when absent.
Result<std::string> read_text(const json::Cursor& cursor, std::string_view key);
// An object that may be absent, verbatim.
Result<json::Object> read_object(const json::Cursor& cursor, std::string_view key);
Result<std::map<std::string, std::string>> read_string_map(const json::Cursor& cursor,
                                                           std::string_view key);

// Writers that leave an empty value out, so that absent and empty are one thing.
void put(json::Value& out, std::string_view key, const std::string& value);
void put(json::Value& out, std::string_view key, const json::Object& value);
void put(json::Value& out, std::string_view key, const std::vector<std::string>& values);
template <typename T, typename Write>
void put_array(json::Value& out, std::string_view key, const std::vector<T>& items, Write&& write) {
  if (items.empty()) return;
  json::Array array;
  array.reserve(items.size());
  for (const T& item : items) array.push_back(write(item));
  out[key] = std::move(array);
}

bool is_sha256(std::string_view text);

}  // namespace onnxpack::manifest
