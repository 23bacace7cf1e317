// Which backends there are: programs named onnx-pack-backend-NAME, and what each says of itself.
#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "onnxpack/backend/outcome.h"
#include "onnxpack/backend/supervisor.h"
#include "onnxpack/base/cancel.h"
#include "onnxpack/base/error.h"
#include "onnxpack/protocol/describe.h"

namespace onnxpack::backend {

// Where to look, best first. A name found twice is the first one's; the others are shadowed.
struct Places {
  std::filesystem::path libexec;  // the install's own; empty: none
  std::vector<std::filesystem::path>
      extra;                  // --backend-path: folders, or backend programs themselves
  std::string path_variable;  // PATH's text; relative entries are not looked at
};

struct Program {
  std::string name;
  std::filesystem::path path;  // absolute
  std::string origin;          // "libexec", "--backend-path", "PATH"
  std::vector<std::filesystem::path> shadowed;
};

struct Discovery {
  std::vector<Program> programs;  // in name order
  std::vector<std::string>
      warnings;  // a --backend-path that does not exist, a program that is not executable, ...
};
// Cost: lists the folders, starts nothing.
Discovery discover(const Places& places);

// Errors: not_found, with a suggestion and what is there.
Result<const Program*> find_program(const Discovery& discovery, std::string_view name);

// A program and its `describe`. Usable when `problem` is empty.
struct Backend {
  Program program;
  std::string program_sha256;
  protocol::DescribeResponse description;  // empty when `describe` failed
  std::string problem;  // "libvendor.so.3 was not found", or the headline of a failed describe
  std::string hint;
  bool usable() const { return problem.empty(); }
  // Why it compiles nothing here; empty where it does. A device that runs variants needs no
  // compiler, so a usable backend may have such a reason.
  std::string compile_problem() const;
  std::string compile_hint() const;
};

struct DescribeOptions {
  Limits limits{.quiet = std::chrono::seconds(30), .total = std::chrono::seconds(30)};
  const CancelFlag* cancel = nullptr;
  std::map<std::string, std::string> environment = backend_environment();
};
// Errors: cancelled, io; a broken backend is a Backend with a problem.
Result<Backend> describe(const Program& program, const DescribeOptions& options);
// All of them at once, since each is mostly start-up; in name order.
Result<std::vector<Backend>> describe_all(const Discovery& discovery,
                                          const DescribeOptions& options);

}  // namespace onnxpack::backend
