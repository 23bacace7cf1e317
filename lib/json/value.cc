#include "onnxpack/json/value.h"

#include <array>
#include <charconv>
#include <cmath>
#include <optional>

#include <fmt/format.h>

#include "onnxpack/base/text.h"

namespace onnxpack::json {
namespace {

constexpr std::array<std::string_view, 7> kind_names = {"null",   "boolean", "integer", "number",
                                                        "string", "array",   "object"};

void write_string(std::string& out, std::string_view text) {
  out += '"';
  for (char c : text) {
    auto u = static_cast<unsigned char>(c);
    switch (c) {
      case '"': out += "\\\""; break;
      case '\\': out += "\\\\"; break;
      case '\n': out += "\\n"; break;
      case '\r': out += "\\r"; break;
      case '\t': out += "\\t"; break;
      default:
        if (u < 0x20 || u == 0x7F) {
          out += fmt::format("\\u{:04x}", u);
        } else {
          out += c;
        }
    }
  }
  out += '"';
}

// Text that is not UTF-8 (a foreign node name) must still give valid JSON.
void write_checked_string(std::string& out, const std::string& text) {
  write_string(out, is_valid_utf8(text) ? std::string_view(text) : std::string_view(printable(text)));
}

void write_number(std::string& out, double value) {
  // JSON has no NaN or infinity; null is what readers of measurements expect in their place.
  if (!std::isfinite(value)) {
    out += "null";
    return;
  }
  std::array<char, 32> buffer;
  auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value).ptr;
  std::string_view text(buffer.data(), static_cast<std::size_t>(end - buffer.data()));
  out += text;
  if (text.find_first_of(".e") == std::string_view::npos) out += ".0";
}

// One writer for both forms: indent < 0 means one line.
void write(std::string& out, const Value& value, int indent) {
  auto newline = [&](int depth) {
    if (indent < 0) return;
    out += '\n';
    out.append(static_cast<std::size_t>(depth) * 2, ' ');
  };
  int inner = indent < 0 ? indent : indent + 1;
  switch (value.kind()) {
    case Kind::null: out += "null"; break;
    case Kind::boolean: out += value.as_bool() ? "true" : "false"; break;
    case Kind::integer: out += std::to_string(value.as_integer()); break;
    case Kind::number: write_number(out, value.as_number()); break;
    case Kind::string: write_checked_string(out, value.as_string()); break;
    case Kind::array: {
      const Array& array = value.as_array();
      out += '[';
      // Lists of plain numbers (shapes, offsets) stay on one line: a manifest is also read by people.
      bool flat = true;
      for (const Value& item : array) flat = flat && !item.is(Kind::array) && !item.is(Kind::object) && !item.is(Kind::string);
      for (std::size_t i = 0; i < array.size(); ++i) {
        if (i > 0) out += flat && indent >= 0 ? ", " : ",";
        if (!flat) newline(inner);
        write(out, array[i], inner);
      }
      if (!array.empty() && !flat) newline(indent);
      out += ']';
      break;
    }
    case Kind::object: {
      const Object& object = value.as_object();
      out += '{';
      bool first = true;
      for (const auto& [key, member] : object) {
        if (!first) out += ',';
        first = false;
        newline(inner);
        write_checked_string(out, key);
        out += indent < 0 ? ":" : ": ";
        write(out, member, inner);
      }
      if (!object.empty()) newline(indent);
      out += '}';
      break;
    }
  }
}

}  // namespace

std::string_view to_string(Kind kind) { return kind_names[static_cast<std::size_t>(kind)]; }

double Value::as_number() const {
  if (const auto* integer = std::get_if<std::int64_t>(&data_)) return static_cast<double>(*integer);
  return std::get<double>(data_);
}

const Value* Value::find(std::string_view key) const {
  const auto* object = std::get_if<Object>(&data_);
  if (object == nullptr) return nullptr;
  auto it = object->find(key);
  return it == object->end() ? nullptr : &it->second;
}

Value& Value::operator[](std::string_view key) {
  if (is(Kind::null)) data_ = Object();
  Object& object = as_object();
  auto it = object.find(key);
  if (it == object.end()) it = object.emplace(std::string(key), Value()).first;
  return it->second;
}

void Value::push_back(Value value) {
  if (is(Kind::null)) data_ = Array();
  as_array().push_back(std::move(value));
}

Value object(std::initializer_list<std::pair<const std::string, Value>> members) { return Value(Object(members)); }

std::string canonical(const Value& value) {
  std::string out;
  write(out, value, 0);
  out += '\n';
  return out;
}

std::string compact(const Value& value) {
  std::string out;
  write(out, value, -1);
  return out;
}

}  // namespace onnxpack::json
