// JSON as a value: parsed strictly, written canonically. The only folder that sees nlohmann_json.
//
// Canonical bytes: UTF-8, keys sorted by their bytes, two-space indentation, one newline at the end, integers as
// decimal digits, other numbers in the shortest form that reads back equal. Same value, same bytes, on every machine.
// Parsing refuses duplicate keys, invalid UTF-8, comments, NaN, trailing bytes and nesting deeper than 64.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "onnxpack/base/error.h"

namespace onnxpack::json {

class Value;
using Array = std::vector<Value>;
using Object = std::map<std::string, Value, std::less<>>;

enum class Kind : std::uint8_t { null, boolean, integer, number, string, array, object };
std::string_view to_string(Kind kind);

class Value {
 public:
  Value() : data_(nullptr) {}
  Value(std::nullptr_t) : data_(nullptr) {}
  Value(bool value) : data_(value) {}
  // Any integer type that fits; sizes are below 2^63 by the file system's own limits.
  template <std::integral T>
    requires(!std::same_as<T, bool>)
  Value(T value) : data_(static_cast<std::int64_t>(value)) {}
  Value(double value) : data_(value) {}
  Value(const char* text) : data_(std::string(text)) {}
  Value(std::string_view text) : data_(std::string(text)) {}
  Value(std::string text) : data_(std::move(text)) {}
  Value(Array array) : data_(std::move(array)) {}
  Value(Object object) : data_(std::move(object)) {}

  Kind kind() const { return static_cast<Kind>(data_.index()); }
  bool is(Kind kind) const { return this->kind() == kind; }

  // Requires: kind() is the one asked for (number also accepts integer).
  bool as_bool() const { return std::get<bool>(data_); }
  std::int64_t as_integer() const { return std::get<std::int64_t>(data_); }
  double as_number() const;
  const std::string& as_string() const { return std::get<std::string>(data_); }
  const Array& as_array() const { return std::get<Array>(data_); }
  Array& as_array() { return std::get<Array>(data_); }
  const Object& as_object() const { return std::get<Object>(data_); }
  Object& as_object() { return std::get<Object>(data_); }

  // The member `key` of an object, or null when this is no object or has no such member.
  const Value* find(std::string_view key) const;
  // Object access that creates. Requires: object or null (which becomes an object).
  Value& operator[](std::string_view key);
  // Requires: array or null (which becomes an array).
  void push_back(Value value);

  bool operator==(const Value&) const = default;

 private:
  std::variant<std::nullptr_t, bool, std::int64_t, double, std::string, Array, Object> data_;
};

// Builds an object in one expression: object({{"name", "a"}, {"size", 3}}).
Value object(std::initializer_list<std::pair<const std::string, Value>> members);

// Errors: corrupt, with line and column and what was expected.
Result<Value> parse(std::string_view text);

// The canonical bytes described above, ending in a newline.
std::string canonical(const Value& value);
// One line, sorted keys, no spaces: for newline-delimited streams and digests.
std::string compact(const Value& value);

}  // namespace onnxpack::json
