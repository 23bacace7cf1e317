// What the program's exit code says, the same in every verb. docs/exit-codes.md prints this table.
#pragma once

#include <span>
#include <string_view>

#include "onnxpack/base/error.h"

namespace onnxpack::cli {

enum class ExitCode : int {
  ok = 0,
  internal = 1,      // a bug of onnx-pack
  usage = 2,         // the command line or a file that stands for it
  incompatible = 3,  // nothing in the package suits the target
  not_found = 4,
  untrusted = 5,  // damaged, forged, or verified and found wrong
  partial = 6,    // finished, but something asked for is missing
  io = 7,
  unavailable = 8,
  unsupported = 9,
  differs = 10,  // no failure: what was compared is not the same
  interrupted = 130,  // what a shell reports for Ctrl-C
};

struct ExitCodeInfo {
  ExitCode code;
  std::string_view name;
  std::string_view meaning;
  std::string_view what_to_do;
};
// In number order; the source of docs/exit-codes.md and `onnx-pack help exit-codes`.
std::span<const ExitCodeInfo> exit_codes();

ExitCode exit_code_of(ErrorKind kind);

}  // namespace onnxpack::cli
