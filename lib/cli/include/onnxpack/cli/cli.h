// The program behind the door: verbs, flags, rendering, exit codes.
#pragma once

#include <filesystem>
#include <functional>
#include <iosfwd>
#include <map>
#include <string>
#include <vector>

namespace onnxpack::cli {

struct World {
  std::vector<std::string> arguments;  // without the program's name
  std::ostream& out;                   // results
  std::ostream& err;                   // messages and progress
  bool out_is_terminal = false;
  bool err_is_terminal = false;
  std::map<std::string, std::string> variables;
  std::filesystem::path program;  // where this program lies, to find its backends
};

// Runs one command line and returns its exit code (exit_code.h). Installs SIGINT/SIGTERM handlers
// for the time of a verb.
int run(const World& world);

}  // namespace onnxpack::cli
