#include "console.h"

#include <fmt/format.h>

#include "onnxpack/base/text.h"

namespace onnxpack::cli {
namespace {

// Keeps the line breaks of a text of several lines, and makes everything else harmless.
std::string printable_lines(std::string_view text) {
  std::string out;
  for (std::string_view line : split(text, '\n')) {
    if (!out.empty()) out += "\n  ";
    out += printable(line);
  }
  return out;
}

}  // namespace

bool wants_color(ColorMode mode, bool is_terminal,
                 const std::map<std::string, std::string>& variables) {
  if (mode != ColorMode::automatic) return mode == ColorMode::always;
  auto variable = [&](const char* name) {
    auto found = variables.find(name);
    return found == variables.end() ? std::string() : found->second;
  };
  if (!variable("NO_COLOR").empty()) return false;
  std::string force = variable("CLICOLOR_FORCE");
  if (!force.empty() && force != "0") return true;
  if (variable("TERM") == "dumb" || variable("CLICOLOR") == "0") return false;
  return is_terminal;
}

Console::Console(const World& world, ColorMode color, Verbosity verbosity, bool json)
    : out_(&world.out),
      err_(&world.err),
      err_is_terminal_(world.err_is_terminal),
      out_paint_(!json && wants_color(color, world.out_is_terminal, world.variables)),
      err_paint_(wants_color(color, world.err_is_terminal, world.variables)),
      verbosity_(verbosity),
      json_(json) {}

void Console::warn(std::string_view text) const {
  *err_ << err_paint_(Style::caution, "warning:") << ' ' << printable_lines(text) << '\n'
        << std::flush;
}

void Console::note(std::string_view text) const {
  if (!quiet()) *err_ << printable_lines(text) << '\n' << std::flush;
}

void Console::report(const Error& error) const {
  *err_ << err_paint_(Style::bad, "error:") << ' ' << printable_lines(error.message()) << '\n';
  if (!error.hint().empty())
    *err_ << "  " << err_paint_(Style::caution, "hint:") << ' ' << printable_lines(error.hint())
          << '\n';
  *err_ << std::flush;
}

}  // namespace onnxpack::cli
