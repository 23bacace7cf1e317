// A plug-in execution provider for tests. It compiles Add and Relu on floats, for chips that do not
// exist, into blobs that are a few lines of text; and it runs those for chip a1, on the CPU.
//
// Registered plainly it offers the device chip=a1. Under a name that ends in ".virtual", ONNX
// Runtime's sign that devices are wanted which are not here, it also offers b2 and c3, those first.
// Provider option "operators" ("Add,Relu") says what it takes.
#include <onnxruntime_c_api.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

namespace {

const OrtApi* ort = nullptr;
const OrtEpApi* ep_api = nullptr;
constexpr const char* ep_name = "TestExecutionProvider";
constexpr const char* real_chip = "a1";

#define RETURN_IF(expression)                                    \
  do {                                                           \
    if (OrtStatus* status_ = (expression); status_ != nullptr) { \
      return status_;                                            \
    }                                                            \
  } while (false)

OrtStatus* problem(const std::string& text) {
  return ort->CreateStatus(ORT_EP_FAIL, text.c_str());
}

struct Tensor {
  std::vector<int64_t> shape;
  std::vector<float> values;
};

// What a blob says: constants, then operators in order.
struct Step {
  std::string op;
  std::vector<std::string> inputs;
  std::string output;
};
struct Program {
  std::string chip;
  std::map<std::string, Tensor> constants;
  std::vector<Step> steps;
  std::vector<std::string> inputs;  // of the fused node, in order
  std::vector<std::string> outputs;
};

std::string to_text(const Program& program) {
  std::ostringstream out;
  out.precision(9);
  out << "chip " << program.chip << '\n';
  for (const auto& [name, value] : program.constants) {
    out << "constant " << name << ' ' << value.shape.size();
    for (const int64_t size : value.shape) out << ' ' << size;
    for (const float element : value.values) out << ' ' << element;
    out << '\n';
  }
  for (const Step& step : program.steps) {
    out << "step " << step.op << ' ' << step.output;
    for (const std::string& input : step.inputs) out << ' ' << input;
    out << '\n';
  }
  return out.str();
}

Tensor read_constant(std::istringstream& words) {
  Tensor out;
  size_t rank = 0;
  words >> rank;
  out.shape.resize(rank);
  for (int64_t& size : out.shape) words >> size;
  for (float element = 0; words >> element;) out.values.push_back(element);
  return out;
}

Program from_text(const std::string& text) {
  Program out;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::string kind;
    std::string name;
    words >> kind >> name;
    if (kind == "chip") out.chip = name;
    if (kind == "constant") out.constants[name] = read_constant(words);
    if (kind != "step") continue;
    Step& step = out.steps.emplace_back();
    step.op = name;
    words >> step.output;
    for (std::string input; words >> input;) step.inputs.push_back(input);
  }
  return out;
}

Tensor compute(const Step& step, const std::map<std::string, Tensor>& values) {
  const Tensor& first = values.at(step.inputs.at(0));
  Tensor out = first;
  if (step.op == "Relu") {
    for (float& value : out.values) value = std::max(value, 0.0F);
    return out;
  }
  const Tensor& second = values.at(step.inputs.at(1));
  if (second.values.size() > out.values.size()) out = second;
  for (size_t i = 0; i < out.values.size(); ++i)
    out.values[i] = first.values[i % first.values.size()] + second.values[i % second.values.size()];
  return out;
}

// ---- reading ONNX Runtime's graphs ----

OrtStatus* names_of(const std::vector<const OrtValueInfo*>& values, std::vector<std::string>& out) {
  for (const OrtValueInfo* value : values) {
    const char* name = nullptr;
    RETURN_IF(ort->GetValueInfoName(value, &name));
    out.emplace_back(name);
  }
  return nullptr;
}

OrtStatus* nodes_of(const OrtGraph* graph, std::vector<const OrtNode*>& out) {
  size_t count = 0;
  RETURN_IF(ort->Graph_GetNumNodes(graph, &count));
  out.resize(count);
  return ort->Graph_GetNodes(graph, out.data(), count);
}

