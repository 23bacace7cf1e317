// The door: the process becomes a World, the number that cli::run returns becomes the exit code.
#include <iostream>

#include <unistd.h>

#include "onnxpack/cli/cli.h"

int main(int argc, char** argv) {
  // iostreams on their own are many times faster than through stdio, which nothing here uses.
  std::ios::sync_with_stdio(false);
  std::error_code unreadable;
  onnxpack::cli::World world{
      .arguments = {argv + (argc > 0 ? 1 : 0), argv + argc},
      .out = std::cout,
      .err = std::cerr,
      .out_is_terminal = ::isatty(STDOUT_FILENO) == 1,
      .err_is_terminal = ::isatty(STDERR_FILENO) == 1,
      .variables = {},
      .program = std::filesystem::read_symlink("/proc/self/exe", unreadable),
  };
  for (char** entry = environ; *entry != nullptr; ++entry) {
    std::string text = *entry;
    auto equals = text.find('=');
    if (equals != std::string::npos)
      world.variables.emplace(text.substr(0, equals), text.substr(equals + 1));
  }
  return onnxpack::cli::run(world);
}
