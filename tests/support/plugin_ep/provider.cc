#include "provider.h"

#include <cstring>
#include <fstream>
#include <iterator>
#include <memory>
#include <utility>

#include "compiled.h"
#include "graph.h"

namespace test_ep {
namespace {

std::string entry(const OrtSessionOptions* options, const std::string& key) {
  size_t size = 0;
  int exists = 0;
  if (OrtStatus* status = ort->HasSessionConfigEntry(options, key.c_str(), &exists))
    ort->ReleaseStatus(status);
  if (exists == 0) return "";
  if (OrtStatus* status = ort->GetSessionConfigEntry(options, key.c_str(), nullptr, &size))
    ort->ReleaseStatus(status);
  std::string out(size, '\0');
  if (OrtStatus* status = ort->GetSessionConfigEntry(options, key.c_str(), out.data(), &size))
    ort->ReleaseStatus(status);
  return out.c_str();
}

}  // namespace

Provider::Provider(const OrtSessionOptions* options, std::string of)
    : OrtEp{}, chip(std::move(of)) {
  operators = entry(options, "ep.testexecutionprovider.operators");
  if (operators.empty()) operators = "Add,Relu";
  writes_contexts = entry(options, "ep.context_enable") == "1";
  embeds = entry(options, "ep.context_embed_mode") == "1";
  context_path = entry(options, "ep.context_file_path");
  compatibility = "test-ep/1;chip=" + chip;
  ort_version_supported = ORT_API_VERSION;
  GetName = [](const OrtEp*) noexcept { return ep_name; };
  GetCapability = [](OrtEp* self, const OrtGraph* graph, OrtEpGraphSupportInfo* support) noexcept {
    return static_cast<Provider*>(self)->claim(graph, support);
  };
  Compile = [](OrtEp* self, const OrtGraph** graphs, const OrtNode** fused, size_t count,
               OrtNodeComputeInfo** infos, OrtNode** context_nodes) noexcept -> OrtStatus* {
    for (size_t i = 0; i < count; ++i) {
      RETURN_IF(
          static_cast<Provider*>(self)->compile(graphs[i], fused[i], infos[i], context_nodes[i]));
    }
    return nullptr;
  };
  ReleaseNodeComputeInfos = [](OrtEp*, OrtNodeComputeInfo** infos, size_t count) noexcept {
    for (size_t i = 0; i < count; ++i) delete static_cast<Compiled*>(infos[i]);
  };
  GetCompiledModelCompatibilityInfo = [](OrtEp* self, const OrtGraph*) noexcept {
    return static_cast<Provider*>(self)->compatibility.c_str();
  };
}

OrtStatus* Provider::takes(const OrtNode* node, bool& out) const {
  out = ("," + operators + ",").find("," + type_of(node) + ",") != std::string::npos;
  if (!out) return nullptr;
  std::vector<const OrtValueInfo*> values;
  RETURN_IF(outputs_of(node, values));
  return is_float(values.at(0), out);
}

OrtStatus* Provider::claim(const OrtGraph* graph, OrtEpGraphSupportInfo* support) const {
  const OrtNode* parent = nullptr;
  RETURN_IF(ort->Graph_GetParentNode(graph, &parent));
  if (parent != nullptr) return nullptr;
  std::vector<const OrtNode*> nodes;
  RETURN_IF(nodes_of(graph, nodes));
  OrtNodeFusionOptions fusion = {};
  fusion.ort_version_supported = ORT_API_VERSION;
  fusion.drop_constant_initializers = true;
  std::vector<const OrtNode*> row;
  const auto flush = [&]() -> OrtStatus* {
    if (row.empty()) return nullptr;
    const auto done = std::exchange(row, {});
    return ep_api->EpGraphSupportInfo_AddNodesToFuse(support, done.data(), done.size(), &fusion);
  };
  for (const OrtNode* node : nodes) {
    std::string source;
    const bool is_context = type_of(node) == "EPContext";
    if (is_context) RETURN_IF(text_attribute(node, "source", source));
    bool taken = source == ep_name;
    if (!is_context) RETURN_IF(takes(node, taken));
    if (is_context || !taken) RETURN_IF(flush());
    if (taken) row.push_back(node);
    if (is_context) RETURN_IF(flush());
  }
  return flush();
}

OrtStatus* Provider::compile(const OrtGraph* graph, const OrtNode* fused, OrtNodeComputeInfo*& info,
                             OrtNode*& context_node) {
  std::vector<const OrtNode*> nodes;
  RETURN_IF(nodes_of(graph, nodes));
  Program program;
  const bool load = type_of(nodes.at(0)) == "EPContext";
  RETURN_IF(load ? load_context(graph, nodes[0], program) : translate(nodes, program));
  std::vector<const OrtValueInfo*> values;
  RETURN_IF(inputs_of(fused, values));
  RETURN_IF(names_of(values, program.inputs));
  RETURN_IF(outputs_of(fused, values));
  RETURN_IF(names_of(values, program.outputs));
  if (writes_contexts && !load) RETURN_IF(write_context(fused, program, context_node));
  info = std::make_unique<Compiled>(std::move(program)).release();
  return nullptr;
}

OrtStatus* Provider::translate(const std::vector<const OrtNode*>& nodes, Program& program) const {
  program.chip = chip;
  for (const OrtNode* node : nodes) {
    Step& step = program.steps.emplace_back();
    step.op = type_of(node);
    std::vector<const OrtValueInfo*> values;
    std::vector<std::string> outputs;
    RETURN_IF(inputs_of(node, values));
    RETURN_IF(names_of(values, step.inputs));
    RETURN_IF(outputs_of(node, values));
    RETURN_IF(names_of(values, outputs));
    step.output = outputs.at(0);
    RETURN_IF(constants_of(node, program.constants));
  }
  return nullptr;
}

OrtStatus* Provider::load_context(const OrtGraph* graph, const OrtNode* node,
                                  Program& program) const {
  std::string content;
  RETURN_IF(text_attribute(node, "ep_cache_context", content));
  if (content.starts_with("chip ")) {
    program = from_text(content);
    return nullptr;
  }
  const ORTCHAR_T* model = nullptr;
  RETURN_IF(ort->Graph_GetModelPath(graph, &model));
  const auto path = std::filesystem::path(model).parent_path() / content;
  std::ifstream file(path);
  if (!file) return problem("no blob " + path.string());
  program = from_text(std::string(std::istreambuf_iterator<char>(file), {}));
  return nullptr;
}

OrtStatus* Provider::write_context(const OrtNode* fused, const Program& program, OrtNode*& node) {
  std::string content = to_text(program);
  if (!embeds) {
    const std::string name =
        context_path.stem().string() + "_test_" + std::to_string(contexts++) + ".bin";
    std::ofstream(context_path.parent_path() / name) << content;
    content = name;
  }
  const int64_t embed_mode = embeds ? 1 : 0;
  const int64_t main_context = 1;
  struct Attribute {
    const char* name;
    const void* data;
    int size;
    OrtOpAttrType type;
  };
  const Attribute attributes[] = {
      {"embed_mode", &embed_mode, 1, ORT_OP_ATTR_INT},
      {"main_context", &main_context, 1, ORT_OP_ATTR_INT},
      {"source", ep_name, static_cast<int>(std::strlen(ep_name)), ORT_OP_ATTR_STRING},
      {"ep_cache_context", content.data(), static_cast<int>(content.size()), ORT_OP_ATTR_STRING}};
  std::vector<OrtOpAttr*> made;
  for (const auto& [name, data, size, type] : attributes)
    RETURN_IF(ort->CreateOpAttr(name, data, size, type, &made.emplace_back()));
  std::vector<const char*> inputs;
  std::vector<const char*> outputs;
  for (const std::string& name : program.inputs) inputs.push_back(name.c_str());
  for (const std::string& name : program.outputs) outputs.push_back(name.c_str());
  const char* name = nullptr;
  RETURN_IF(ort->Node_GetName(fused, &name));
  // The node takes the attributes over.
  return ort->GetModelEditorApi()->CreateNode("EPContext", "com.microsoft", name, inputs.data(),
                                              inputs.size(), outputs.data(), outputs.size(),
                                              made.data(), made.size(), &node);
}

}  // namespace test_ep
