#include "onnxpack/backend/compile.h"

#include <fmt/format.h>

#include <chrono>
#include <system_error>

#include "onnxpack/base/text.h"
#include "onnxpack/io/file.h"

namespace onnxpack::backend {
namespace {

namespace fs = std::filesystem;

constexpr const char* output_name = "out";
constexpr const char* scratch_name = "scratch";

Status lay_out(const CompileCall& call) {
  auto& files = io::real_file_system();
  ONNXPACK_CHECK(files.make_directories(call.work_folder / output_name));
  ONNXPACK_CHECK(files.make_directories(call.work_folder / scratch_name));
  if (call.components_root.empty()) return {};
  fs::path link = call.work_folder / "components";
  std::error_code error;
  fs::create_directory_symlink(fs::absolute(call.components_root) / "components", link, error);
  if (error) return fail(ErrorKind::io, fmt::format("{}: {}", link.string(), error.message()));
  return {};
}

bool answered(const Outcome& outcome) {
  switch (outcome.kind) {
    case OutcomeKind::ok:
    case OutcomeKind::refused:
    case OutcomeKind::no_gain:
    case OutcomeKind::error:
      return true;
    default:
      return false;
  }
}

void break_protocol(Compiled& out, const Error& error) {
  out.outcome.kind = OutcomeKind::protocol;
  out.outcome.reason = fmt::format("its answer cannot be used: {}", error.message());
}

// Types the answer and checks the files; what is wrong with them becomes the outcome.
Status examine(const CompileCall& call, const protocol::CompileRequest& request, Compiled& out) {
  if (!answered(out.outcome)) return {};
  auto response = protocol::compile_response_from_json(json::Cursor(out.outcome.response));
  if (!response) {
    break_protocol(out, response.error());
    return {};
  }
  out.response = std::move(*response);
  if (!out.outcome.ok()) return {};
  if (auto status = check_answer(out.response, request, call.work_folder); !status) {
    break_protocol(out, status.error());
    return {};
  }
  auto files = check_outputs(out.response, call.work_folder / output_name, call.cancel);
  if (files) {
    out.files = std::move(*files);
  } else if (files.error().kind() == ErrorKind::corrupt) {
    break_protocol(out, files.error());
  } else {
    return std::unexpected(std::move(files.error()));
  }
  return {};
}

Status run(const CompileCall& call, const protocol::CompileRequest& request, Compiled& out) {
  Invocation invocation;
  invocation.backend = call.backend->program.name;
  invocation.program = call.backend->program.path;
  invocation.verb = protocol::Verb::compile;
  invocation.request = protocol::to_json(request);
  invocation.work_folder = call.work_folder;
  invocation.log_file = call.log_file;
  invocation.limits = call.limits;
  invocation.cancel = call.cancel;
  invocation.on_event = call.on_event;
  invocation.environment = call.environment;
  ONNXPACK_TRY(out.outcome, run_backend(invocation));
  return examine(call, request, out);
}

Result<bool> fetch(const CompileCall& call, Compiled& out) {
  auto begin = std::chrono::steady_clock::now();
  ONNXPACK_TRY(auto found, call.cache->fetch(out.key, call.work_folder / output_name, call.cancel));
  if (!found) return false;
  out.from_cache = true;
  out.response = std::move(found->response);
  out.files = std::move(found->files);
  out.outcome = {};
  out.outcome.backend = call.backend->program.name;
  out.outcome.verb = protocol::Verb::compile;
  out.outcome.wall = std::chrono::duration_cast<std::chrono::milliseconds>(
      std::chrono::steady_clock::now() - begin);
  return true;
}

Status run_through_cache(const CompileCall& call, const protocol::CompileRequest& request,
                         const json::Value& parts, Compiled& out) {
  ONNXPACK_TRY(bool hit, fetch(call, out));
  if (hit) return {};
  // Whoever waited for the lock most likely finds the entry then.
  ONNXPACK_TRY(auto lock, call.cache->lock(out.key, call.cancel));
  ONNXPACK_TRY(hit, fetch(call, out));
  if (hit) return {};
  ONNXPACK_CHECK(run(call, request, out));
  if (!out.outcome.ok()) return {};
  auto stored = call.cache->store(out.key, parts, protocol::to_json(out.response), out.files);
  if (!stored) {
    // The variant is good; only the next build will not find it.
    out.outcome.warnings.push_back(
        fmt::format("not kept in the build cache: {}", stored.error().message()));
  }
  return {};
}

}  // namespace

KeyParts key_parts(const CompileCall& call) {
  KeyParts out{.content = call.content,
               .backend = call.backend->program.name,
               .program_sha256 = call.backend->program_sha256,
               .versions = call.backend->description.versions,
               .request = call.request};
  out.request.output_dir = output_name;
  out.request.scratch_dir = scratch_name;
  return out;
}

Result<Compiled> compile(const CompileCall& call) {
  KeyParts parts = key_parts(call);
  const protocol::CompileRequest& request = parts.request;
  Compiled out;
  out.key = cache_key(parts);
  ONNXPACK_CHECK(lay_out(call));
  Status status = call.cache == nullptr ? run(call, request, out)
                                        : run_through_cache(call, request, to_json(parts), out);
  if (!status && status.error().kind() == ErrorKind::cancelled) {
    out.outcome.kind = OutcomeKind::cancelled;
    out.outcome.backend = call.backend->program.name;
    out.outcome.verb = protocol::Verb::compile;
    out.outcome.reason = "interrupted";
    return out;
  }
  if (!status) return std::unexpected(std::move(status.error()));
  return out;
}

}  // namespace onnxpack::backend
