#include <catch2/catch_test_macros.hpp>
#include <cmath>
#include <random>

#include "onnxpack/json/cursor.h"
#include "onnxpack/json/value.h"

using namespace onnxpack;
using namespace onnxpack::json;

namespace {

std::string error_of(std::string_view text) {
  auto value = parse(text);
  REQUIRE_FALSE(value);
  CHECK(value.error().kind() == ErrorKind::corrupt);
  return value.error().message();
}

bool contains(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

Value random_value(std::mt19937& random, int depth) {
  switch (random() % (depth > 0 ? 7 : 5)) {
    case 0:
      return Value();
    case 1:
      return Value(random() % 2 == 0);
    case 2:
      return Value(
          static_cast<std::int64_t>((static_cast<std::uint64_t>(random()) << 32) | random()));
    case 3: {
      double value =
          std::ldexp(static_cast<double>(random()), static_cast<int>(random() % 200) - 100);
      return Value(random() % 2 == 0 ? value : -value);
    }
    case 4: {
      std::string text;
      for (std::size_t n = random() % 8; n > 0; --n) {
        static constexpr std::string_view pieces[] = {"a",    "\"", "\\", "\n", "\x01",
                                                      "\x7f", "é",  "€",  "😀",  "/"};
        text += pieces[random() % std::size(pieces)];
      }
      return Value(std::move(text));
    }
    case 5: {
      Array array;
      for (std::size_t n = random() % 5; n > 0; --n)
        array.push_back(random_value(random, depth - 1));
      return Value(std::move(array));
    }
    default: {
      Object object;
      for (std::size_t n = random() % 5; n > 0; --n) {
        object["k" + std::to_string(random() % 50)] = random_value(random, depth - 1);
      }
      return Value(std::move(object));
    }
  }
}

}  // namespace

TEST_CASE("what is written reads back equal, byte for byte again", "[json]") {
  std::mt19937 random(42);
  for (int i = 0; i < 3000; ++i) {
    Value value = random_value(random, 4);
    std::string text = canonical(value);
    INFO(text);
    auto back = parse(text);
    REQUIRE(back);
    REQUIRE(*back == value);
    REQUIRE(canonical(*back) == text);
    auto flat = parse(compact(value));
    REQUIRE(flat);
    REQUIRE(*flat == value);
    REQUIRE(compact(value).find('\n') == std::string::npos);
  }
}

TEST_CASE("canonical bytes are fixed", "[json]") {
  Value value = object({{"b", Array{1, 2, 3}},
                        {"a", object({{"x", true}, {"n", nullptr}})},
                        {"c", 0.5},
                        {"d", 3.0},
                        {"e", Array{"s"}}});
  CHECK(canonical(value) ==
        "{\n  \"a\": {\n    \"n\": null,\n    \"x\": true\n  },\n  \"b\": [1, 2, 3],\n  \"c\": "
        "0.5,\n  \"d\": 3.0,\n  \"e\": [\n    "
        "\"s\"\n  ]\n}\n");
  CHECK(compact(value) == R"({"a":{"n":null,"x":true},"b":[1,2,3],"c":0.5,"d":3.0,"e":["s"]})");
  CHECK(canonical(Value(Object{})) == "{}\n");
  CHECK(canonical(Value(Array{})) == "[]\n");
  CHECK(canonical(Value(std::nan(""))) == "null\n");
  // Text that is not UTF-8 must still give valid JSON.
  auto back = parse(canonical(Value(std::string("\xff ok"))));
  REQUIRE(back);
  CHECK(back->as_string() == "\\xff ok");
}

TEST_CASE("parsing is strict and says where", "[json]") {
  CHECK(contains(error_of("{\"a\": 1,\n \"b\": }"), "line 2, column 7"));
  CHECK(contains(error_of("{\"a\": 1, \"a\": 2}"), "key \"a\" appears twice"));
  CHECK(contains(error_of("[1, 2] x"), "line 1, column 8"));
  CHECK(contains(error_of(""), "not valid JSON"));
  CHECK(contains(error_of("[NaN]"), "not valid JSON"));
  CHECK(contains(error_of("[1,]"), "not valid JSON"));
  CHECK(contains(error_of("// c\n1"), "not valid JSON"));
  CHECK(contains(error_of("\"\xC0\x80\""), "not valid JSON"));
  CHECK(contains(error_of("18446744073709551615"), "larger than 2^63-1"));
  CHECK(contains(error_of(std::string(65, '[') + std::string(65, ']')),
                 "nested deeper than 64 levels"));
  CHECK(parse(std::string(64, '[') + std::string(64, ']')));
  CHECK(contains(error_of("\"\\ud800\""), "not valid JSON"));
  // The same key under different parents is no duplicate.
  CHECK(parse(R"({"a":{"x":1},"b":{"x":2}})"));
}

TEST_CASE("numbers keep their kind", "[json]") {
  CHECK(parse("1")->is(Kind::integer));
  CHECK(parse("1.0")->is(Kind::number));
  CHECK(parse("-9223372036854775808")->as_integer() == std::numeric_limits<std::int64_t>::min());
  CHECK(parse("9223372036854775807")->as_integer() == std::numeric_limits<std::int64_t>::max());
  CHECK(parse("7")->as_number() == 7.0);
}

TEST_CASE("cursor errors name the path, what was expected and what was found", "[cursor]") {
  auto value = parse(
      R"({"variants": [{"ep": "a"}, {"ep": 3}], "size": -1, "text": "loooooooooooooooooooooooooooooooooooooooooooooooooooooooooooooooooooooooong"})");
  REQUIRE(value);
  Cursor root(*value);
  auto variants = root.at("variants");
  REQUIRE(variants);
  auto second = variants->array()->at(1).at("ep");
  REQUIRE(second);
  CHECK(second->string().error().message() == "variants[1].ep: expected a string, found 3");
  CHECK(root.at("size")->size().error().message() ==
        "size: expected an integer of at least 0, found -1");
  CHECK(root.at("size")->integer(0, 9).error().message() ==
        "size: expected an integer from 0 to 9, found -1");
  CHECK(root.at("nothing").error().message() == "required field \"nothing\" is missing");
  CHECK(variants->array()->at(0).at("x").error().message() ==
        "variants[0]: required field \"x\" is missing");
  CHECK(variants->string().error().message() == "variants: expected a string, found an array of 2");
  CHECK(root.at("text")->boolean().error().message().size() < 120);
  CHECK(variants->array()->at(0).at("ep")->string_in({"b", "c"}).error().message() ==
        "variants[0].ep: expected one of b, c, found \"a\"");
  CHECK(second->members().error().message() == "variants[1].ep: expected an object, found 3");
  CHECK(root.only_keys({"variants", "size", "texts"}).error().message() ==
        "unknown field \"text\"; did you mean \"texts\"?");
  CHECK(root.only_keys({"variants", "size"}).error().message() ==
        "unknown field \"text\"; known are variants, size");
}

TEST_CASE("absent and null are one thing to optional readers", "[cursor]") {
  auto value = parse(R"({"a": null, "b": "x", "c": ["p", "q"], "d": false, "e": 1.5})");
  Cursor root(*value);
  CHECK(root.string_or("a", "fallback") == "fallback");
  CHECK(root.string_or("z", "fallback") == "fallback");
  CHECK(root.string_or("b", "fallback") == "x");
  CHECK(root.optional_string("a")->has_value() == false);
  CHECK(root.optional_string("b")->value() == "x");
  CHECK(root.strings_or_empty("c") == std::vector<std::string>{"p", "q"});
  CHECK(root.strings_or_empty("a")->empty());
  CHECK(root.boolean_or("d", true) == false);
  CHECK(root.boolean_or("z", true) == true);
  CHECK(root.at("e")->number() == 1.5);
  CHECK_FALSE(root.string_or("e", ""));
  CHECK_FALSE(root.strings_or_empty("b"));
}
