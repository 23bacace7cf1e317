#include "onnxpack/backend/discovery.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <algorithm>
#include <thread>

#include "onnxpack/base/text.h"
#include "onnxpack/crypto/digest.h"
#include "onnxpack/io/file.h"

namespace onnxpack::backend {
namespace {

namespace fs = std::filesystem;

// "iree" of "/x/onnx-pack-backend-iree"; nothing for files of another kind (editor backups, Windows
// suffixes, ...).
std::optional<std::string> backend_name(const fs::path& path) {
  std::string file = path.filename().string();
  if (!file.starts_with(protocol::program_prefix)) return std::nullopt;
  std::string name = file.substr(protocol::program_prefix.size());
  auto allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
  };
  if (name.empty() || !std::ranges::all_of(name, allowed)) return std::nullopt;
  return name;
}

class Search {
 public:
  void folder(const fs::path& path, const std::string& origin) {
    auto names = io::real_file_system().list(path);
    if (!names) return;
    for (const std::string& name : *names) {
      if (backend_name(name)) program(path / name, origin);
    }
  }

  void program(const fs::path& path, const std::string& origin) {
    std::error_code error;
    if (fs::is_directory(path, error)) return;
    if (::access(path.c_str(), X_OK) != 0) {
      warn(fmt::format("{}: not executable, not taken as a backend", path.string()));
      return;
    }
    std::string name = *backend_name(path);
    fs::path absolute = fs::absolute(path, error).lexically_normal();
    auto& programs = found_.programs;
    auto same = std::ranges::find(programs, name, &Program::name);
    if (same == programs.end()) {
      programs.push_back({.name = name, .path = absolute, .origin = origin, .shadowed = {}});
    } else if (!fs::equivalent(same->path, absolute, error) &&
               std::ranges::find(same->shadowed, absolute) == same->shadowed.end()) {
      same->shadowed.push_back(absolute);
    }
  }

  void warn(std::string text) { found_.warnings.push_back(std::move(text)); }

  Discovery take() {
    std::ranges::sort(found_.programs, {}, &Program::name);
    return std::move(found_);
  }

 private:
  Discovery found_;
};

void search_extra(Search& search, const fs::path& path) {
  std::error_code error;
  if (fs::is_directory(path, error)) return search.folder(path, "--backend-path");
  if (!fs::exists(path, error)) {
    return search.warn(fmt::format("--backend-path {}: does not exist", path.string()));
  }
  if (backend_name(path)) return search.program(path, "--backend-path");
  search.warn(fmt::format("--backend-path {}: neither a folder nor a program named {}NAME",
                          path.string(), protocol::program_prefix));
}

Result<std::string> digest_of(const fs::path& path) {
  ONNXPACK_TRY(auto file, io::real_file_system().open(path));
  ONNXPACK_TRY(auto digest, crypto::sha256_file(*file));
  return digest.hex();
}

// What the answer says, or why it cannot be believed.
void interpret(const Outcome& outcome, Backend& out) {
  auto from_outcome = [&] {
    out.problem = headline(outcome);
    out.hint = outcome.hint;
    if (out.hint.empty() && !outcome.last_lines.empty()) {
      out.hint = fmt::format("its last words: {}", outcome.last_lines.back());
    }
  };
  if (outcome.response.is(json::Kind::null)) return from_outcome();
  auto description = protocol::describe_response_from_json(json::Cursor(outcome.response));
  if (!description) {
    // A backend of another protocol is told apart from a broken one, whatever else it wrote.
    bool speaks_another = description.error().kind() == ErrorKind::unsupported;
    if (outcome.kind == OutcomeKind::protocol && !speaks_another) return from_outcome();
    out.problem = description.error().message();
    out.hint = description.error().hint();
    return;
  }
  out.description = std::move(*description);
  if (out.description.answer.status != protocol::AnswerStatus::ok) {
    from_outcome();
  } else if (out.description.name != out.program.name) {
    out.problem = fmt::format("{} calls itself \"{}\"", out.program.path.filename().string(),
                              printable(out.description.name));
    out.hint = fmt::format("rename the program to {}{}", protocol::program_prefix,
                           printable(out.description.name));
  } else if (!out.description.available) {
    out.problem = printable(out.description.reason);
    out.hint = printable(out.description.hint);
  }
}

}  // namespace

std::string Backend::compile_problem() const {
  return usable() && !description.compiles ? printable(description.reason) : problem;
}

std::string Backend::compile_hint() const {
  return usable() && !description.compiles ? printable(description.hint) : hint;
}

Discovery discover(const Places& places) {
  Search search;
  if (!places.libexec.empty()) search.folder(places.libexec, "libexec");
  for (const fs::path& path : places.extra) search_extra(search, path);
  for (std::string_view entry : split(places.path_variable, ':')) {
    // An empty or relative entry would run whatever lies in the folder one happens to stand in.
    if (entry.starts_with('/')) search.folder(fs::path(entry), "PATH");
  }
  return search.take();
}

Result<const Program*> find_program(const Discovery& discovery, std::string_view name) {
  std::vector<std::string> known;
  for (const Program& program : discovery.programs) {
    if (program.name == name) return &program;
    known.push_back(program.name);
  }
  std::string hint;
  if (auto near = did_you_mean(name, known)) {
    hint = fmt::format("did you mean {}?", *near);
  } else if (known.empty()) {
    hint = "no backend is installed; `onnx-pack backends` shows where they are looked for";
  } else {
    hint = fmt::format("there are: {}", fmt::join(known, ", "));
  }
  return fail(ErrorKind::not_found, fmt::format("no backend is named {}", printable(name)),
              std::move(hint));
}

Result<Backend> describe(const Program& program, const DescribeOptions& options) {
  Backend out;
  out.program = program;
  ONNXPACK_TRY(out.program_sha256, digest_of(program.path));
  ONNXPACK_TRY(auto work,
               io::TemporaryDirectory::create(io::real_file_system(), "onnx-pack-describe-"));
  Invocation invocation;
  invocation.backend = program.name;
  invocation.program = program.path;
  invocation.verb = protocol::Verb::describe;
  invocation.request = protocol::to_json(protocol::DescribeRequest{});
  invocation.work_folder = work.path();
  invocation.log_file = work.path() / "log.txt";
  invocation.limits = options.limits;
  invocation.cancel = options.cancel;
  invocation.environment = options.environment;
  ONNXPACK_TRY(Outcome outcome, run_backend(invocation));
  if (outcome.kind == OutcomeKind::cancelled) return fail(ErrorKind::cancelled, "interrupted");
  interpret(outcome, out);
  return out;
}

Result<std::vector<Backend>> describe_all(const Discovery& discovery,
                                          const DescribeOptions& options) {
  std::vector<Result<Backend>> answers;
  for (const Program& program : discovery.programs) {
    answers.emplace_back(Backend{
        .program = program, .program_sha256 = "", .description = {}, .problem = "", .hint = ""});
  }
  {
    std::vector<std::jthread> threads;
    for (std::size_t i = 0; i < answers.size(); ++i) {
      threads.emplace_back([&, i] { answers[i] = describe(discovery.programs[i], options); });
    }
  }
  std::vector<Backend> out;
  for (auto& answer : answers) {
    if (!answer) return std::unexpected(std::move(answer.error()));
    out.push_back(std::move(*answer));
  }
  return out;
}

}  // namespace onnxpack::backend
