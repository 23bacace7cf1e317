// The provider of one session: claims rows of nodes, compiles them, or loads what was compiled.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "program.h"
#include "runtime.h"

namespace test_ep {

struct Provider : OrtEp {
  std::string chip;
  std::string operators;
  bool writes_contexts = false;
  bool embeds = false;
  std::filesystem::path context_path;
  std::string compatibility;
  int contexts = 0;

  Provider(const OrtSessionOptions* options, std::string of);

  // Rows of nodes that follow each other in topological order; a body of If or Loop is left alone.
  OrtStatus* claim(const OrtGraph* graph, OrtEpGraphSupportInfo* support) const;
  OrtStatus* compile(const OrtGraph* graph, const OrtNode* fused, OrtNodeComputeInfo*& info,
                     OrtNode*& context_node);

 private:
  OrtStatus* takes(const OrtNode* node, bool& out) const;
  OrtStatus* translate(const std::vector<const OrtNode*>& nodes, Program& program) const;
  OrtStatus* load_context(const OrtGraph* graph, const OrtNode* node, Program& program) const;
  OrtStatus* write_context(const OrtNode* fused, const Program& program, OrtNode*& node);
};

}  // namespace test_ep
