// Reading the runtime's graphs.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "program.h"
#include "runtime.h"

namespace test_ep {

OrtStatus* names_of(const std::vector<const OrtValueInfo*>& values, std::vector<std::string>& out);
OrtStatus* nodes_of(const OrtGraph* graph, std::vector<const OrtNode*>& out);
OrtStatus* inputs_of(const OrtNode* node, std::vector<const OrtValueInfo*>& out);
OrtStatus* outputs_of(const OrtNode* node, std::vector<const OrtValueInfo*>& out);

std::string type_of(const OrtNode* node);
// "" where the node has no such attribute.
OrtStatus* text_attribute(const OrtNode* node, const char* name, std::string& out);

// Requires: a tensor of floats.
OrtStatus* read_tensor(const OrtValue* value, Tensor& out);
OrtStatus* is_float(const OrtValueInfo* value, bool& out);
// Those of the node's inputs that are constant, by name.
OrtStatus* constants_of(const OrtNode* node, std::map<std::string, Tensor>& out);

}  // namespace test_ep