OrtStatus* inputs_of(const OrtNode* node, std::vector<const OrtValueInfo*>& out) {
  size_t count = 0;
  RETURN_IF(ort->Node_GetNumInputs(node, &count));
  out.resize(count);
  return ort->Node_GetInputs(node, out.data(), count);
}

OrtStatus* outputs_of(const OrtNode* node, std::vector<const OrtValueInfo*>& out) {
  size_t count = 0;
  RETURN_IF(ort->Node_GetNumOutputs(node, &count));
  out.resize(count);
  return ort->Node_GetOutputs(node, out.data(), count);
}

std::string type_of(const OrtNode* node) {
  const char* type = "";
  if (OrtStatus* status = ort->Node_GetOperatorType(node, &type)) ort->ReleaseStatus(status);
  return type;
}

OrtStatus* text_attribute(const OrtNode* node, const char* name, std::string& out) {
  const OrtOpAttr* attribute = nullptr;
  RETURN_IF(ort->Node_GetAttributeByName(node, name, &attribute));
  if (attribute == nullptr) return nullptr;
  size_t size = 0;
  if (OrtStatus* asked = ort->ReadOpAttr(attribute, ORT_OP_ATTR_STRING, nullptr, 0, &size))
    ort->ReleaseStatus(asked);  // it says "too small" with the size
  out.resize(size);
  RETURN_IF(ort->ReadOpAttr(attribute, ORT_OP_ATTR_STRING, out.data(), size, &size));
  out.resize(std::strlen(out.c_str()));
  return nullptr;
}

OrtStatus* read_tensor(const OrtValue* value, Tensor& out) {
  OrtTensorTypeAndShapeInfo* info = nullptr;
  RETURN_IF(ort->GetTensorTypeAndShape(value, &info));
  size_t rank = 0;
  size_t count = 0;
  OrtStatus* status = ort->GetDimensionsCount(info, &rank);
  out.shape.resize(rank);
  if (status == nullptr) status = ort->GetDimensions(info, out.shape.data(), rank);
  if (status == nullptr) status = ort->GetTensorShapeElementCount(info, &count);
  ort->ReleaseTensorTypeAndShapeInfo(info);
  RETURN_IF(status);
  const void* data = nullptr;
  RETURN_IF(ort->GetTensorData(value, &data));
  const auto* floats = static_cast<const float*>(data);
  out.values.assign(floats, floats + count);
  return nullptr;
}

OrtStatus* is_float(const OrtValueInfo* value, bool& out) {
  const OrtTypeInfo* type = nullptr;
  RETURN_IF(ort->GetValueInfoTypeInfo(value, &type));
  const OrtTensorTypeAndShapeInfo* tensor = nullptr;
  RETURN_IF(ort->CastTypeInfoToTensorInfo(type, &tensor));
  ONNXTensorElementDataType element = ONNX_TENSOR_ELEMENT_DATA_TYPE_UNDEFINED;
  if (tensor != nullptr) RETURN_IF(ort->GetTensorElementType(tensor, &element));
  out = element == ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT;
  return nullptr;
}

OrtStatus* constants_of(const OrtNode* node, std::map<std::string, Tensor>& out) {
  std::vector<const OrtValueInfo*> inputs;
  RETURN_IF(inputs_of(node, inputs));
  for (const OrtValueInfo* input : inputs) {
    bool constant = false;
    RETURN_IF(ort->ValueInfo_IsConstantInitializer(input, &constant));
    if (!constant) continue;
    const OrtValue* value = nullptr;
    RETURN_IF(ort->ValueInfo_GetInitializerValue(input, &value));
    const char* name = nullptr;
    RETURN_IF(ort->GetValueInfoName(input, &name));
    RETURN_IF(read_tensor(value, out[name]));
  }
  return nullptr;
}

// ---- the provider ----

struct Compiled : OrtNodeComputeInfo {
  Program program;

