// Ctrl-C and SIGTERM: the first asks politely, the second leaves at once.
#pragma once

#include "onnxpack/base/cancel.h"

namespace onnxpack::cli {

// While this lives: SIGINT and SIGTERM set `flag`; a second one ends the process with 130 (backends
// die with it: the guardian that started them sees to that). SIGPIPE and SIGXFSZ are ignored, so
// that a closed pipe and a file-size limit are errors of a write and no sudden end. Restores what
// was there. One at a time. `say_so`: tell the terminal that a second Ctrl-C leaves at once.
enum class SaySo { no, yes };
class SignalGuard {
 public:
  SignalGuard(CancelFlag& flag, SaySo say_so);
  ~SignalGuard();
  SignalGuard(const SignalGuard&) = delete;
  SignalGuard& operator=(const SignalGuard&) = delete;

 private:
  struct Saved;
  Saved* saved_;
};

}  // namespace onnxpack::cli
