// What a verb gets to work with: console, environment, the flag that Ctrl-C sets.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "console.h"
#include "flags.h"
#include "onnxpack/base/cancel.h"
#include "onnxpack/cli/cli.h"
#include "onnxpack/json/value.h"
#include "onnxpack/package/backends.h"
#include "onnxpack/package/environment.h"
#include "onnxpack/target/target.h"
#include "progress.h"

namespace onnxpack::cli {

// What must be ready before a verb runs; decides which common flags it takes.
enum class Needs {
  nothing,   // answers from the program itself
  files,     // reads and writes files
  backends,  // the same, and looks for backends, which may run
};

// The flags that every verb takes, as far as its needs make sense of them.
struct CommonFlags {
  bool json = false;
  ColorMode color = ColorMode::automatic;
  bool verbose = false;
  bool quiet = false;
  std::filesystem::path log_file;
  std::vector<std::filesystem::path> backend_path;
  void declare(Flags& flags, Needs needs);
};

// Build files and target files stand for a command line, so what is wrong in them is
// invalid_argument, not corrupt.
Error as_usage(const Error& error);

// Folders by the XDG base directory specification.
std::filesystem::path cache_folder(const std::map<std::string, std::string>& variables);
std::filesystem::path state_folder(const std::map<std::string, std::string>& variables);

class Context {
 public:
  Context(const World& world, const CommonFlags& common, const CancelFlag& cancel);

  const World& world() const { return world_; }
  const CommonFlags& common() const { return common_; }
  const Console& console() const { return console_; }
  std::ostream& out() const { return console_.out(); }
  bool json() const { return common_.json; }
  const CancelFlag& cancel() const { return cancel_; }
  // The work's surroundings, progress included. A verb may change fields before it starts
  // (--no-cache).
  package::Environment& environment() { return environment_; }
  io::FileSystem& files() { return *environment_.files; }

  // What was typed after --target. A mistake in a target file is wrong usage, not damage: a person
  // wrote it.
  Result<target::Target> target(const std::string& text,
                                package::Probes probes = package::Probes::fresh);

  // Ends the progress display; called before results are printed, so that both never mix.
  void end_progress();
  // The document for --json, on out.
  void print(const json::Value& document) const;
  // Opens --log-file, or a log of its own below the state folder for verbs that leave one (`stem`
  // not empty); the oldest are removed. A log that cannot be opened is an error only when it was
  // asked for by name.
  Status open_log(const std::string& stem);
  const std::filesystem::path& log_file() const { return log_file_; }

 private:
  const World& world_;
  const CommonFlags& common_;
  const CancelFlag& cancel_;
  Console console_;
  std::unique_ptr<Progress> progress_;
  package::Environment environment_;
  std::filesystem::path log_file_;
};

}  // namespace onnxpack::cli
