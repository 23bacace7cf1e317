#include "onnxpack/package/runtime_check.h"

#include <map>

#include <fmt/format.h>

#include "installed.h"

namespace onnxpack::package {
namespace {

using protocol::CompatibilityQuestion;

// Verdicts of one backend, or why there are none.
struct Asked {
  std::vector<protocol::RuntimeVerdict> verdicts;
  std::string problem;
};

Result<Asked> ask(const Environment& environment, const Installed& installed,
                  const std::string& name, const std::vector<CompatibilityQuestion>& questions) {
  const InstalledBackend* backend = installed.find(name);
  if (backend == nullptr) return Asked{{}, fmt::format("backend {} is not installed", name)};
  if (!backend->problem.empty()) return Asked{{}, backend->problem};
  ONNXPACK_TRY(auto outcome, probe(environment, backend->program, questions));
  if (!outcome.ok()) return Asked{{}, backend::headline(outcome)};
  auto answer = protocol::probe_response_from_json(json::Cursor(outcome.response));
  if (!answer) return Asked{{}, answer.error().message()};
  if (answer->verdicts.size() != questions.size())
    return Asked{{}, fmt::format("backend {} asks no runtime", name)};
  return Asked{std::move(answer->verdicts), ""};
}

}  // namespace

bool RuntimeCheck::agrees() const {
  using target::Verdict;
  return !theirs || *theirs == ours.verdict || *theirs == Verdict::not_applicable ||
         ours.verdict == Verdict::not_applicable;
}

Result<std::vector<RuntimeCheck>> check_runtimes(const Environment& environment,
                                                 const manifest::Manifest& manifest,
                                                 const target::Target& host) {
  ONNXPACK_TRY(auto installed, Installed::find(environment));
  std::vector<RuntimeCheck> out;
  std::map<std::string, std::vector<std::size_t>> by_backend;
  std::map<std::string, std::vector<CompatibilityQuestion>> questions;
  for (const auto& variant : manifest.variants) {
    if (variant.compatibility_string.empty()) continue;
    by_backend[variant.backend].push_back(out.size());
    questions[variant.backend].push_back({variant.ep, variant.compatibility_string});
    out.push_back({variant.name, variant.ep,
                   target::validate_compatibility(variant.ep, variant.compatibility_string, host),
                   std::nullopt, "", ""});
  }
  for (const auto& [backend, places] : by_backend) {
    ONNXPACK_TRY(auto asked, ask(environment, installed, backend, questions[backend]));
    for (std::size_t i = 0; i < places.size(); ++i) {
      RuntimeCheck& check = out[places[i]];
      check.why = asked.problem;
      if (asked.verdicts.empty()) continue;
      const auto& verdict = asked.verdicts[i];
      check.by = verdict.by;
      check.why = verdict.why;
      if (!verdict.by.empty()) check.theirs = verdict.verdict;
    }
  }
  return out;
}

}  // namespace onnxpack::package
