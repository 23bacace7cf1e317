#include "onnxpack/backend/outcome.h"

#include <array>

#include <fmt/format.h>

namespace onnxpack::backend {
namespace {

struct Words {
  std::string_view name;
  std::string_view phrase;  // "<backend> <verb> <phrase>: <reason>"
};
constexpr std::array<Words, 12> words = {{
    {"ok", "done"},
    {"refused", "refused"},
    {"no-gain", "found no gain"},
    {"error", "failed"},
    {"crash", "crashed"},
    {"hang", "hung"},
    {"timeout", "timed out"},
    {"memory", "used too much memory"},
    {"file-size", "wrote too much"},
    {"protocol", "broke the protocol"},
    {"not-started", "did not start"},
    {"cancelled", "cancelled"},
}};
const Words& words_of(OutcomeKind kind) {
  return words[static_cast<std::size_t>(kind)];
}

}  // namespace

std::string_view to_string(OutcomeKind kind) {
  return words_of(kind).name;
}

std::string headline(const Outcome& outcome) {
  std::string out = fmt::format("{} {} {}", outcome.backend, protocol::to_string(outcome.verb),
                                words_of(outcome.kind).phrase);
  if (!outcome.reason.empty()) out += fmt::format(": {}", outcome.reason);
  if (!outcome.stage.empty()) out += fmt::format(" in stage \"{}\"", outcome.stage);
  return out;
}

std::string to_text(const Outcome& outcome) {
  std::string out = headline(outcome);
  if (!outcome.hint.empty()) out += fmt::format("\n  hint: {}", outcome.hint);
  if (!outcome.last_lines.empty()) {
    out += fmt::format("\n  log: {}", outcome.log.string());
    for (const std::string& line : outcome.last_lines) out += fmt::format("\n  | {}", line);
  }
  return out;
}

}  // namespace onnxpack::backend
