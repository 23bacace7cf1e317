#include "help.h"

#include <algorithm>

#include <fmt/format.h>

#include "onnxpack/base/text.h"

namespace onnxpack::cli {
namespace {

std::string exit_code_help() {
  Table table({Align::right, Align::left, Align::left}, {"code", "name", "meaning"});
  for (const ExitCodeInfo& info : exit_codes()) {
    table.add({std::to_string(static_cast<int>(info.code)), info.name, info.meaning});
  }
  return "Exit codes, the same for every command:\n" + table.render(Paint(), 2);
}

std::string indented(std::string_view lines) {
  std::string out;
  for (std::string_view line : split(lines, '\n')) {
    if (!line.empty()) out += fmt::format("  {}\n", line);
  }
  return out;
}

}  // namespace

std::string main_help() {
  Table table({Align::left, Align::left});
  for (const Verb& verb : verbs()) table.add({verb.name, verb.help});
  table.add({"help", "help about a command, or about exit-codes"});
  return "onnx-pack: packs a standard ONNX model with per-device compiled variants into one file\n"
         "\nExamples:\n" +
         indented(
             "onnx-pack build model.onnx --target x86-64-v3 -o model.onnxpkg\n"
             "onnx-pack inspect model.onnxpkg\n"
             "onnx-pack select model.onnxpkg --target host -o slim.onnxpkg\n"
             "onnx-pack verify model.onnxpkg\n"
             "onnx-pack extract model.onnxpkg --original -o restored") +
         "\nCommands:\n" + table.render(Paint(), 2) +
         "\n'onnx-pack COMMAND --help' shows examples and flags; 'onnx-pack --version' what this "
         "is.\n";
}

std::string verb_help(const Verb& verb, const Flags& flags) {
  return fmt::format(
      "onnx-pack {}: {}\n\nExamples:\n{}\nUsage: {}\n{}\nExit codes: onnx-pack help exit-codes\n",
      verb.name, verb.help, indented(verb.examples), flags.usage(), flags.help_table());
}

int help(const World& world, const Console& console, const std::vector<std::string>& arguments) {
  if (arguments.empty() || arguments[0].starts_with('-')) {
    world.out << main_help();
    return static_cast<int>(ExitCode::ok);
  }
  if (arguments[0] == "exit-codes") {
    world.out << exit_code_help();
    return static_cast<int>(ExitCode::ok);
  }
  auto verb = std::ranges::find(verbs(), arguments[0], &Verb::name);
  if (verb == verbs().end()) {
    std::vector<std::string> topics{"exit-codes"};
    for (const Verb& known : verbs()) topics.emplace_back(known.name);
    auto near = did_you_mean(arguments[0], topics);
    console.report(Error(ErrorKind::invalid_argument,
                         fmt::format("no help about '{}'", printable(arguments[0])))
                       .with_hint(near ? fmt::format("did you mean 'onnx-pack help {}'?", *near)
                                       : "onnx-pack --help lists the commands"));
    return static_cast<int>(ExitCode::usage);
  }
  Flags flags(fmt::format("onnx-pack {}", verb->name));
  CommonFlags common;
  auto command = verb->make();
  flags.heading("Flags");
  command->declare(flags);
  common.declare(flags, verb->needs);
  world.out << verb_help(*verb, flags);
  return static_cast<int>(ExitCode::ok);
}

}  // namespace onnxpack::cli
