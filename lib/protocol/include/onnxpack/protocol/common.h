// What several verbs share: the outcome every answer starts with, models, scopes, ports.
//
// All paths on the wire are relative to the work folder (the backend's current directory), use '/',
// and never contain "..".
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "onnxpack/base/error.h"
#include "onnxpack/json/cursor.h"
#include "onnxpack/json/value.h"
#include "onnxpack/protocol/version.h"

namespace onnxpack::protocol {

// How a request ended, as far as the backend can tell. Crashes and the like are the host's to say
// (backend/outcome.h).
enum class AnswerStatus : std::uint8_t {
  ok,
  refused,  // expected: this backend cannot do this model or target (an operator, a dynamic shape);
            // nothing is broken
  error,    // the compiler or runtime said no, or something is missing
  no_gain,  // compile only: it could, but the original graph serves this target as well, so there
            // is nothing to ship and nothing is lost
};
std::string_view to_string(AnswerStatus status);

struct Answer {
  AnswerStatus status = AnswerStatus::ok;
  std::string reason;  // required unless ok: one line that names operator, node, option, ...
  std::string hint;    // what would make it work: an option, a shape, an install command
  std::string stage;   // where it ended: "prepare", "import", "compile", ...
  bool operator==(const Answer&) const = default;
};
inline Answer refused(std::string reason, std::string hint = "", std::string stage = "") {
  return {AnswerStatus::refused, std::move(reason), std::move(hint), std::move(stage)};
}
inline Answer no_gain(std::string reason, std::string hint = "") {
  return {AnswerStatus::no_gain, std::move(reason), std::move(hint), ""};
}
inline Answer failed(std::string reason, std::string hint = "", std::string stage = "") {
  return {AnswerStatus::error, std::move(reason), std::move(hint), std::move(stage)};
}

// A dimension is a number, a symbolic name, or unknown (both empty). Wire form: 1, "batch", null.
struct Dimension {
  std::optional<std::int64_t> value;
  std::string name;
  bool operator==(const Dimension&) const = default;
};

// A boundary value of a partition as the blob sees it.
struct Port {
  std::string name;
  std::string type;                             // "tensor(float)", as ONNX spells it
  std::optional<std::vector<Dimension>> shape;  // absent: rank unknown
  std::string layout;                           // "" is the graph's own; "NHWC", ...
  bool operator==(const Port&) const = default;
};
json::Value to_json(const Port& port);
Result<Port> port_from_json(const json::Cursor& cursor);

// The model of a request, laid out as in the package: components/<name>/model.onnx with its
// external data files beside it. Nodes are annotated with their scopes (docs/scope-metadata.md).
struct ComponentInput {
  std::string name;             // "model"
  std::string model;            // "components/model/model.onnx"
  std::string original_sha256;  // of the model file as the user gave it
  bool operator==(const ComponentInput&) const = default;
};

// A scope to compile. The whole graph is the scope "model".
struct ScopeInput {
  std::string name;
  std::uint64_t node_count = 0;
  std::vector<std::string> inputs;  // boundary values in graph order
  std::vector<std::string> outputs;
  std::vector<std::string> node_outputs;  // first output of each node; empty for the whole graph
  bool operator==(const ScopeInput&) const = default;
};

using Shapes = std::map<std::string, std::vector<std::int64_t>>;  // input -> shape
using Versions = std::map<std::string, std::string>;              // tool -> version

}  // namespace onnxpack::protocol
