// What ONNX Runtime and its plug-ins on this machine say to compatibility texts.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "backend.h"
#include "plugin_devices.h"
#include "plugin_library.h"
#include "runtime.h"

namespace onnxpack::ort_backend {
namespace {

using protocol::RuntimeVerdict;
using target::Verdict;

bool better(Verdict one, Verdict other) {
  const auto place = [](Verdict verdict) {
    constexpr std::array order = {Verdict::optimal, Verdict::prefer_recompilation,
                                  Verdict::not_applicable, Verdict::unsupported};
    return std::ranges::find(order, verdict) - order.begin();
  };
  return place(one) < place(other);
}

// Each device is asked alone, since a session takes one: the best answer counts.
RuntimeVerdict ask(const Runtime& runtime, const OrtEnv& environment,
                   const protocol::CompatibilityQuestion& question) {
  const auto devices = plugin_devices(runtime, environment, question.ep);
  if (!devices || devices->handles.empty()) {
    return {Verdict::not_applicable, "",
            fmt::format("no device of {} is on this machine", question.ep)};
  }
  std::optional<Verdict> best;
  std::string problem;
  for (const OrtEpDevice* device : devices->handles) {
    const auto verdict = ask_device(runtime, device, question.compatibility_string);
    if (!verdict) {
      problem = verdict.error().message();
    } else if (!best || better(*verdict, *best)) {
      best = *verdict;
    }
  }
  if (!best) return {Verdict::not_applicable, "", problem};
  return {*best, "onnxruntime " + runtime.version(),
          fmt::format("asked for {} on this machine", question.ep)};
}

// Without its plug-in a question finds no device, which is the answer. What is known of QNN only is
// looked for whoever asks.
std::map<std::string, std::string> register_asked(
    const Runtime& runtime, OrtEnv& environment,
    const std::vector<protocol::CompatibilityQuestion>& questions) {
  std::map<std::string, std::string> problems;
  if (const auto plugin = find_qnn(qnn_search("", runtime.path()))) {
    (void)register_plugin(runtime, environment, qnn_provider, plugin->path, Register::real_devices);
  }
  for (const auto& question : questions) {
    const std::string& ep = question.ep;
    if (ep == qnn_provider || ep == cpu_provider || problems.contains(ep)) continue;
    const auto plugin = find_plugin(ep, "");
    const Status registered =
        plugin ? register_plugin(runtime, environment, ep, plugin->path, Register::real_devices)
               : std::unexpected(plugin.error());
    problems[ep] = registered ? "" : registered.error().message();
  }
  return problems;
}

}  // namespace

Result<std::vector<RuntimeVerdict>> OrtBackend::check(
    const std::vector<protocol::CompatibilityQuestion>& questions) {
  ONNXPACK_TRY(const Runtime runtime, Runtime::load(""));
  ONNXPACK_TRY(const auto environment, runtime.make_environment());
  auto problems = register_asked(runtime, *environment, questions);
  std::vector<RuntimeVerdict> out;
  for (const auto& question : questions) {
    RuntimeVerdict verdict = ask(runtime, *environment, question);
    if (const std::string& problem = problems[question.ep]; !problem.empty() && verdict.by.empty())
      verdict.why += ": " + problem;
    out.push_back(std::move(verdict));
  }
  return out;
}

}  // namespace onnxpack::ort_backend
