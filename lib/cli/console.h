// Where a verb writes: results to out, messages to err, each coloured or not.
#pragma once

#include <map>
#include <ostream>
#include <string>
#include <string_view>

#include "onnxpack/base/error.h"
#include "onnxpack/cli/cli.h"
#include "text_layout.h"

namespace onnxpack::cli {

enum class ColorMode { automatic, always, never };
enum class Verbosity { quiet, normal, verbose };

// --color beats everything; then NO_COLOR and TERM=dumb, CLICOLOR_FORCE, CLICOLOR=0; then whether
// it is a terminal.
bool wants_color(ColorMode mode, bool is_terminal,
                 const std::map<std::string, std::string>& variables);

class Console {
 public:
  Console(const World& world, ColorMode color, Verbosity verbosity, bool json);

  std::ostream& out() const { return *out_; }
  std::ostream& err() const { return *err_; }
  const Paint& paint() const { return out_paint_; }      // for out()
  const Paint& err_paint() const { return err_paint_; }  // for err()
  Verbosity verbosity() const { return verbosity_; }
  bool verbose() const { return verbosity_ == Verbosity::verbose; }
  bool quiet() const { return verbosity_ == Verbosity::quiet; }
  bool json() const { return json_; }
  bool err_is_terminal() const { return err_is_terminal_; }

  // "warning: text"; quiet leaves warnings in, since they say that something is not as asked.
  void warn(std::string_view text) const;
  // A line on err that quiet leaves out.
  void note(std::string_view text) const;
  // "error: text" and "  hint: text".
  void report(const Error& error) const;

 private:
  std::ostream* out_;
  std::ostream* err_;
  bool err_is_terminal_;
  Paint out_paint_;
  Paint err_paint_;
  Verbosity verbosity_;
  bool json_;
};

}  // namespace onnxpack::cli
