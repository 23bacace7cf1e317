#include "exit_code.h"

#include <array>

namespace onnxpack::cli {
namespace {

constexpr std::array<ExitCodeInfo, 12> table = {{
    {ExitCode::ok, "ok", "all that was asked was done", ""},
    {ExitCode::internal, "internal", "a bug in onnx-pack",
     "report it, with the command and the log file"},
    {ExitCode::usage, "usage",
     "the command line, the build file or the target file is wrong, or the output exists",
     "change what was typed; --force replaces an output"},
    {ExitCode::incompatible, "incompatible", "nothing in the package suits the target",
     "build for this target, or keep the original graph as fallback"},
    {ExitCode::not_found, "not-found",
     "a file, target, backend, variant or member of that name does not exist",
     "check the name; the message suggests the nearest one"},
    {ExitCode::untrusted, "untrusted",
     "a model or package is damaged, a digest differs, or verify found a difference",
     "do not use the bytes; fetch or build them again"},
    {ExitCode::partial, "partial",
     "finished, but a requested target was lost; the package of the others is written",
     "read the report, or state what may be lost with --allow-missing"},
    {ExitCode::io, "io", "the operating system refused: disk full, no permission, file-size limit",
     "make room or fix permissions, then run the same command again"},
    {ExitCode::unavailable, "unavailable",
     "a backend, runtime or device is missing or did not answer",
     "onnx-pack doctor says how to get it"},
    {ExitCode::unsupported, "unsupported", "well-formed, but this version cannot do it",
     "use a newer onnx-pack, or another form"},
    {ExitCode::differs, "differs", "diff found differences; all was read", ""},
    {ExitCode::interrupted, "interrupted",
     "stopped by Ctrl-C or SIGTERM; nothing half-written is left", "run it again"},
}};

}  // namespace

std::span<const ExitCodeInfo> exit_codes() {
  return table;
}

ExitCode exit_code_of(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::invalid_argument:
    case ErrorKind::already_exists:
      return ExitCode::usage;
    case ErrorKind::not_found:
      return ExitCode::not_found;
    case ErrorKind::corrupt:
    case ErrorKind::untrusted:
      return ExitCode::untrusted;
    case ErrorKind::unsupported:
      return ExitCode::unsupported;
    case ErrorKind::incompatible:
      return ExitCode::incompatible;
    case ErrorKind::unavailable:
      return ExitCode::unavailable;
    case ErrorKind::io:
      return ExitCode::io;
    case ErrorKind::cancelled:
      return ExitCode::interrupted;
    case ErrorKind::partial:
      return ExitCode::partial;
    case ErrorKind::internal:
      return ExitCode::internal;
  }
  return ExitCode::internal;
}

}  // namespace onnxpack::cli
