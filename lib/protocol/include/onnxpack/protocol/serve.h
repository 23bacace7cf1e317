// What a C++ backend's main() is: `int main(int argc, char** argv) { MyBackend backend; return
// protocol::serve(argc, argv, backend); }`
#pragma once

#include "onnxpack/protocol/compile.h"
#include "onnxpack/protocol/describe.h"
#include "onnxpack/protocol/event.h"
#include "onnxpack/protocol/run.h"

namespace onnxpack::protocol {

// One request per process, so no thread safety is needed. What goes wrong with model, target or
// options is an Answer (refused/failed, exit 0); a returned Error becomes an answer too:
// unsupported, incompatible and unavailable as refused, the rest as error. Exceptions derived from
// std::exception become an error answer with what() as the reason.
class Backend {
 public:
  virtual ~Backend() = default;
  virtual Result<DescribeResponse> describe() = 0;
  virtual Result<CompileResponse> compile(const CompileRequest& request, EventEmitter& events) = 0;
  // The defaults refuse with "has no verb ...". List only what is supported in
  // DescribeResponse::verbs.
  virtual Result<PlanResponse> plan(const PlanRequest& request, EventEmitter& events);
  virtual Result<RunResponse> run(const RunRequest& request, EventEmitter& events);
  virtual Result<ProbeResponse> probe(EventEmitter& events);
  // The part of `probe` that is about compatibility texts: one verdict for each question. The
  // default knows no runtime and gives none.
  virtual Result<std::vector<RuntimeVerdict>> check(
      const std::vector<CompatibilityQuestion>& questions);
};

// Reads the request, calls the backend, writes the answer under its name in one step, and returns
// the exit code: 0 when an answer was written, 2 for a wrong command line, 3 when the request
// cannot be read, 4 when the answer cannot be written. While the backend works and uses CPU time, a
// heartbeat is sent every few seconds, so a long silent compile is not taken for a hang; a deadlock
// still is.
// Before plan and compile it applies the rules of describe() to the target, so backends need not.
int serve(int argc, char** argv, Backend& backend);

}  // namespace onnxpack::protocol
