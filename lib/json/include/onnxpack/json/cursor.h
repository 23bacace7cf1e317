// Reads a json::Value field by field; every error names the path of the field: "variants[2].ep: expected a string, found 3".
#pragma once

#include <cstdint>
#include <functional>
#include <initializer_list>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "onnxpack/base/error.h"
#include "onnxpack/json/value.h"

namespace onnxpack::json {

// Borrows the value: it must outlive the cursor. Cheap to copy but for the path string.
class Cursor {
 public:
  explicit Cursor(const Value& value, std::string path = "") : value_(&value), path_(std::move(path)) {}

  const Value& value() const { return *value_; }
  const std::string& path() const { return path_; }

  // Errors of all readers: corrupt, with path, expectation and finding.
  Result<bool> boolean() const;
  Result<std::int64_t> integer(std::int64_t least = std::numeric_limits<std::int64_t>::min(),
                               std::int64_t most = std::numeric_limits<std::int64_t>::max()) const;
  Result<std::uint64_t> size() const;  // integer >= 0
  Result<double> number() const;       // integer or number
  Result<std::string> string() const;
  Result<std::string> string_in(std::initializer_list<std::string_view> allowed) const;
  Result<std::vector<Cursor>> array() const;
  Result<std::vector<std::string>> strings() const;
  // Members in key order.
  Result<std::vector<std::pair<std::string, Cursor>>> members() const;

  // A member that must be there.
  Result<Cursor> at(std::string_view key) const;
  // A member that may be absent; null counts as absent. Not an object: error.
  Result<std::optional<Cursor>> find(std::string_view key) const;

  // Shorthands for the common optional fields.
  Result<std::string> string_or(std::string_view key, std::string fallback) const;
  Result<std::optional<std::string>> optional_string(std::string_view key) const;
  Result<bool> boolean_or(std::string_view key, bool fallback) const;
  Result<std::vector<std::string>> strings_or_empty(std::string_view key) const;

  // Errors: corrupt, naming the first unknown key, with a suggestion when one is near.
  Status only_keys(std::initializer_list<std::string_view> allowed) const;

  // An error about this field, for checks that the readers above do not make.
  Error error(std::string_view what) const;

 private:
  Cursor child(std::string_view key, const Value& value) const;
  Error expected(std::string_view what) const;

  const Value* value_;
  std::string path_;
};

// Reads every element of an array with `read(Cursor) -> Result<T>`.
template <typename Read>
auto read_array(const Cursor& cursor, Read&& read)
    -> Result<std::vector<typename std::invoke_result_t<Read, Cursor>::value_type>> {
  std::vector<typename std::invoke_result_t<Read, Cursor>::value_type> out;
  ONNXPACK_TRY(auto elements, cursor.array());
  out.reserve(elements.size());
  for (const Cursor& element : elements) {
    ONNXPACK_TRY(auto item, read(element));
    out.push_back(std::move(item));
  }
  return out;
}

// The same for a member that may be absent (an empty list then).
template <typename Read>
auto read_optional_array(const Cursor& cursor, std::string_view key, Read&& read)
    -> Result<std::vector<typename std::invoke_result_t<Read, Cursor>::value_type>> {
  ONNXPACK_TRY(auto field, cursor.find(key));
  if (!field) return std::vector<typename std::invoke_result_t<Read, Cursor>::value_type>{};
  return read_array(*field, std::forward<Read>(read));
}

}  // namespace onnxpack::json
