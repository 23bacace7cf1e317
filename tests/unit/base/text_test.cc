#include "onnxpack/base/text.h"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <cstdint>
#include <limits>
#include <random>

using namespace onnxpack;

TEST_CASE("sizes are exact below a KiB and rounded above", "[text]") {
  CHECK(human_size(0) == "0 B");
  CHECK(human_size(1023) == "1023 B");
  CHECK(human_size(1024) == "1.0 KiB");
  CHECK(human_size(1536) == "1.5 KiB");
  CHECK(human_size(100 * 1024) == "100 KiB");
  CHECK(human_size(1024 * 1024 - 1) == "1.0 MiB");  // never "1024.0 KiB"
  CHECK(human_size(std::uint64_t{5} << 30) == "5.0 GiB");
  CHECK(human_size(std::numeric_limits<std::uint64_t>::max()) == "16.0 EiB");
}

TEST_CASE("durations change unit without a gap", "[text]") {
  using std::chrono::nanoseconds;
  CHECK(human_duration(nanoseconds(800)) == "1 us");
  CHECK(human_duration(nanoseconds(812'345)) == "812 us");
  CHECK(human_duration(nanoseconds(7'200'000)) == "7.2 ms");
  CHECK(human_duration(nanoseconds(123'400'000)) == "123 ms");
  CHECK(human_duration(nanoseconds(999'600'000)) == "1.0 s");
  CHECK(human_duration(nanoseconds(12'300'000'000)) == "12.3 s");
  CHECK(human_duration(nanoseconds(59'990'000'000)) == "1 min 00 s");
  CHECK(human_duration(nanoseconds(185'000'000'000)) == "3 min 05 s");
}

TEST_CASE("sizes are read with decimal and binary units", "[text]") {
  CHECK(parse_size("250") == 250U);
  CHECK(parse_size("250B") == 250U);
  CHECK(parse_size("64KiB") == 65536U);
  CHECK(parse_size("64k") == 65536U);
  CHECK(parse_size(" 4 MB ") == 4'000'000U);
  CHECK(parse_size("1.5GiB") == (std::uint64_t{3} << 29));
  for (const char* bad : {"", "x", "-1", "1.5.2", "4 mbs", "12 furlongs", "99999999TiB", "1e3"}) {
    auto size = parse_size(bad);
    INFO(bad);
    REQUIRE_FALSE(size);
    CHECK(size.error().kind() == ErrorKind::invalid_argument);
    CHECK(size.error().message().find("is not a size") != std::string::npos);
  }
}

TEST_CASE("hexadecimal is its own inverse", "[text]") {
  std::mt19937 random(1);
  for (std::size_t length : {0U, 1U, 2U, 31U, 32U, 33U}) {
    Bytes bytes;
    for (std::size_t i = 0; i < length; ++i) bytes.push_back(static_cast<std::byte>(random()));
    CHECK(from_hex(to_hex(bytes)) == bytes);
  }
  CHECK(from_hex("FFff") == Bytes(2, std::byte{0xFF}));
  CHECK_FALSE(from_hex("abc"));
  CHECK_FALSE(from_hex("0g"));
  CHECK_FALSE(from_hex(" 0"));
}

TEST_CASE("split keeps empty pieces and trim takes all white space", "[text]") {
  CHECK(split("", ',') == std::vector<std::string_view>{""});
  CHECK(split("a,,b,", ',') == std::vector<std::string_view>{"a", "", "b", ""});
  CHECK(trim(" \t\r\n a b \v\f") == "a b");
  CHECK(trim("   ") == "");
  CHECK(join(std::vector<std::string>{"a", "b"}, ", ") == "a, b");
  CHECK(to_lower_ascii("ÄBC") == "Äbc");
}

namespace {

// The definition, in exponential time.
bool glob_reference(std::string_view pattern, std::string_view text) {
  if (pattern.empty()) return text.empty();
  if (pattern[0] == '*') {
    for (std::size_t i = 0; i <= text.size(); ++i) {
      if (glob_reference(pattern.substr(1), text.substr(i))) return true;
    }
    return false;
  }
  if (text.empty() || (pattern[0] != '?' && pattern[0] != text[0])) return false;
  return glob_reference(pattern.substr(1), text.substr(1));
}

std::size_t distance_reference(std::string_view a, std::string_view b) {
  if (a.empty()) return b.size();
  if (b.empty()) return a.size();
  std::size_t best =
      std::min(distance_reference(a.substr(1), b), distance_reference(a, b.substr(1))) + 1;
  best = std::min(best, distance_reference(a.substr(1), b.substr(1)) + (a[0] == b[0] ? 0 : 1));
  if (a.size() > 1 && b.size() > 1 && a[0] == b[1] && a[1] == b[0]) {
    best = std::min(best, distance_reference(a.substr(2), b.substr(2)) + 1);
  }
  return best;
}

std::string random_text(std::mt19937& random, std::string_view alphabet, std::size_t most) {
  std::string out;
  for (std::size_t n = random() % (most + 1); n > 0; --n)
    out += alphabet[random() % alphabet.size()];
  return out;
}

}  // namespace

TEST_CASE("globs agree with their definition", "[text]") {
  std::mt19937 random(7);
  int matches = 0;
  for (int i = 0; i < 20000; ++i) {
    std::string pattern = random_text(random, "ab*?", 6);
    std::string text = random_text(random, "ab", 7);
    INFO(pattern << " on " << text);
    bool expected = glob_reference(pattern, text);
    matches += expected ? 1 : 0;
    REQUIRE(glob_match(pattern, text) == expected);
  }
  CHECK(matches > 1000);
  CHECK(glob_match("/encoder/layer.*/attention/*", "/encoder/layer.3/attention/Softmax"));
  // Many stars on a text that nearly matches must not take exponential time.
  CHECK_FALSE(glob_match("*a*a*a*a*a*a*a*a*a*a*b", std::string(5000, 'a')));
}

TEST_CASE("edit distance agrees with its definition", "[text]") {
  std::mt19937 random(9);
  for (int i = 0; i < 1500; ++i) {
    std::string a = random_text(random, "abc", 6);
    std::string b = random_text(random, "abc", 6);
    INFO(a << " / " << b);
    REQUIRE(edit_distance(a, b) == distance_reference(a, b));
    REQUIRE(edit_distance(a, b) == edit_distance(b, a));
  }
  CHECK(edit_distance("selcet", "select") == 1);
}

TEST_CASE("suggestions are near or not made", "[text]") {
  std::vector<std::string> verbs = {"build", "inspect", "select", "extract", "verify"};
  CHECK(did_you_mean("selct", verbs) == "select");
  CHECK(did_you_mean("INSPECT", verbs) == "inspect");
  CHECK(did_you_mean("biuld", verbs) == "build");
  CHECK_FALSE(did_you_mean("frobnicate", verbs));
  CHECK_FALSE(
      did_you_mean("x", std::vector<std::string>{"a"}));  // replacing everything is no nearness
  CHECK_FALSE(did_you_mean("select", std::vector<std::string>{}));
}

TEST_CASE("UTF-8 is checked as RFC 3629 says", "[text]") {
  for (std::string_view good : {"", "plain", "\xC2\xA9", "\xE2\x82\xAC", "\xF0\x9F\x98\x80",
                                "\xEF\xBF\xBF", "\xF4\x8F\xBF\xBF"}) {
    CHECK(is_valid_utf8(good));
  }
  for (std::string_view bad :
       {"\x80", "\xC0\x80", "\xC1\xBF", "\xE0\x80\x80", "\xED\xA0\x80", "\xF0\x80\x80\x80",
        "\xF4\x90\x80\x80", "\xF5\x80\x80\x80", "\xE2\x82", "\xFF"}) {
    CHECK_FALSE(is_valid_utf8(bad));
  }
}

TEST_CASE("foreign names cannot drive a terminal", "[text]") {
  CHECK(printable("größe") == "größe");
  CHECK(printable("a\x1b[31mb") == "a\\x1b[31mb");
  CHECK(printable("tab\there\n") == "tab\\x09here\\x0a");
  CHECK(printable("\x7f") == "\\x7f");
  CHECK(printable("\xC2\x9B") == "\\xc2\\x9b");
  CHECK(printable("\xFFz") == "\\xffz");
  std::mt19937 random(3);
  for (int i = 0; i < 2000; ++i) {
    std::string bytes;
    for (std::size_t n = random() % 12; n > 0; --n) bytes += static_cast<char>(random());
    std::string shown = printable(bytes);
    REQUIRE(is_valid_utf8(shown));
    REQUIRE(printable(shown) == shown);
  }
}
