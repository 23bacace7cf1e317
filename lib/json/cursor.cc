#include "onnxpack/json/cursor.h"

#include <algorithm>

#include <fmt/format.h>

#include "onnxpack/base/text.h"

namespace onnxpack::json {
namespace {

// What stands there, short enough for one line.
std::string finding(const Value& value) {
  switch (value.kind()) {
    case Kind::null: return "null";
    case Kind::array: return fmt::format("an array of {}", value.as_array().size());
    case Kind::object: return "an object";
    default: {
      std::string text = compact(value);
      if (text.size() > 60) text = text.substr(0, 57) + "...";
      return printable(text);
    }
  }
}

}  // namespace

Error Cursor::error(std::string_view what) const {
  Error out(ErrorKind::corrupt, std::string(what));
  return path_.empty() ? out : std::move(out).in(path_);
}

Error Cursor::expected(std::string_view what) const {
  return error(fmt::format("expected {}, found {}", what, finding(*value_)));
}

Cursor Cursor::child(std::string_view key, const Value& value) const {
  return Cursor(value, path_.empty() ? printable(key) : fmt::format("{}.{}", path_, printable(key)));
}

Result<bool> Cursor::boolean() const {
  if (!value_->is(Kind::boolean)) return std::unexpected(expected("true or false"));
  return value_->as_bool();
}

Result<std::int64_t> Cursor::integer(std::int64_t least, std::int64_t most) const {
  if (!value_->is(Kind::integer)) return std::unexpected(expected("an integer"));
  std::int64_t out = value_->as_integer();
  if (out < least || out > most) {
    return std::unexpected(expected(most == std::numeric_limits<std::int64_t>::max()
                                        ? fmt::format("an integer of at least {}", least)
                                        : fmt::format("an integer from {} to {}", least, most)));
  }
  return out;
}

Result<std::uint64_t> Cursor::size() const {
  ONNXPACK_TRY(auto out, integer(0));
  return static_cast<std::uint64_t>(out);
}

Result<double> Cursor::number() const {
  if (!value_->is(Kind::number) && !value_->is(Kind::integer)) return std::unexpected(expected("a number"));
  return value_->as_number();
}

Result<std::string> Cursor::string() const {
  if (!value_->is(Kind::string)) return std::unexpected(expected("a string"));
  return value_->as_string();
}

Result<std::string> Cursor::string_in(std::initializer_list<std::string_view> allowed) const {
  ONNXPACK_TRY(std::string text, string());
  if (std::ranges::find(allowed, std::string_view(text)) == allowed.end()) {
    return std::unexpected(expected(fmt::format("one of {}", fmt::join(allowed, ", "))));
  }
  return text;
}

Result<std::vector<Cursor>> Cursor::array() const {
  if (!value_->is(Kind::array)) return std::unexpected(expected("an array"));
  std::vector<Cursor> out;
  out.reserve(value_->as_array().size());
  for (std::size_t i = 0; i < value_->as_array().size(); ++i) {
    out.emplace_back(value_->as_array()[i], fmt::format("{}[{}]", path_, i));
  }
  return out;
}

Result<std::vector<std::string>> Cursor::strings() const {
  return read_array(*this, [](const Cursor& item) { return item.string(); });
}

Result<std::vector<std::pair<std::string, Cursor>>> Cursor::members() const {
  if (!value_->is(Kind::object)) return std::unexpected(expected("an object"));
  std::vector<std::pair<std::string, Cursor>> out;
  for (const auto& [key, value] : value_->as_object()) out.emplace_back(key, child(key, value));
  return out;
}

Result<Cursor> Cursor::at(std::string_view key) const {
  ONNXPACK_TRY(auto found, find(key));
  if (!found) return std::unexpected(error(fmt::format("required field \"{}\" is missing", key)));
  return *found;
}

Result<std::optional<Cursor>> Cursor::find(std::string_view key) const {
  if (!value_->is(Kind::object)) return std::unexpected(expected("an object"));
  const Value* value = value_->find(key);
  if (value == nullptr || value->is(Kind::null)) return std::nullopt;
  return child(key, *value);
}

Result<std::string> Cursor::string_or(std::string_view key, std::string fallback) const {
  ONNXPACK_TRY(auto field, find(key));
  if (!field) return fallback;
  return field->string();
}

Result<std::optional<std::string>> Cursor::optional_string(std::string_view key) const {
  ONNXPACK_TRY(auto field, find(key));
  if (!field) return std::nullopt;
  ONNXPACK_TRY(std::string text, field->string());
  return text;
}

Result<bool> Cursor::boolean_or(std::string_view key, bool fallback) const {
  ONNXPACK_TRY(auto field, find(key));
  if (!field) return fallback;
  return field->boolean();
}

Result<std::vector<std::string>> Cursor::strings_or_empty(std::string_view key) const {
  return read_optional_array(*this, key, [](const Cursor& item) { return item.string(); });
}

Status Cursor::only_keys(std::initializer_list<std::string_view> allowed) const {
  ONNXPACK_TRY(auto fields, members());
  for (const auto& [key, field] : fields) {
    if (std::ranges::find(allowed, std::string_view(key)) != allowed.end()) continue;
    std::vector<std::string> known(allowed.begin(), allowed.end());
    auto near = did_you_mean(key, known);
    return std::unexpected(error(near ? fmt::format("unknown field \"{}\"; did you mean \"{}\"?", printable(key), *near)
                                      : fmt::format("unknown field \"{}\"; known are {}", printable(key), fmt::join(known, ", "))));
  }
  return {};
}

}  // namespace onnxpack::json
