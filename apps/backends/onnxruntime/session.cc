#include "session.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "mapped_file.h"
#include "onnxpack/base/text.h"
#include "ops_library.h"
#include "ort_message.h"
#include "plugin_devices.h"

namespace onnxpack::ort_backend {
namespace {

constexpr std::array<std::pair<OptimizationLevel, std::string_view>, 4> level_names = {{
    {OptimizationLevel::none, "none"},
    {OptimizationLevel::basic, "basic"},
    {OptimizationLevel::extended, "extended"},
    {OptimizationLevel::all, "all"},
}};

GraphOptimizationLevel to_ort(OptimizationLevel level) {
  switch (level) {
    case OptimizationLevel::none:
      return ORT_DISABLE_ALL;
    case OptimizationLevel::basic:
      return ORT_ENABLE_BASIC;
    case OptimizationLevel::extended:
      return ORT_ENABLE_EXTENDED;
    case OptimizationLevel::all:
      break;
  }
  return ORT_ENABLE_ALL;
}

std::string_view kind_name(ONNXType type) {
  switch (type) {
    case ONNX_TYPE_SEQUENCE:
      return "sequence";
    case ONNX_TYPE_MAP:
      return "map";
    case ONNX_TYPE_SPARSETENSOR:
      return "sparse_tensor";
    case ONNX_TYPE_OPTIONAL:
      return "optional";
    case ONNX_TYPE_OPAQUE:
      return "opaque";
    default:
      return "unknown";
  }
}

Result<std::vector<protocol::Dimension>> dimensions_of(const Runtime& runtime,
                                                       const OrtTensorTypeAndShapeInfo* info) {
  const OrtApi& api = runtime.api();
  std::size_t rank = 0;
  ONNXPACK_CHECK(runtime.check(api.GetDimensionsCount(info, &rank)));
  std::vector<std::int64_t> sizes(rank);
  std::vector<const char*> names(rank);
  ONNXPACK_CHECK(runtime.check(api.GetDimensions(info, sizes.data(), rank)));
  ONNXPACK_CHECK(runtime.check(api.GetSymbolicDimensions(info, names.data(), rank)));
  std::vector<protocol::Dimension> out(rank);
  for (std::size_t i = 0; i < rank; ++i) {
    if (sizes[i] >= 0) {
      out[i].value = sizes[i];
    } else {
      out[i].name = names[i];
    }
  }
  return out;
}

// ORT's numbers and ONNX's agree as far as the headers built against define them, up to int4.
tensor::ElementType element_of(ONNXTensorElementDataType type) {
  if (type > ONNX_TENSOR_ELEMENT_DATA_TYPE_INT4) return tensor::ElementType::undefined;
  return tensor::element_type_from_onnx(static_cast<std::int64_t>(type))
      .value_or(tensor::ElementType::undefined);
}

Result<Port> port_of(const Runtime& runtime, const OrtTypeInfo* type) {
  const OrtApi& api = runtime.api();
  Port port;
  ONNXType kind = ONNX_TYPE_UNKNOWN;
  ONNXPACK_CHECK(runtime.check(api.GetOnnxTypeFromTypeInfo(type, &kind)));
  if (kind != ONNX_TYPE_TENSOR) {
    port.description.type = kind_name(kind);
    return port;
  }
  const OrtTensorTypeAndShapeInfo* info = nullptr;
  ONNXPACK_CHECK(runtime.check(api.CastTypeInfoToTensorInfo(type, &info)));
  ONNXTensorElementDataType element = ONNX_TENSOR_ELEMENT_DATA_TYPE_UNDEFINED;
  ONNXPACK_CHECK(runtime.check(api.GetTensorElementType(info, &element)));
  port.element = element_of(element);
  port.description.type = tensor::type_string(port.element);
  ONNXPACK_TRY(port.description.shape, dimensions_of(runtime, info));
  return port;
}

Result<tensor::NamedTensor> read_output(const Runtime& runtime, const Port& port, OrtValue* value) {
  const OrtApi& api = runtime.api();
  const std::string& name = port.description.name;
  int is_tensor = 0;
  ONNXPACK_CHECK(runtime.check(api.IsTensor(value, &is_tensor)));
  if (is_tensor == 0) {
    return fail(ErrorKind::unsupported,
                fmt::format("output '{}' is a {}, only tensors are supported", printable(name),
                            port.description.type));
  }
  OrtTensorTypeAndShapeInfo* raw = nullptr;
  ONNXPACK_CHECK(runtime.check(api.GetTensorTypeAndShape(value, &raw)));
  const auto info = runtime.own(raw, api.ReleaseTensorTypeAndShapeInfo);
  ONNXTensorElementDataType element = ONNX_TENSOR_ELEMENT_DATA_TYPE_UNDEFINED;
  ONNXPACK_CHECK(runtime.check(api.GetTensorElementType(raw, &element)));
  std::size_t rank = 0;
  ONNXPACK_CHECK(runtime.check(api.GetDimensionsCount(raw, &rank)));
  tensor::NamedTensor out{name, {element_of(element), tensor::Shape(rank), {}}};
  ONNXPACK_CHECK(runtime.check(api.GetDimensions(raw, out.value.shape.data(), rank)));
  ONNXPACK_TRY(const std::uint64_t size, in(tensor::byte_size(out.value.type, out.value.shape),
                                            fmt::format("output '{}'", printable(name))));
  void* data = nullptr;
  ONNXPACK_CHECK(runtime.check(api.GetTensorMutableData(value, &data)));
  out.value.data.resize(size);
  if (size > 0) std::memcpy(out.value.data.data(), data, size);
  return out;
}

Status register_ops(const Runtime& runtime, OrtSessionOptions* options, ByteView model) {
  ONNXPACK_TRY(const bool wanted, imports_ops(model));
  if (!wanted) return {};
  ONNXPACK_TRY(const std::string library,
               in(find_ops_library(), "the model has operators of org.onnxpack"));
  return in(runtime.check(runtime.api().RegisterCustomOpsLibrary_V2(options, library.c_str())),
            library);
}

}  // namespace

std::string_view to_string(OptimizationLevel level) {
  return level_names.at(static_cast<std::size_t>(level)).second;
}

Result<OptimizationLevel> parse_level(std::string_view text) {
  for (const auto& [level, name] : level_names) {
    if (name == text) return level;
  }
  return fail(ErrorKind::invalid_argument,
              fmt::format("unknown graph optimization level '{}'", printable(text)),
              "known: none, basic, extended, all");
}

Result<Handle<OrtSessionOptions>> make_session_options(const Runtime& runtime,
                                                       const SessionSettings& settings) {
  const OrtApi& api = runtime.api();
  OrtSessionOptions* raw = nullptr;
  ONNXPACK_CHECK(runtime.check(api.CreateSessionOptions(&raw)));
  auto options = runtime.own(raw, api.ReleaseSessionOptions);
  ONNXPACK_CHECK(runtime.check(api.SetSessionGraphOptimizationLevel(raw, to_ort(settings.level))));
  if (settings.threads > 0) {
    ONNXPACK_CHECK(runtime.check(api.SetIntraOpNumThreads(
        raw, static_cast<int>(std::min<std::uint64_t>(settings.threads, 4096)))));
  }
  for (const auto& [key, value] : settings.config) {
    ONNXPACK_CHECK(
        in(runtime.check(api.AddSessionConfigEntry(raw, key.c_str(), value.c_str())), key));
  }
  for (const auto& [name, value] : settings.free_dimensions) {
    ONNXPACK_CHECK(runtime.check(api.AddFreeDimensionOverrideByName(raw, name.c_str(), value)));
  }
  if (!settings.save_optimized_to.empty()) {
    ONNXPACK_CHECK(
        runtime.check(api.SetOptimizedModelFilePath(raw, settings.save_optimized_to.c_str())));
  }
  if (settings.plugin) {
    const PluginChoice& plugin = *settings.plugin;
    ONNXPACK_CHECK(append_device(runtime, *plugin.environment, raw, plugin.device, plugin.options));
  }
  return options;
}

Result<Session> Session::finish(const Runtime& runtime, OrtSession* raw) {
  Session session(runtime, runtime.own(raw, runtime.api().ReleaseSession));
  ONNXPACK_CHECK(session.describe());
  return session;
}

Result<Session> Session::open(const Runtime& runtime, const OrtEnv& environment,
                              const SessionSettings& settings, const std::filesystem::path& model) {
  ONNXPACK_TRY(const auto options, make_session_options(runtime, settings));
  ONNXPACK_TRY(const MappedFile file, MappedFile::open(model));
  ONNXPACK_CHECK(register_ops(runtime, options.get(), file.bytes()));
  OrtSession* raw = nullptr;
  auto created =
      runtime.check(runtime.api().CreateSession(&environment, model.c_str(), options.get(), &raw));
  if (!created)
    return std::unexpected<Error>(explain_version(std::move(created.error()), runtime.version()));
  return finish(runtime, raw);
}

Result<Session> Session::open(const Runtime& runtime, const OrtEnv& environment,
                              const SessionSettings& settings, ByteView model,
                              const std::filesystem::path& external_base) {
  SessionSettings with_base = settings;
  with_base.config["session.model_external_initializers_file_folder_path"] = external_base.string();
  ONNXPACK_TRY(const auto options, make_session_options(runtime, with_base));
  ONNXPACK_CHECK(register_ops(runtime, options.get(), model));
  OrtSession* raw = nullptr;
  auto created = runtime.check(runtime.api().CreateSessionFromArray(
      &environment, model.data(), model.size(), options.get(), &raw));
  if (!created)
    return std::unexpected<Error>(explain_version(std::move(created.error()), runtime.version()));
  return finish(runtime, raw);
}

Status Session::describe() {
  const OrtApi& api = runtime_->api();
  OrtAllocator* allocator = nullptr;
  ONNXPACK_CHECK(runtime_->check(api.GetAllocatorWithDefaultOptions(&allocator)));
  const auto read = [&](auto count_of, auto name_of, auto type_of,
                        std::vector<Port>& out) -> Status {
    std::size_t count = 0;
    ONNXPACK_CHECK(runtime_->check(count_of(session_.get(), &count)));
    for (std::size_t i = 0; i < count; ++i) {
      OrtTypeInfo* type = nullptr;
      ONNXPACK_CHECK(runtime_->check(type_of(session_.get(), i, &type)));
      const auto owned = runtime_->own(type, api.ReleaseTypeInfo);
      ONNXPACK_TRY(Port port, port_of(*runtime_, type));
      char* name = nullptr;
      ONNXPACK_CHECK(runtime_->check(name_of(session_.get(), i, allocator, &name)));
      port.description.name = name;
      ONNXPACK_CHECK(runtime_->check(api.AllocatorFree(allocator, name)));
      out.push_back(std::move(port));
    }
    return {};
  };
  ONNXPACK_CHECK(read(api.SessionGetInputCount, api.SessionGetInputName,
                      api.SessionGetInputTypeInfo, inputs_));
  return read(api.SessionGetOutputCount, api.SessionGetOutputName, api.SessionGetOutputTypeInfo,
              outputs_);
}

Result<std::vector<Handle<OrtValue>>> Session::execute(
    const std::vector<tensor::NamedTensor>& inputs) const {
  const OrtApi& api = runtime_->api();
  OrtMemoryInfo* memory_raw = nullptr;
  ONNXPACK_CHECK(
      runtime_->check(api.CreateCpuMemoryInfo(OrtArenaAllocator, OrtMemTypeDefault, &memory_raw)));
  const auto memory = runtime_->own(memory_raw, api.ReleaseMemoryInfo);

  std::vector<Handle<OrtValue>> owned;
  std::vector<const OrtValue*> values;
  std::vector<const char*> input_names;
  for (const tensor::NamedTensor& input : inputs) {
    OrtValue* raw = nullptr;
    // The C API takes a mutable pointer for what it only reads.
    void* data = const_cast<std::byte*>(input.value.data.data());
    ONNXPACK_CHECK(in(runtime_->check(api.CreateTensorWithDataAsOrtValue(
                          memory.get(), data, input.value.data.size(), input.value.shape.data(),
                          input.value.shape.size(),
                          static_cast<ONNXTensorElementDataType>(input.value.type), &raw)),
                      fmt::format("input '{}'", printable(input.name))));
    owned.push_back(runtime_->own(raw, api.ReleaseValue));
    values.push_back(raw);
    input_names.push_back(input.name.c_str());
  }
  std::vector<const char*> output_names;
  for (const Port& port : outputs_) output_names.push_back(port.description.name.c_str());
  std::vector<OrtValue*> results(outputs_.size(), nullptr);
  ONNXPACK_CHECK(runtime_->check(api.Run(session_.get(), nullptr, input_names.data(), values.data(),
                                         values.size(), output_names.data(), output_names.size(),
                                         results.data())));
  std::vector<Handle<OrtValue>> out;
  for (OrtValue* result : results) out.push_back(runtime_->own(result, api.ReleaseValue));
  return out;
}

Result<std::vector<tensor::NamedTensor>> Session::run(
    const std::vector<tensor::NamedTensor>& inputs) const {
  ONNXPACK_TRY(const auto values, execute(inputs));
  std::vector<tensor::NamedTensor> out;
  for (std::size_t i = 0; i < values.size(); ++i) {
    ONNXPACK_TRY(auto output, read_output(*runtime_, outputs_[i], values[i].get()));
    out.push_back(std::move(output));
  }
  return out;
}

Status Session::run_discarding(const std::vector<tensor::NamedTensor>& inputs) const {
  ONNXPACK_CHECK(execute(inputs));
  return {};
}

}  // namespace onnxpack::ort_backend
