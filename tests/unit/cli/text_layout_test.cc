#include "text_layout.h"

#include <catch2/catch_test_macros.hpp>

namespace onnxpack::cli {
namespace {

TEST_CASE("display width counts cells, not bytes") {
  CHECK(display_width("") == 0);
  CHECK(display_width("abc") == 3);
  CHECK(display_width("größe") == 5);
  CHECK(display_width("文字") == 4);
  CHECK(display_width("e\xCC\x81") == 1);  // e and a combining acute
  CHECK(display_width("🙂") == 2);
}

TEST_CASE("fit cuts at cells and never in the middle of a character") {
  CHECK(fit("model", 5) == "model");
  CHECK(fit("models", 5) == "mode…");
  CHECK(fit("文字文字", 5) == "文字…");
  CHECK(fit("文字文字", 4) == "文…");  // half a wide character does not fit before the ellipsis
  CHECK(fit("abc", 0) == "");
  CHECK(fit("abc", 1) == "…");
  for (std::size_t width = 0; width < 12; ++width)
    CHECK(display_width(fit("a文é🙂bcd文", width)) <= width);
}

TEST_CASE("columns line up by what is shown, and no line ends in blanks") {
  Table table({Align::left, Align::right, Align::left}, {"name", "size", "what"});
  table.add({"größe", "1 B", "x"});
  table.add({"文", "1000 B", ""});
  table.note("a reason");
  CHECK(table.render(Paint(), 1) ==
        " name     size  what\n"
        " größe     1 B  x\n"
        " 文     1000 B\n"
        "   a reason\n");
}

TEST_CASE("colour wraps the text and leaves the columns where they were") {
  Table table({Align::left, Align::left});
  table.add({Cell("ab", Style::good), "c"});
  CHECK(table.render(Paint(true), 0) == "\x1b[32mab\x1b[0m  c\n");
  CHECK(table.render(Paint(false), 0) == "ab  c\n");
}

TEST_CASE("foreign text cannot drive the terminal") {
  Table table({Align::left});
  table.add({Cell("a\x1b[31mb\nc")});
  CHECK(table.render(Paint(), 0) == "a\\x1b[31mb\\x0ac\n");
}

TEST_CASE("a row that is too short is filled up") {
  Table table({Align::left, Align::left});
  table.add({"only"});
  CHECK(table.render(Paint(), 0) == "only\n");
}

TEST_CASE("nouns follow their number") {
  CHECK(count(0, "node") == "0 nodes");
  CHECK(count(1, "node") == "1 node");
  CHECK(count(2, "node") == "2 nodes");
}

}  // namespace
}  // namespace onnxpack::cli
