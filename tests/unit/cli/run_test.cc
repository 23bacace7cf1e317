// The whole program in one process: what every verb shares.
#include <csignal>
#include <sstream>

#include <catch2/catch_test_macros.hpp>

#include "onnxpack/cli/cli.h"
#include "onnxpack/json/value.h"
#include "signals.h"
#include "verb.h"

namespace onnxpack::cli {
namespace {

struct Output {
  int code;
  std::string out;
  std::string err;
};

Output run_line(std::vector<std::string> arguments) {
  std::ostringstream out;
  std::ostringstream err;
  World world{
      .arguments = std::move(arguments), .out = out, .err = err, .variables = {}, .program = {}};
  int code = run(world);
  return {code, out.str(), err.str()};
}

TEST_CASE("nothing at all shows the help and is wrong usage; --help is not") {
  Output nothing = run_line({});
  CHECK(nothing.code == 2);
  CHECK(nothing.out.empty());
  Output help = run_line({"--help"});
  CHECK(help.code == 0);
  CHECK(help.out == nothing.err);
}

TEST_CASE("every verb has help with examples first, by both spellings") {
  for (const Verb& verb : verbs()) {
    INFO(verb.name);
    Output flag = run_line({std::string(verb.name), "--help"});
    CHECK(flag.code == 0);
    CHECK(flag.err.empty());
    CHECK(flag.out == run_line({"help", std::string(verb.name)}).out);
    CHECK(flag.out.find("Examples:\n  onnx-pack " + std::string(verb.name)) <
          flag.out.find("Usage:"));
    CHECK(flag.out.find("--color auto|always|never") != std::string::npos);
    CHECK(run_line({"--help"}).out.find("  " + std::string(verb.name)) != std::string::npos);
  }
}

TEST_CASE("a misspelt verb gets a suggestion") {
  Output output = run_line({"biuld", "model.onnx"});
  CHECK(output.code == 2);
  CHECK(output.err == "error: unknown command 'biuld'\n  hint: did you mean 'onnx-pack build'?\n");
  CHECK(run_line({"help", "exit-code"}).err ==
        "error: no help about 'exit-code'\n  hint: did you mean 'onnx-pack help exit-codes'?\n");
}

TEST_CASE("common flags may stand before the verb") {
  Output after = run_line({"version", "--json"});
  Output before = run_line({"--json", "version"});
  CHECK(after.code == 0);
  CHECK(before.out == after.out);
  REQUIRE(json::parse(after.out));
  CHECK(run_line({"--color", "never", "version"}).out == run_line({"--version"}).out);
}

TEST_CASE("with --json an error is a document too") {
  Output output = run_line({"inspect", "--json", "no-such-file"});
  CHECK(output.code == 4);
  auto document = json::parse(output.out);
  REQUIRE(document);
  CHECK(*document->find("document") == json::Value("error"));
  CHECK(*document->find("kind") == json::Value("not-found"));
  CHECK(*document->find("exit_code") == json::Value(4));
  CHECK(output.err.starts_with("error: "));
}

TEST_CASE("the first signal sets the flag, and handlers are put back") {
  struct sigaction before {};
  sigaction(SIGTERM, nullptr, &before);
  CancelFlag flag;
  {
    SignalGuard guard(flag, SaySo::no);
    CHECK_FALSE(flag.is_set());
    std::raise(SIGTERM);
    CHECK(flag.is_set());
  }
  struct sigaction after {};
  sigaction(SIGTERM, nullptr, &after);
  CHECK(after.sa_handler == before.sa_handler);
}

}  // namespace
}  // namespace onnxpack::cli
