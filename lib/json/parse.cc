// Strict parsing on nlohmann_json's SAX interface: its DOM keeps the last of duplicate keys silently, which two readers
// of one signed manifest could resolve differently.
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>

#include <fmt/format.h>

#include "onnxpack/base/text.h"
#include "onnxpack/json/value.h"

namespace onnxpack::json {
namespace {

constexpr std::size_t max_depth = 64;

class Builder : public nlohmann::json_sax<nlohmann::json> {
 public:
  bool null() override { return put(Value()); }
  bool boolean(bool value) override { return put(Value(value)); }
  bool number_integer(number_integer_t value) override { return put(Value(value)); }
  bool number_unsigned(number_unsigned_t value) override {
    if (value > static_cast<number_unsigned_t>(std::numeric_limits<std::int64_t>::max())) {
      return refuse(fmt::format("integer {} is larger than 2^63-1", value));
    }
    return put(Value(static_cast<std::int64_t>(value)));
  }
  bool number_float(number_float_t value, const string_t&) override { return put(Value(value)); }
  bool string(string_t& value) override { return put(Value(std::move(value))); }
  bool binary(binary_t&) override { return refuse("binary value"); }
  bool start_object(std::size_t) override { return open(Value(Object())); }
  bool start_array(std::size_t) override { return open(Value(Array())); }
  bool end_object() override { return close(); }
  bool end_array() override { return close(); }
  bool key(string_t& key) override {
    if (stack_.back()->as_object().contains(key)) return refuse(fmt::format("key \"{}\" appears twice", printable(key)));
    key_ = std::move(key);
    return true;
  }
  bool parse_error(std::size_t position, const std::string&, const nlohmann::detail::exception& e) override {
    position_ = position;
    // "[json.exception.parse_error.101] parse error at line 1, column 2: syntax error ..." - the tail is the useful part.
    std::string_view what = e.what();
    auto tail = what.find(": ");
    error_ = std::string(tail == std::string_view::npos ? what : what.substr(tail + 2));
    return false;
  }

  Value take() { return std::move(root_); }
  const std::optional<std::string>& error() const { return error_; }
  std::optional<std::size_t> position() const { return position_; }

 private:
  bool refuse(std::string why) {
    error_ = std::move(why);
    return false;
  }
  Value* place(Value value) {
    if (stack_.empty()) {
      root_ = std::move(value);
      return &root_;
    }
    Value& parent = *stack_.back();
    if (parent.is(Kind::array)) {
      parent.push_back(std::move(value));
      return &parent.as_array().back();
    }
    return &parent.as_object().emplace(std::move(key_), std::move(value)).first->second;
  }
  bool put(Value value) {
    place(std::move(value));
    return true;
  }
  bool open(Value value) {
    if (stack_.size() >= max_depth) return refuse(fmt::format("nested deeper than {} levels", max_depth));
    // Pointers stay valid: while a child is open its parent's array does not grow.
    stack_.push_back(place(std::move(value)));
    return true;
  }
  bool close() {
    stack_.pop_back();
    return true;
  }

  Value root_;
  std::vector<Value*> stack_;
  std::string key_;
  std::optional<std::string> error_;
  std::optional<std::size_t> position_;
};

std::string where(std::string_view text, std::size_t position) {
  std::size_t line = 1;
  std::size_t column = 1;
  for (std::size_t i = 0; i + 1 < position && i < text.size(); ++i) {
    ++column;
    if (text[i] == '\n') {
      ++line;
      column = 1;
    }
  }
  return fmt::format("line {}, column {}", line, column);
}

}  // namespace

Result<Value> parse(std::string_view text) {
  Builder builder;
  bool ok = false;
  try {
    ok = nlohmann::json::sax_parse(text.begin(), text.end(), &builder);
  } catch (const nlohmann::json::exception& e) {
    return fail(ErrorKind::corrupt, fmt::format("not valid JSON: {}", e.what()));
  }
  if (ok && !builder.error()) return builder.take();
  std::string why = builder.error().value_or("syntax error");
  if (builder.position()) why = fmt::format("{}: {}", where(text, *builder.position()), why);
  return fail(ErrorKind::corrupt, fmt::format("not valid JSON: {}", printable(why)));
}

}  // namespace onnxpack::json
