#include "installed.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <future>
#include <map>

#include "onnxpack/backend/supervisor.h"
#include "onnxpack/base/text.h"
#include "onnxpack/crypto/digest.h"
#include "onnxpack/package/backends.h"
#include "onnxpack/protocol/run.h"

namespace onnxpack::package {
namespace {

constexpr std::chrono::seconds describe_limit{20};

// Where backends are looked for, first wins: the install's own, then --backend-path, then PATH.
std::vector<std::filesystem::path> search_path(const Environment& environment) {
  std::vector<std::filesystem::path> out;
  if (!environment.libexec.empty()) out.push_back(environment.libexec);
  out.insert(out.end(), environment.backend_path.begin(), environment.backend_path.end());
  auto path = environment.variables.find("PATH");
  if (path != environment.variables.end()) {
    for (std::string_view folder : split(path->second, ':')) {
      // An empty entry means the current folder to a shell; a program found there is rarely meant.
      if (!folder.empty()) out.emplace_back(folder);
    }
  }
  return out;
}

bool is_program(const std::filesystem::path& path) {
  std::error_code error;
  return std::filesystem::is_regular_file(path, error) && ::access(path.c_str(), X_OK) == 0;
}

// Name -> every program of that name, in search order.
std::map<std::string, std::vector<std::filesystem::path>> discover(const Environment& environment) {
  std::map<std::string, std::vector<std::filesystem::path>> out;
  for (const auto& folder : search_path(environment)) {
    auto names = environment.files->list(folder);
    if (!names) continue;  // PATH often names folders that do not exist
    for (const auto& file : *names) {
      if (!file.starts_with(protocol::program_prefix)) continue;
      std::string name = file.substr(protocol::program_prefix.size());
      if (name.empty() || !is_program(folder / file)) continue;
      auto& programs = out[name];
      std::error_code error;
      auto same = [&](const auto& other) { return std::filesystem::equivalent(other, folder / file, error); };
      if (std::ranges::none_of(programs, same)) programs.push_back(std::filesystem::absolute(folder / file));
    }
  }
  return out;
}

// Runs one of the verbs that need no model. Nothing is kept.
Result<backend::Outcome> ask(const Environment& environment, const InstalledBackend& program, protocol::Verb verb, json::Value request) {
  ONNXPACK_TRY(auto folder, io::TemporaryDirectory::create(*environment.files, "onnx-pack-ask-"));
  backend::Invocation invocation;
  invocation.backend = program.name;
  invocation.program = program.path;
  invocation.verb = verb;
  invocation.request = std::move(request);
  invocation.work_folder = folder.path();
  invocation.log_file = folder.path() / "log";
  invocation.limits.quiet = describe_limit;
  invocation.limits.total = describe_limit;
  invocation.cancel = environment.cancel;
  invocation.environment = backend::backend_environment();
  ONNXPACK_TRY(auto outcome, backend::run_backend(invocation));
  if (outcome.kind == backend::OutcomeKind::cancelled) return fail(ErrorKind::cancelled, "interrupted");
  return outcome;
}

Status describe(const Environment& environment, InstalledBackend& program) {
  ONNXPACK_TRY(auto file, environment.files->open(program.path));
  ONNXPACK_TRY(auto digest, crypto::sha256_file(*file, environment.cancel));
  program.program_sha256 = digest.hex();
  ONNXPACK_TRY(auto outcome, ask(environment, program, protocol::Verb::describe, protocol::to_json(protocol::DescribeRequest{})));
  if (!outcome.ok()) {
    program.problem = backend::headline(outcome);
    program.hint = outcome.hint;
    return {};
  }
  auto description = protocol::describe_response_from_json(json::Cursor(outcome.response));
  if (!description) {
    program.problem = fmt::format("its describe answer is malformed: {}", description.error().message());
    return {};
  }
  program.description = std::move(*description);
  auto version = protocol::negotiate(protocol::VersionRange{}, program.description.protocol);
  if (!version) {
    program.problem = version.error().message();
  } else if (program.description.name != program.name) {
    program.problem = fmt::format("the program is called {}, but describes itself as {}", program.name, printable(program.description.name));
  } else if (!program.description.available) {
    program.problem = program.description.reason;
    program.hint = program.description.hint;
  }
  return {};
}

BackendInfo info(const InstalledBackend& backend) {
  BackendInfo out;
  out.name = backend.name;
  out.path = backend.path.string();
  for (const auto& path : backend.shadowed) out.shadowed.push_back(path.string());
  out.usable = backend.problem.empty();
  out.problem = backend.problem;
  out.hint = backend.hint;
  const auto& description = backend.description;
  out.description = description.description;
  out.ep = description.ep;
  out.deterministic = description.deterministic;
  out.versions.assign(description.versions.begin(), description.versions.end());
  for (auto verb : description.verbs) out.verbs.emplace_back(protocol::to_string(verb));
  for (const auto& option : description.options) {
    out.options.push_back(fmt::format("{}: {} {}", option.name, option.description, json::compact(option.schema)));
  }
  for (const auto& profile : target::profiles()) {
    if (protocol::serves(description, profile).served) out.profiles.push_back(profile.name);
  }
  for (const auto& need : description.needs) out.needs.push_back({need.name, need.found, need.where, need.how});
  return out;
}

}  // namespace

Result<Installed> Installed::find(const Environment& environment) {
  Installed out;
  for (auto& [name, programs] : discover(environment)) {
    InstalledBackend& backend = out.backends_.emplace_back();
    backend.name = name;
    backend.path = programs[0];
    backend.shadowed.assign(programs.begin() + 1, programs.end());
  }
  // Side by side: each is a process start, and some load a large runtime to name its version.
  std::vector<std::future<Status>> answers;
  for (InstalledBackend& backend : out.backends_) {
    answers.push_back(std::async(std::launch::async, [&] { return describe(environment, backend); }));
  }
  Status all;
  for (auto& answer : answers) {
    if (auto status = answer.get(); !status && all) all = std::move(status);
  }
  if (!all) return std::unexpected(std::move(all.error()));
  return out;
}

const InstalledBackend* Installed::find(std::string_view name) const {
  auto found = std::ranges::find(backends_, name, &InstalledBackend::name);
  return found == backends_.end() ? nullptr : &*found;
}

Result<std::vector<BackendInfo>> list_backends(const Environment& environment) {
  ONNXPACK_TRY(auto installed, Installed::find(environment));
  std::vector<BackendInfo> out;
  for (const auto& backend : installed.all()) out.push_back(info(backend));
  return out;
}

Result<target::Target> host_target(const Environment& environment) {
  target::Target out = target::probe_host();
  ONNXPACK_TRY(auto installed, Installed::find(environment));
  for (const auto& backend : installed.all()) {
    const auto& verbs = backend.description.verbs;
    if (!backend.problem.empty() || std::ranges::find(verbs, protocol::Verb::probe) == verbs.end()) continue;
    ONNXPACK_TRY(auto outcome, ask(environment, backend, protocol::Verb::probe, protocol::to_json(protocol::ProbeRequest{})));
    if (!outcome.ok()) {
      environment.watcher->warning(fmt::format("{}; its facts are missing from the host's", backend::headline(outcome)));
      continue;
    }
    auto probe = protocol::probe_response_from_json(json::Cursor(outcome.response));
    if (!probe) {
      environment.watcher->warning(fmt::format("backend {}: malformed probe answer: {}", backend.name, probe.error().message()));
      continue;
    }
    target::merge_facts(out.facts, probe->facts);
  }
  return out;
}

}  // namespace onnxpack::package