  explicit Compiled(Program of) : OrtNodeComputeInfo{}, program(std::move(of)) {
    ort_version_supported = ORT_API_VERSION;
    CreateState = [](OrtNodeComputeInfo* self, OrtNodeComputeContext*,
                     void** state) noexcept -> OrtStatus* {
      *state = self;
      return nullptr;
    };
    Compute = [](OrtNodeComputeInfo* self, void*, OrtKernelContext* context) noexcept {
      return static_cast<Compiled*>(self)->run(context);
    };
    ReleaseState = [](OrtNodeComputeInfo*, void*) noexcept {};
  }

  OrtStatus* run(OrtKernelContext* context) const {
    if (program.chip != real_chip) return problem("made for chip " + program.chip);
    std::map<std::string, Tensor> values = program.constants;
    for (size_t i = 0; i < program.inputs.size(); ++i) {
      const OrtValue* input = nullptr;
      RETURN_IF(ort->KernelContext_GetInput(context, i, &input));
      if (!program.constants.contains(program.inputs[i]))
        RETURN_IF(read_tensor(input, values[program.inputs[i]]));
    }
    for (const Step& step : program.steps) values[step.output] = compute(step, values);
    for (size_t i = 0; i < program.outputs.size(); ++i) {
      const Tensor& result = values.at(program.outputs[i]);
      OrtValue* output = nullptr;
      RETURN_IF(ort->KernelContext_GetOutput(context, i, result.shape.data(), result.shape.size(),
                                             &output));
      void* data = nullptr;
      RETURN_IF(ort->GetTensorMutableData(output, &data));
      std::memcpy(data, result.values.data(), result.values.size() * sizeof(float));
    }
    return nullptr;
  }
};

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

struct Provider : OrtEp {
  std::string chip;
  std::string operators;
  bool writes_contexts = false;
  bool embeds = false;
  std::filesystem::path context_path;
  std::string compatibility;
  int contexts = 0;

