#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <filesystem>

#include "backend.h"
#include "description.h"
#include "engine.h"
#include "onnxpack/base/text.h"
#include "onnxpack/io/file.h"
#include "onnxpack/io/safe_path.h"
#include "onnxpack/json/cursor.h"
#include "onnxpack/tensor/tensor.h"

namespace onnxpack::openvino_backend {
namespace {

namespace fs = std::filesystem;

class Stopwatch {
 public:
  double milliseconds() const {
    return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start_)
        .count();
  }

 private:
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

// How a variant wants to be loaded; see describe_variant() in compile.cc.
struct LoadPlan {
  std::string device = "CPU";
  ov::AnyMap config;
  std::vector<std::string> outputs;  // in graph order; empty: as the model has them
};

Result<LoadPlan> load_plan(const protocol::RunRequest& request) {
  ONNXPACK_TRY(const Options options, parse_options(request.options));
  LoadPlan out;
  if (!request.variant) {
    out.config = device_config(Device{}, options);
  } else {
    const json::Value info(request.variant->executor_info);
    ONNXPACK_TRY(const auto ours, json::Cursor(info, "executor_info").find("openvino"));
    if (!ours)
      return fail(ErrorKind::corrupt, "executor_info: has no \"openvino\", the way to load it");
    ONNXPACK_TRY(out.device, ours->string_or("device", "CPU"));
    ONNXPACK_TRY(const auto properties, ours->find("properties"));
    if (properties) {
      ONNXPACK_TRY(const auto entries, properties->members());
      for (const auto& [key, value] : entries) {
        ONNXPACK_TRY(out.config[key], value.string());
      }
    }
    ONNXPACK_TRY(const auto outputs, ours->find("outputs"));
    if (outputs) {
      ONNXPACK_TRY(const auto names, outputs->array());
      for (const auto& name : names) {
        ONNXPACK_TRY(out.outputs.emplace_back(), name.string());
      }
    }
    for (const auto& [key, value] : options.properties) out.config[key] = value;
  }
  if (request.threads > 0 && out.device == "CPU")
    out.config[ov::inference_num_threads.name()] = static_cast<std::int32_t>(request.threads);
  return out;
}

Result<ov::CompiledModel> open_variant(ov::Core& core, const LoadPlan& plan,
                                       const protocol::RunVariant& variant, const fs::path& root) {
  if (variant.ep != ep_name) {
    return fail(ErrorKind::unavailable, fmt::format("variant '{}' is for {}, this backend runs {}",
                                                    variant.name, variant.ep, ep_name));
  }
  if (variant.partitions.size() != 1 || variant.partitions.front().scope != "model" ||
      variant.partitions.front().blobs.empty()) {
    return fail(ErrorKind::unsupported,
                fmt::format("variant '{}' does not cover the whole graph with one partition",
                            variant.name));
  }
  ONNXPACK_CHECK(check_device(core, plan.device));
  const protocol::BlobAnswer& entry = variant.partitions.front().blobs.front();
  ONNXPACK_TRY(const fs::path path, io::join_beneath(root, entry.path));
  if (entry.role == "ir") {
    return in(guarded([&] { return core.compile_model(path.string(), plan.device, plan.config); }),
              entry.path);
  }
  ONNXPACK_CHECK(check_requirements(core, plan.device, variant.compatibility_string));
  // From mapped memory, not from a stream: MiniLM in 38 ms instead of 125, on two cores.
  return in(guarded([&] {
              return core.import_model(ov::read_tensor_data(path.string()), plan.device,
                                       plan.config);
            }),
            entry.path);
}

Result<ov::CompiledModel> open_model(ov::Core& core, const LoadPlan& plan,
                                     const protocol::RunRequest& request) {
  std::error_code error;
  const fs::path root = fs::canonical(request.root.empty() ? "." : request.root, error);
  if (error)
    return fail(ErrorKind::not_found, fmt::format("{}: {}", request.root, error.message()));
  if (request.variant) return open_variant(core, plan, *request.variant, root);
  ONNXPACK_TRY(const fs::path model, io::join_beneath(root, request.model));
  return in(guarded([&] { return core.compile_model(model.string(), plan.device, plan.config); }),
            request.model);
}

struct Input {
  ov::Output<const ov::Node> port;
  tensor::Tensor value;  // holds the bytes that the request reads
};

Result<Input> load_input(const protocol::TensorFile& file, const ov::CompiledModel& model) {
  const auto ports = model.inputs();
  const auto port = std::ranges::find_if(ports, [&](const ov::Output<const ov::Node>& candidate) {
    return name_of(candidate, {file.name}) == file.name;
  });
  if (port == ports.end()) {
    std::vector<std::string> names;
    for (const auto& known : ports) names.push_back(name_of(known, {}));
    return fail(ErrorKind::invalid_argument,
                fmt::format("the model has no input '{}'", printable(file.name)),
                fmt::format("inputs: {}", join(names, ", ")));
  }
  const std::string wanted = tensor::type_string(element_of(port->get_element_type()));
  if (wanted != file.type) {
    return fail(ErrorKind::invalid_argument,
                fmt::format("input '{}' is {} in the model, the given one is {}",
                            printable(file.name), wanted, file.type));
  }
  ONNXPACK_TRY(const auto type, tensor::parse_element_type(file.type));
  ONNXPACK_TRY(auto value, in(tensor::read_raw(io::real_file_system(), file.path, type, file.shape),
                              fmt::format("input '{}'", printable(file.name))));
  return Input{*port, std::move(value)};
}

Result<std::vector<Input>> load_inputs(const protocol::RunRequest& request,
                                       const ov::CompiledModel& model) {
  std::vector<Input> out;
  for (const auto& file : request.inputs) {
    ONNXPACK_TRY(auto input, load_input(file, model));
    out.push_back(std::move(input));
  }
  for (const auto& port : model.inputs()) {
    if (std::ranges::find(out, port, &Input::port) != out.end()) continue;
    return fail(ErrorKind::invalid_argument,
                fmt::format("input '{}' is not given", printable(name_of(port, {}))));
  }
  return out;
}

// OpenVINO reads the bytes where they are.
Result<ov::InferRequest> make_request(const ov::CompiledModel& model, std::vector<Input>& inputs) {
  return guarded([&] {
    ov::CompiledModel compiled = model;  // create_infer_request is not const
    ov::InferRequest out = compiled.create_infer_request();
    for (Input& input : inputs) {
      const ov::Shape shape(input.value.shape.begin(), input.value.shape.end());
      out.set_tensor(input.port,
                     ov::Tensor(input.port.get_element_type(), shape, input.value.data.data()));
    }
    return out;
  });
}

double percentile(std::vector<double> values, double share) {
  std::ranges::sort(values);
  const auto index = static_cast<std::size_t>(share * static_cast<double>(values.size() - 1) + 0.5);
  return values[index];
}

// warmup + runs executions in all, at least one: the first is also the first run, the last `runs`
// are the sample.
Result<protocol::Timings> execute(ov::InferRequest& inference, const protocol::RunRequest& request,
                                  protocol::EventEmitter& events) {
  protocol::Timings out;
  out.runs = std::max<std::uint64_t>(1, request.runs);
  const std::uint64_t total = request.warmup + out.runs;
  std::vector<double> sample;
  for (std::uint64_t i = 0; i < total; ++i) {
    const Stopwatch watch;
    ONNXPACK_CHECK(guarded([&] { inference.infer(); }));
    const double elapsed = watch.milliseconds();
    if (i == 0) out.first_run_ms = elapsed;
    if (i >= request.warmup) sample.push_back(elapsed);
    events.progress("run", static_cast<double>(i + 1) / static_cast<double>(total));
  }
  out.median_ms = percentile(sample, 0.5);
  out.p10_ms = percentile(sample, 0.1);
  out.p90_ms = percentile(sample, 0.9);
  return out;
}

Result<protocol::TensorFile> store_output(const std::string& name, const ov::Tensor& value,
                                          std::size_t index, const std::string& folder) {
  const tensor::ElementType type = element_of(value.get_element_type());
  if (type == tensor::ElementType::undefined) {
    return fail(ErrorKind::unsupported,
                fmt::format("output '{}' is of type {}, which is not handled", printable(name),
                            value.get_element_type().to_string()));
  }
  const std::string file_name = fmt::format("output_{}.bin", index);
  ONNXPACK_TRY(auto file, io::real_file_system().create(fs::path(folder) / file_name));
  const auto* bytes = static_cast<const std::byte*>(value.data());
  ONNXPACK_CHECK(file->write(ByteView(bytes, value.get_byte_size())));
  ONNXPACK_CHECK(file->publish_unsynced(io::Overwrite::yes));
  const ov::Shape& shape = value.get_shape();
  return protocol::TensorFile{
      name, tensor::type_string(type), {shape.begin(), shape.end()}, file_name};
}

Result<std::vector<protocol::TensorFile>> store_outputs(const ov::CompiledModel& model,
                                                        ov::InferRequest& inference,
                                                        std::vector<std::string> names,
                                                        const std::string& folder) {
  if (names.empty()) {
    for (const auto& port : model.outputs()) names.push_back(name_of(port, {}));
  }
  std::vector<protocol::TensorFile> out;
  for (std::size_t i = 0; i < names.size(); ++i) {
    ONNXPACK_TRY(const auto value, guarded([&] { return inference.get_tensor(names[i]); }));
    ONNXPACK_TRY(auto file, store_output(names[i], value, i, folder));
    out.push_back(std::move(file));
  }
  return out;
}

}  // namespace

Result<protocol::RunResponse> OpenVinoBackend::run(const protocol::RunRequest& request,
                                                   protocol::EventEmitter& events) {
  events.progress("session", 0.0);
  ONNXPACK_TRY(const LoadPlan plan, load_plan(request));
  const Stopwatch watch;
  ONNXPACK_TRY(auto core, guarded([] { return ov::Core(); }));
  ONNXPACK_TRY(const auto model, open_model(core, plan, request));
  const double session_ms = watch.milliseconds();

  ONNXPACK_TRY(auto inputs, load_inputs(request, model));
  ONNXPACK_TRY(auto inference, make_request(model, inputs));
  ONNXPACK_TRY(auto timings, execute(inference, request, events));
  timings.session_ms = session_ms;
  protocol::RunResponse out;
  out.runtime = "openvino " + release();
  out.timings = timings;
  ONNXPACK_TRY(out.outputs, store_outputs(model, inference, plan.outputs, request.output_dir));
  out.notes.push_back(fmt::format("device: {}", plan.device));
  return out;
}

}  // namespace onnxpack::openvino_backend
