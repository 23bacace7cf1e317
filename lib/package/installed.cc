#include "installed.h"

#include <fmt/format.h>

#include <algorithm>
#include <future>

#include "onnxpack/backend/supervisor.h"
#include "onnxpack/base/text.h"
#include "onnxpack/package/backends.h"
#include "onnxpack/protocol/run.h"
#include "probe_cache.h"

namespace onnxpack::package {
namespace {

constexpr std::chrono::seconds ask_limit{30};

backend::Places places(const Environment& environment) {
  auto path = environment.variables.find("PATH");
  return {environment.libexec, environment.backend_path,
          path == environment.variables.end() ? "" : path->second};
}

}  // namespace

Result<backend::Outcome> probe(const Environment& environment, const backend::Program& program,
                               const std::vector<protocol::CompatibilityQuestion>& questions) {
  ONNXPACK_TRY(auto folder, io::TemporaryDirectory::create(*environment.files, "onnx-pack-probe-"));
  backend::Invocation invocation;
  invocation.backend = program.name;
  invocation.program = program.path;
  invocation.verb = protocol::Verb::probe;
  invocation.request = protocol::to_json(protocol::ProbeRequest{.compatibility = questions});
  invocation.work_folder = folder.path();
  invocation.log_file = folder.path() / "log";
  invocation.limits.quiet = ask_limit;
  invocation.limits.total = ask_limit;
  invocation.cancel = environment.cancel;
  invocation.environment = backend::backend_environment();
  ONNXPACK_TRY(auto outcome, backend::run_backend(invocation));
  if (outcome.kind == backend::OutcomeKind::cancelled)
    return fail(ErrorKind::cancelled, "interrupted");
  return outcome;
}

namespace {

BackendInfo info(const InstalledBackend& backend) {
  BackendInfo out;
  out.name = backend.program.name;
  out.path = backend.program.path.string();
  for (const auto& path : backend.program.shadowed) out.shadowed.push_back(path.string());
  out.usable = backend.usable();
  out.problem = backend.compile_problem();
  out.compiles = out.problem.empty();
  out.hint = backend.compile_hint();
  const auto& description = backend.description;
  out.description = description.description;
  out.ep = description.ep;
  out.deterministic = description.deterministic;
  out.versions.assign(description.versions.begin(), description.versions.end());
  for (auto verb : description.verbs) out.verbs.emplace_back(protocol::to_string(verb));
  for (const auto& option : description.options) {
    out.options.push_back(
        fmt::format("{}: {} {}", option.name, option.description, json::compact(option.schema)));
  }
  for (const auto& profile : target::profiles()) {
    // What a broken one would serve is worth knowing; of one that only runs it would mislead.
    bool would = out.compiles || !out.usable;
    if (would && protocol::serves(description, profile).served)
      out.profiles.push_back(profile.name);
  }
  for (const auto& need : description.needs)
    out.needs.push_back({need.name, need.found, need.where, need.how});
  return out;
}

}  // namespace

Result<Installed> Installed::find(const Environment& environment) {
  backend::Discovery discovery = backend::discover(places(environment));
  for (const auto& warning : discovery.warnings) environment.watcher->warning(warning);
  backend::DescribeOptions options;
  options.cancel = environment.cancel;
  Installed out;
  ONNXPACK_TRY(out.backends_, backend::describe_all(discovery, options));
  return out;
}

const InstalledBackend* Installed::find(std::string_view name) const {
  auto found = std::ranges::find_if(
      backends_, [&](const auto& backend) { return backend.program.name == name; });
  return found == backends_.end() ? nullptr : &*found;
}

Result<std::vector<BackendInfo>> list_backends(const Environment& environment) {
  ONNXPACK_TRY(auto installed, Installed::find(environment));
  std::vector<BackendInfo> out;
  for (const auto& backend : installed.all()) out.push_back(info(backend));
  return out;
}

namespace {

// What one backend adds to the facts of this machine. A broken or silent one adds nothing and is
// said.
Result<target::Facts> ask_for_facts(const Environment& environment,
                                    const backend::Program& program) {
  ONNXPACK_TRY(auto outcome, probe(environment, program));
  // A backend without the verb refuses, which is an answer.
  if (outcome.kind == backend::OutcomeKind::refused || outcome.kind == backend::OutcomeKind::error)
    return target::Facts();
  if (!outcome.ok()) {
    environment.watcher->warning(
        fmt::format("{}; its facts are missing from the host's", backend::headline(outcome)));
    return target::Facts();
  }
  auto answer = protocol::probe_response_from_json(json::Cursor(outcome.response));
  if (!answer) {
    environment.watcher->warning(fmt::format("backend {}: malformed probe answer: {}", program.name,
                                             answer.error().message()));
    return target::Facts();
  }
  return std::move(answer->facts);
}

Result<target::Facts> probed_facts(const Environment& environment, const backend::Program& program,
                                   Probes probes) {
  ProbeCache cache(environment);
  if (probes == Probes::recent) {
    if (auto facts = cache.find(program)) return std::move(*facts);
  }
  ONNXPACK_TRY(auto facts, ask_for_facts(environment, program));
  cache.keep(program, facts);
  return facts;
}

}  // namespace

Result<target::Target> host_target(const Environment& environment, Probes probes) {
  target::Target out = target::probe_host();
  // Without `describe` first, and all at once: each costs a process start, and a person waits for
  // the answer.
  backend::Discovery discovery = backend::discover(places(environment));
  std::vector<std::future<Result<target::Facts>>> answers;
  for (const auto& program : discovery.programs) {
    answers.push_back(
        std::async(std::launch::async, [&] { return probed_facts(environment, program, probes); }));
  }
  Status all;
  for (auto& answer : answers) {
    auto facts = answer.get();
    if (facts) {
      target::merge_facts(out.facts, *facts);
    } else if (all) {
      all = std::unexpected(std::move(facts.error()));
    }
  }
  if (!all) return std::unexpected(std::move(all.error()));
  return out;
}

}  // namespace onnxpack::package