  Provider(const OrtSessionOptions* options, std::string of) : OrtEp{}, chip(std::move(of)) {
    operators = entry(options, "ep.testexecutionprovider.operators");
    if (operators.empty()) operators = "Add,Relu";
    writes_contexts = entry(options, "ep.context_enable") == "1";
    embeds = entry(options, "ep.context_embed_mode") == "1";
    context_path = entry(options, "ep.context_file_path");
    compatibility = "test-ep/1;chip=" + chip;
    ort_version_supported = ORT_API_VERSION;
    GetName = [](const OrtEp*) noexcept { return ep_name; };
    GetCapability = [](OrtEp* self, const OrtGraph* graph,
                       OrtEpGraphSupportInfo* support) noexcept {
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

  OrtStatus* takes(const OrtNode* node, bool& out) const {
    out = ("," + operators + ",").find("," + type_of(node) + ",") != std::string::npos;
    if (!out) return nullptr;
    std::vector<const OrtValueInfo*> values;
    RETURN_IF(outputs_of(node, values));
    return is_float(values.at(0), out);
  }

  // Rows of nodes that follow each other in topological order; a body of If or Loop is left alone.
  OrtStatus* claim(const OrtGraph* graph, OrtEpGraphSupportInfo* support) const {
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

  OrtStatus* compile(const OrtGraph* graph, const OrtNode* fused, OrtNodeComputeInfo*& info,
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

  OrtStatus* translate(const std::vector<const OrtNode*>& nodes, Program& program) const {
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

  OrtStatus* load_context(const OrtGraph* graph, const OrtNode* node, Program& program) const {
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

  OrtStatus* write_context(const OrtNode* fused, const Program& program, OrtNode*& node) {
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
};

struct Factory : OrtEpFactory {
  bool offers_virtual_devices;

  explicit Factory(bool offers) : OrtEpFactory{}, offers_virtual_devices(offers) {
    ort_version_supported = ORT_API_VERSION;
    GetName = [](const OrtEpFactory*) noexcept { return ep_name; };
    GetVendor = [](const OrtEpFactory*) noexcept { return "onnx-pack tests"; };
    GetVendorId = [](const OrtEpFactory*) noexcept { return uint32_t{0xffff}; };
    GetVersion = [](const OrtEpFactory*) noexcept { return "1.2.3"; };
    GetSupportedDevices = [](OrtEpFactory* self, const OrtHardwareDevice* const* devices,
                             size_t count, OrtEpDevice** out, size_t most, size_t* found) noexcept {
      return static_cast<Factory*>(self)->offer(devices, count, out, most, found);
    };
    CreateEp = [](OrtEpFactory*, const OrtHardwareDevice* const*,
                  const OrtKeyValuePairs* const* metadata, size_t count,
                  const OrtSessionOptions* options, const OrtLogger*,
                  OrtEp** out) noexcept -> OrtStatus* {
      if (count != 1) return problem("one device, please");
      const char* chip = ort->GetKeyValue(metadata[0], "chip");
      *out = std::make_unique<Provider>(options, chip == nullptr ? "" : chip).release();
      return nullptr;
    };
    ReleaseEp = [](OrtEpFactory*, OrtEp* ep) noexcept { delete static_cast<Provider*>(ep); };
    ValidateCompiledModelCompatibilityInfo =
        [](OrtEpFactory*, const OrtHardwareDevice* const*, size_t, const char* text,
           OrtCompiledModelCompatibility* verdict) noexcept -> OrtStatus* {
      const std::string ours = std::string("test-ep/1;chip=") + real_chip;
      *verdict = text == ours ? OrtCompiledModelCompatibility_EP_SUPPORTED_OPTIMAL
                              : OrtCompiledModelCompatibility_EP_UNSUPPORTED;
      return nullptr;
    };
    CreateAllocator = [](OrtEpFactory*, const OrtMemoryInfo*, const OrtKeyValuePairs*,
                         OrtAllocator** out) noexcept -> OrtStatus* {
      *out = nullptr;
      return nullptr;
    };
    ReleaseAllocator = [](OrtEpFactory*, OrtAllocator*) noexcept {};
    CreateDataTransfer = [](OrtEpFactory*, OrtDataTransferImpl** out) noexcept -> OrtStatus* {
      *out = nullptr;
      return nullptr;
    };
    IsStreamAware = [](const OrtEpFactory*) noexcept { return false; };
  }

  OrtStatus* offer(const OrtHardwareDevice* const* devices, size_t count, OrtEpDevice** out,
                   size_t most, size_t* found) {
    *found = 0;
    const auto* cpu = std::find_if(devices, devices + count, [](const OrtHardwareDevice* device) {
      return ort->HardwareDevice_Type(device) == OrtHardwareDeviceType_CPU;
    });
    if (cpu == devices + count || most < 3) return nullptr;
    std::vector<const char*> chips = {real_chip};
    if (offers_virtual_devices) chips = {"b2", "c3", real_chip};
    for (const char* chip : chips) {
      OrtKeyValuePairs* metadata = nullptr;
      ort->CreateKeyValuePairs(&metadata);
      ort->AddKeyValuePair(metadata, "chip", chip);
      if (std::strcmp(chip, real_chip) != 0) ort->AddKeyValuePair(metadata, "is_virtual", "1");
      OrtStatus* status = ep_api->CreateEpDevice(this, *cpu, metadata, nullptr, &out[*found]);
      ort->ReleaseKeyValuePairs(metadata);
      RETURN_IF(status);
      ++*found;
    }
    return nullptr;
  }
};

}  // namespace

extern "C" {

__attribute__((visibility("default"))) OrtStatus* CreateEpFactories(const char* registered_name,
                                                                    const OrtApiBase* base,
                                                                    const OrtLogger*,
                                                                    OrtEpFactory** factories,
                                                                    size_t, size_t* count) {
  ort = base->GetApi(ORT_API_VERSION);
  ep_api = ort->GetEpApi();
  const bool is_virtual = std::string(registered_name).ends_with(".virtual");
  factories[0] = std::make_unique<Factory>(is_virtual).release();
  *count = 1;
  return nullptr;
}

__attribute__((visibility("default"))) OrtStatus* ReleaseEpFactory(OrtEpFactory* factory) {
  delete static_cast<Factory*>(factory);
  return nullptr;
}
}
