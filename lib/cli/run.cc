#include "onnxpack/cli/cli.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <exception>

#include <fmt/format.h>

#include "context.h"
#include "help.h"
#include "onnxpack/base/log.h"
#include "onnxpack/base/text.h"
#include "signals.h"
#include "verb.h"

namespace onnxpack::cli {
namespace {

constexpr int number(ExitCode code) {
  return static_cast<int>(code);
}

// Flags may stand before the verb: "onnx-pack --json inspect x" is "onnx-pack inspect x --json".
struct Line {
  std::string verb;
  std::vector<std::string> rest;
};
Line take_verb(const std::vector<std::string>& arguments) {
  constexpr std::string_view with_value[] = {"--color", "--log-file", "--backend-path"};
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    if (std::ranges::find(with_value, arguments[i]) != std::end(with_value)) {
      ++i;
    } else if (!arguments[i].starts_with('-')) {
      Line line{arguments[i], arguments};
      line.rest.erase(line.rest.begin() + static_cast<std::ptrdiff_t>(i));
      return line;
    }
  }
  return {"", arguments};
}

Error unknown_verb(const std::string& name) {
  std::vector<std::string> names{"help"};
  for (const Verb& verb : verbs()) names.emplace_back(verb.name);
  auto near = did_you_mean(name, names);
  return Error(ErrorKind::invalid_argument, fmt::format("unknown command '{}'", printable(name)))
      .with_hint(near ? fmt::format("did you mean 'onnx-pack {}'?", *near)
                      : "onnx-pack --help lists the commands");
}

int report(const Console& console, const Error& error) {
  ExitCode code = exit_code_of(error.kind());
  log::error(error.message());
  if (console.json()) {
    console.out() << json::canonical(json::object({{"document", "error"},
                                                   {"version", 1},
                                                   {"kind", to_string(error.kind())},
                                                   {"message", error.message()},
                                                   {"hint", error.hint()},
                                                   {"exit_code", number(code)}}));
  }
  console.report(error);
  return number(code);
}

// What was printed must have arrived: `onnx-pack inspect x > /dev/full` is a failure, a pager that
// was closed early is none.
int deliver(const World& world, const Console& console, int code) {
  // A stream that failed earlier has lost the reason by now, but not its buffer: the second flush
  // fails for the same one.
  world.out.clear();
  errno = 0;
  world.out.flush();
  if (world.out.good() || errno == EPIPE) return code;
  return report(console, Error(ErrorKind::io, fmt::format("cannot write to standard output: {}",
                                                          std::strerror(errno))));
}

int run_verb(const World& world, const Verb& verb, const std::vector<std::string>& arguments) {
  auto command = verb.make();
  CommonFlags common;
  Flags flags(fmt::format("onnx-pack {}", verb.name));
  flags.heading("Flags");
  command->declare(flags);
  common.declare(flags, verb.needs);
  auto parsed = flags.parse(arguments);
  if (parsed && *parsed == Parsed::help) {
    world.out << verb_help(verb, flags);
    return number(ExitCode::ok);
  }
  Status applied = parsed ? flags.apply() : Status(std::unexpected(parsed.error()));
  // Even a failed parse has seen --json and --color when they came first.
  if (!parsed) common.json = std::ranges::find(arguments, "--json") != arguments.end();
  if (!applied)
    return report(Console(world, common.color, Verbosity::normal, common.json), applied.error());

  CancelFlag cancel;
  SignalGuard signals(cancel, world.err_is_terminal ? SaySo::yes : SaySo::no);
  Context context(world, common, cancel);
  Status logging = context.open_log("");
  Result<ExitCode> code =
      logging ? command->run(context) : Result<ExitCode>(std::unexpected(logging.error()));
  context.end_progress();
  int out = code ? number(*code) : report(context.console(), code.error());
  log::close();
  return deliver(world, context.console(), out);
}

int dispatch(const World& world) {
  Line line = take_verb(world.arguments);
  Console console(world, ColorMode::automatic, Verbosity::normal, false);
  auto has = [&](std::string_view flag) {
    return std::ranges::find(line.rest, flag) != line.rest.end();
  };
  if (line.verb.empty() && has("--version")) return run_verb(world, version_verb, {});
  if (line.verb.empty() && (line.rest.empty() || has("--help") || has("-h"))) {
    (line.rest.empty() ? world.err : world.out) << main_help();
    return deliver(world, console, number(line.rest.empty() ? ExitCode::usage : ExitCode::ok));
  }
  if (line.verb.empty()) {
    return report(console, Error(ErrorKind::invalid_argument, "no command was given")
                               .with_hint("onnx-pack --help lists the commands"));
  }
  if (line.verb == "help") return deliver(world, console, help(world, console, line.rest));
  auto verb = std::ranges::find(verbs(), line.verb, &Verb::name);
  if (verb == verbs().end()) return report(console, unknown_verb(line.verb));
  return run_verb(world, *verb, line.rest);
}

}  // namespace

int run(const World& world) {
  // The one catch for the unforeseen: out of memory, a bug. Everything else is a Result.
  try {
    return dispatch(world);
  } catch (const std::exception& unforeseen) {
    Console(world, ColorMode::automatic, Verbosity::normal, false)
        .report(Error(ErrorKind::internal, unforeseen.what())
                    .with_hint("this is a bug of onnx-pack; please report it with the command"));
    return number(ExitCode::internal);
  }
}

}  // namespace onnxpack::cli
