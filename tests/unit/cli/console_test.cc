#include "console.h"

#include <sstream>

#include <catch2/catch_test_macros.hpp>

namespace onnxpack::cli {
namespace {

using Variables = std::map<std::string, std::string>;

TEST_CASE("colour follows the flag, then the environment, then the terminal") {
  using enum ColorMode;
  CHECK(wants_color(automatic, true, {}));
  CHECK_FALSE(wants_color(automatic, false, {}));
  CHECK_FALSE(wants_color(automatic, true, Variables{{"NO_COLOR", "1"}}));
  CHECK(wants_color(automatic, true,
                    Variables{{"NO_COLOR", ""}}));  // empty counts as not set (no-color.org)
  CHECK(wants_color(automatic, false, Variables{{"CLICOLOR_FORCE", "1"}}));
  CHECK_FALSE(wants_color(automatic, false, Variables{{"CLICOLOR_FORCE", "0"}}));
  CHECK_FALSE(wants_color(automatic, true, Variables{{"NO_COLOR", "1"}, {"CLICOLOR_FORCE", "1"}}));
  CHECK_FALSE(wants_color(automatic, true, Variables{{"TERM", "dumb"}}));
  CHECK_FALSE(wants_color(automatic, true, Variables{{"CLICOLOR", "0"}}));
  CHECK(wants_color(always, false, Variables{{"NO_COLOR", "1"}}));
  CHECK_FALSE(wants_color(never, true, Variables{{"CLICOLOR_FORCE", "1"}}));
}

TEST_CASE(
    "an error is its message and its hint on lines of their own, without control characters") {
  std::ostringstream out;
  std::ostringstream err;
  World world{.arguments = {}, .out = out, .err = err, .variables = {}, .program = {}};
  Console console(world, ColorMode::automatic, Verbosity::normal, false);
  console.report(Error(ErrorKind::corrupt, "a\x1b[2Jb: two\nlines").with_hint("do this"));
  CHECK(err.str() == "error: a\\x1b[2Jb: two\n  lines\n  hint: do this\n");
  CHECK(out.str().empty());
}

TEST_CASE("JSON is never coloured") {
  std::ostringstream out;
  std::ostringstream err;
  World world{.arguments = {}, .out = out, .err = err, .variables = {}, .program = {}};
  CHECK_FALSE(Console(world, ColorMode::always, Verbosity::normal, true).paint().on());
  CHECK(Console(world, ColorMode::always, Verbosity::normal, false).paint().on());
}

}  // namespace
}  // namespace onnxpack::cli
