// A verb is a record: name, one help line, what must be ready beforehand, and how to make the
// command that parses and runs it. A new verb is a new cmd_<name>.cc and a line in verbs.cc.
#pragma once

#include <memory>
#include <span>
#include <string_view>

#include "context.h"
#include "exit_code.h"
#include "flags.h"
#include "onnxpack/base/error.h"

namespace onnxpack::cli {

// One run of a verb. declare() binds flags to fields, run() does the work with them.
class Command {
 public:
  virtual ~Command() = default;
  virtual void declare(Flags& flags) = 0;
  // Errors are printed by the caller and mapped to an exit code by their kind.
  virtual Result<ExitCode> run(Context& context) = 0;
};

struct Verb {
  std::string_view name;
  std::string_view help;      // one line, lower-case start
  std::string_view examples;  // lines of "command  # what it does", printed first by --help
  Needs needs = Needs::files;
  std::unique_ptr<Command> (*make)() = nullptr;
};

// In the order of the table of contents that --help prints.
std::span<const Verb> verbs();

extern const Verb build_verb;
extern const Verb inspect_verb;
extern const Verb select_verb;
extern const Verb extract_verb;
extern const Verb add_verb;
extern const Verb remove_verb;
extern const Verb merge_verb;
extern const Verb repack_verb;
extern const Verb diff_verb;
extern const Verb verify_verb;
extern const Verb bench_verb;
extern const Verb plan_verb;
extern const Verb targets_verb;
extern const Verb backends_verb;
extern const Verb doctor_verb;
extern const Verb cache_verb;
extern const Verb ternarize_verb;
extern const Verb lower_verb;
extern const Verb kernels_verb;
extern const Verb version_verb;

template <typename T>
std::unique_ptr<Command> make_command() {
  return std::make_unique<T>();
}

}  // namespace onnxpack::cli
