// Nodes in bodies of If, Loop and Scan that use values of the main graph.
#pragma once

#include <onnx/onnx_pb.h>

#include <functional>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace onnxpack::transform {

// Names that the body, or one around it, defines itself: they hide those of the main graph.
using Hidden = std::set<std::string>;

// Calls `look` for every node in the bodies of `node`, and in bodies of those, and `gives` for
// names that a body gives out.
void visit_bodies(const onnx::NodeProto& node,
                  const std::function<void(const onnx::NodeProto&, const Hidden&)>& look,
                  const std::function<void(const std::string&, const Hidden&)>& gives);

// Puts what `replace` gives for a node in its place; nothing leaves it.
using ReplaceNode = std::function<std::optional<std::vector<onnx::NodeProto>>(
    const onnx::NodeProto&, const Hidden&)>;
void rewrite_bodies(onnx::NodeProto& node, const ReplaceNode& replace);

}  // namespace onnxpack::transform
