// What the answers of both kinds of compile share: graphs for CPUs and blobs of plug-in providers.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "onnxpack/protocol/compile.h"
#include "session.h"

namespace onnxpack::ort_backend {

inline constexpr const char* whole_graph = "model";

// Refusal unless the whole graph is among the scopes asked for.
std::optional<protocol::Answer> refuse_parts(const std::vector<protocol::ScopeInput>& scopes);
const protocol::ScopeInput& whole_scope(const std::vector<protocol::ScopeInput>& scopes);

// Errors: invalid_argument for a dimension that no input has, with a suggestion.
Status check_free_dimensions(ByteView model, const std::map<std::string, std::int64_t>& wanted);

std::vector<protocol::Port> descriptions(const std::vector<Port>& ports);
// Inputs whose every dimension is known.
protocol::Shapes known_shapes(const std::vector<Port>& inputs);
// What the least precise floating output can hold: ORT computes CPU graphs in the types they are
// written in.
std::string precision_of(const std::vector<Port>& outputs);

}  // namespace onnxpack::ort_backend
