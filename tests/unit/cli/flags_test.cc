#include "flags.h"

#include <catch2/catch_test_macros.hpp>

namespace onnxpack::cli {
namespace {

struct Sample {
  std::string model;
  std::vector<std::string> targets;
  std::string output;
  unsigned jobs = 0;
  bool force = false;
  int mode = 0;
  Flags flags;

  Sample() {
    flags.positional("MODEL", Count::one, "a model", [this](const std::string& text) -> Status {
      model = text;
      return {};
    });
    flags.texts("--target,-t", "TARGET", "a target", targets);
    flags.text("--output,-o", "FILE", "an output", output);
    flags.number("--jobs", "N", "how many", jobs, 1U);
    flags.on("--force", "replace", force);
    flags.choice<int>("--mode", "how", {{"fast", 1}, {"small", 2}}, mode);
  }

  // "" when all went well, else the message and the hint.
  std::string run(const std::vector<std::string>& arguments) {
    auto parsed = flags.parse(arguments);
    if (parsed && *parsed == Parsed::help) return "help";
    Status status = parsed ? flags.apply() : Status(std::unexpected(parsed.error()));
    if (status) return "";
    return status.error().hint().empty() ? status.error().message()
                                         : status.error().message() + " | " + status.error().hint();
  }
};

TEST_CASE("flags and arguments may stand in any order, and lists take one value at a time") {
  Sample sample;
  CHECK(sample.run({"-t", "host", "m.onnx", "--target=a b", "-o", "out", "--force", "--jobs", "3",
                    "--mode", "small"}) == "");
  CHECK(sample.model == "m.onnx");
  CHECK(sample.targets == std::vector<std::string>{"host", "a b"});
  CHECK(sample.output == "out");
  CHECK(sample.jobs == 3);
  CHECK(sample.force);
  CHECK(sample.mode == 2);
}

TEST_CASE("values are taken as they are") {
  Sample sample;
  CHECK(sample.run({"m", "-t", "[1,2]", "-t", "", "-o", "a,b"}) == "");
  CHECK(sample.targets == std::vector<std::string>{"[1,2]", ""});
  CHECK(sample.output == "a,b");
}

TEST_CASE("wrong usage is said in words") {
  CHECK(Sample().run({}) == "MODEL is missing | usage: MODEL [flags]");
  CHECK(Sample().run({"m", "n"}) == "unexpected argument 'n' | usage: MODEL [flags]");
  CHECK(Sample().run({"m", "--tagret", "x"}) == "unknown flag --tagret | did you mean --target?");
  CHECK(Sample().run({"m", "--ouptut=x"}) == "unknown flag --ouptut | did you mean --output?");
  CHECK(Sample().run({"m", "--zzzzzzzz"}) == "unknown flag --zzzzzzzz | --help lists the flags");
  CHECK(Sample().run({"m", "-o"}) == "-o needs a value");
  CHECK(Sample().run({"m", "-t", "--force"}) == "--target needs a value, found the flag --force");
  CHECK(Sample().run({"m", "-o", "a", "--output", "b"}) ==
        "--output was given 2 times: 'a' and 'b'");
  CHECK(Sample().run({"m", "--jobs", "0"}) ==
        "--jobs: expected a whole number from 1 to 4294967295, found '0'");
  CHECK(Sample().run({"m", "--jobs", "3x"}) ==
        "--jobs: expected a whole number from 1 to 4294967295, found '3x'");
  CHECK(Sample().run({"m", "--mode", "smal"}) ==
        "--mode: expected fast or small, found 'smal' | did you mean small?");
}

TEST_CASE("help is asked for whatever else is wrong") {
  CHECK(Sample().run({"--help"}) == "help");
  CHECK(Sample().run({"-h", "m"}) == "help");
}

TEST_CASE("the help table names every flag once") {
  Sample sample;
  std::string help = sample.flags.help_table();
  for (const char* text :
       {"MODEL", "-t, --target TARGET", "-o, --output FILE", "    --jobs N", "--mode fast|small"}) {
    INFO(text);
    CHECK(help.find(text) != std::string::npos);
    CHECK(help.find(text) == help.rfind(text));
  }
}

}  // namespace
}  // namespace onnxpack::cli
