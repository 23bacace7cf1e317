#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <openvino/op/fake_quantize.hpp>

#include "backend.h"
#include "description.h"
#include "engine.h"
#include "import.h"
#include "onnxpack/base/text.h"
#include "onnxpack/target/compatibility.h"

namespace onnxpack::openvino_backend {
namespace {

namespace fs = std::filesystem;

constexpr const char* xml_file = "model.xml";
constexpr const char* bin_file = "model.bin";
constexpr const char* blob_file = "model.blob";
constexpr const char* whole_graph = "model";

// What is asked for, settled before OpenVINO works.
struct Job {
  Options options;
  Device device;
  bool blob = false;
  const protocol::ScopeInput* scope = nullptr;
};

std::optional<protocol::Answer> refuse_parts(const std::vector<protocol::ScopeInput>& scopes) {
  if (std::ranges::find(scopes, whole_graph, &protocol::ScopeInput::name) != scopes.end())
    return std::nullopt;
  return protocol::refused("only the whole graph (scope 'model') can be compiled, not parts of it");
}

// A blob holds code for the instruction sets of the machine that compiles: right for it, and for a
// target whose text would be the same. All others get the IR.
Result<bool> wants_blob(ov::Core& core, const Job& job, const target::Target& target) {
  if (job.options.format != Format::automatic) return job.options.format == Format::blob;
  if (job.device.name != "CPU" || target.name == "host") return true;
  ONNXPACK_TRY(const std::string here, requirements_text(core, job.device.name));
  target::Target with_runtime = target;
  with_runtime.facts["runtime.openvino"] = {release()};
  return target::validate_compatibility(ep_name, here, with_runtime).verdict ==
         target::Verdict::optimal;
}

Result<Job> settle(ov::Core& core, const target::Target& target, const json::Object& options,
                   const std::vector<protocol::ScopeInput>& scopes) {
  Job out;
  ONNXPACK_TRY(out.options, parse_options(options));
  ONNXPACK_TRY(out.device, device_of(target));
  out.scope = &*std::ranges::find(scopes, whole_graph, &protocol::ScopeInput::name);
  ONNXPACK_TRY(out.blob, wants_blob(core, out, target));
  if (out.blob) ONNXPACK_CHECK(check_device(core, out.device.name));
  return out;
}

// Errors of OpenVINO with the stage they came from.
protocol::Answer stopped(const Error& error, std::string stage) {
  const bool refusal =
      error.kind() == ErrorKind::unsupported || error.kind() == ErrorKind::unavailable;
  return refusal ? protocol::refused(error.message(), error.hint(), std::move(stage))
                 : protocol::failed(error.message(), error.hint(), std::move(stage));
}

// What the least precise of it can hold: the precision asked for, the type of the outputs, the
// steps of a quantised graph.
std::string precision_of(const ov::Model& model, Precision asked) {
  const auto is_quantised = [](const std::shared_ptr<ov::Node>& node) {
    return ov::is_type<ov::op::v0::FakeQuantize>(node);
  };
  if (std::ranges::any_of(model.get_ops(), is_quantised)) return "int8";
  if (asked != Precision::f32) return std::string(declared_name(asked));
  const auto any = [&](const ov::element::Type& type) {
    return std::ranges::any_of(model.outputs(), [&](const ov::Output<const ov::Node>& output) {
      return output.get_element_type() == type;
    });
  };
  if (any(ov::element::bf16)) return "bf16";
  if (any(ov::element::f16)) return "fp16";
  return "fp32";
}

protocol::Shapes known_shapes(const std::vector<protocol::Port>& inputs) {
  protocol::Shapes out;
  for (const auto& input : inputs) {
    std::vector<std::int64_t> shape;
    for (const auto& dimension : input.shape.value_or(std::vector<protocol::Dimension>{})) {
      if (dimension.value) shape.push_back(*dimension.value);
    }
    if (input.shape && shape.size() == input.shape->size()) out[input.name] = std::move(shape);
  }
  return out;
}

json::Value as_json(const ov::AnyMap& config) {
  json::Value out{json::Object{}};
  for (const auto& [key, value] : config) out[key] = value.as<std::string>();
  return out;
}

std::vector<target::Requirement> requirements(const target::Target& target, const Job& job) {
  const std::string kind = to_lower_ascii(job.device.name.substr(0, 3));
  auto out = target::requirements_of(target, kind);
  const bool states_runtime = target.facts.contains("runtime.openvino");
  if (job.blob) {
    out.push_back({"runtime.openvino", target::Test::version, {"==" + release()}});
  } else if (states_runtime) {
    // A profile states no runtimes, and what a target does not state fails closed: there the
    // compatibility string asks alone. Later releases read the IR of earlier ones.
    const std::string here = release();
    out.push_back(
        {"runtime.openvino", target::Test::version, {">=" + here.substr(0, here.rfind('.'))}});
  }
  return out;
}

// The runtime's own text for a blob; ours for the IR, which has none.
std::string ir_compatibility(const std::vector<target::Requirement>& needs) {
  std::map<std::string, std::string> fields = {{"runtime.openvino", release()}};
  for (const auto& need : needs) {
    if (need.feature == "arch.name" || need.feature == "cpu.features")
      fields[need.feature] = join(need.values, ",");
  }
  return target::make_compatibility_string(fields);
}

Status write_ir(const std::shared_ptr<ov::Model>& model, const fs::path& folder) {
  // serialize() keeps weights as they are; save_model() would halve them.
  return guarded(
      [&] { ov::serialize(model, (folder / xml_file).string(), (folder / bin_file).string()); });
}

Status write_blob(const ov::CompiledModel& compiled, const fs::path& path) {
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  ONNXPACK_CHECK(guarded([&] {
    ov::CompiledModel model = compiled;  // export is not const
    model.export_model(file);
  }));
  file.close();
  if (!file) return fail(ErrorKind::io, fmt::format("{}: cannot be written", path.string()));
  return {};
}

struct Made {
  std::shared_ptr<ov::Model> model;
  std::string requirements_text;  // of a blob
};

// Imports and compiles. The IR is compiled too, from what was written: one that no device takes, or
// that does not read back, is found here and not by whom it is for.
Result<Made> make(ov::Core& core, const protocol::CompileRequest& request, const Job& job,
                  protocol::EventEmitter& events, std::string& stage) {
  Made out;
  stage = "import";
  events.progress(stage, 0.0);
  ONNXPACK_TRY(out.model, import_model(core, request.component.model,
                                       {request.free_dimensions, request.input_shapes}));
  const fs::path folder = request.output_dir;
  const ov::AnyMap config = device_config(job.device, job.options);
  if (job.blob) {
    stage = "compile";
    events.progress(stage, 0.2);
    ONNXPACK_TRY(const auto compiled,
                 guarded([&] { return core.compile_model(out.model, job.device.name, config); }));
    stage = "export";
    events.progress(stage, 0.8);
    ONNXPACK_CHECK(write_blob(compiled, folder / blob_file));
    const auto text = guarded([&] { return compiled.get_property(ov::runtime_requirements); });
    if (text) out.requirements_text = *text;
    return out;
  }
  stage = "write";
  events.progress(stage, 0.2);
  ONNXPACK_CHECK(write_ir(out.model, folder));
  stage = "compile";
  events.progress(stage, 0.5);
  if (!check_device(core, job.device.name)) return out;  // IR for a device that is not here
  ONNXPACK_CHECK(
      guarded([&] { core.compile_model((folder / xml_file).string(), job.device.name, config); }));
  return out;
}

protocol::VariantAnswer describe_variant(const protocol::CompileRequest& request, const Job& job,
                                         const Made& made) {
  protocol::VariantAnswer out;
  out.ep = ep_name;
  out.device = to_lower_ascii(job.device.name.substr(0, 3));
  out.precision = precision_of(*made.model, job.options.precision);
  out.requirements = requirements(request.target, job);
  out.compatibility_string =
      made.requirements_text.empty() ? ir_compatibility(out.requirements) : made.requirements_text;
  protocol::PartitionAnswer partition;
  partition.scope = whole_graph;
  if (job.blob) {
    partition.blobs = {{blob_file, "blob", std::nullopt, ""}};
  } else {
    partition.blobs = {{xml_file, "ir", std::nullopt, ""}, {bin_file, "weights", std::nullopt, ""}};
  }
  const std::shared_ptr<const ov::Model> model = made.model;
  partition.inputs = ports_of(model->inputs(), job.scope->inputs);
  partition.outputs = ports_of(model->outputs(), job.scope->outputs);
  // Only where the request fixed any: shapes that the model states itself are no limit of the
  // variant.
  if (!request.free_dimensions.empty() || !request.input_shapes.empty())
    out.fixed_shapes = known_shapes(partition.inputs);
  json::Array outputs;
  for (const auto& port : partition.outputs) outputs.emplace_back(port.name);
  out.executor_info["openvino"] =
      json::object({{"device", job.device.name},
                    {"model_file", job.blob ? blob_file : xml_file},
                    {"outputs", std::move(outputs)},
                    {"properties", as_json(device_config(job.device, job.options))}});
  out.tools = {{"openvino", full_version()}};
  out.partitions = {std::move(partition)};
  out.coverage = {job.scope->node_count, job.scope->node_count};
  return out;
}

std::string note(const Job& job, const fs::path& folder) {
  const auto size = [&](const char* file) {
    std::error_code error;
    const auto bytes = fs::file_size(folder / file, error);
    return human_size(error ? 0 : bytes);
  };
  if (job.blob) return fmt::format("blob for {}: {}", job.device.name, size(blob_file));
  return fmt::format("IR: graph {}, weights {}", size(xml_file), size(bin_file));
}

std::uint64_t bytes_of_component(const fs::path& model) {
  std::uint64_t out = 0;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(model.parent_path(), error)) {
    const auto size = entry.file_size(error);
    if (!error) out += size;
  }
  return out;
}

}  // namespace

Result<protocol::PlanResponse> OpenVinoBackend::plan(const protocol::PlanRequest& request,
                                                     protocol::EventEmitter&) {
  protocol::PlanResponse out;
  if (auto refusal = refuse_parts(request.scopes)) {
    out.answer = std::move(*refusal);
    return out;
  }
  ONNXPACK_TRY(auto core, guarded([] { return ov::Core(); }));
  ONNXPACK_TRY(const Job job, settle(core, request.target, request.options, request.scopes));
  const auto model =
      import_model(core, request.component.model, {request.free_dimensions, request.input_shapes});
  if (!model) {
    out.answer = stopped(model.error(), "import");
    out.refusals.push_back({whole_graph, out.answer.reason});
    return out;
  }
  out.partitions.push_back({whole_graph, {}});
  out.coverage = {job.scope->node_count, job.scope->node_count};
  const auto bytes = bytes_of_component(request.component.model);
  // Measured on five models: weights are mapped, then held by the plug-in in its own layout, while
  // what is written is copied once.
  out.memory_bytes = (std::uint64_t{200} << 20) + 3 * bytes;
  out.seconds = 0.5 + static_cast<double>(bytes) / 100e6;
  return out;
}

Result<protocol::CompileResponse> OpenVinoBackend::compile(const protocol::CompileRequest& request,
                                                           protocol::EventEmitter& events) {
  protocol::CompileResponse out;
  if (auto refusal = refuse_parts(request.scopes)) {
    out.answer = std::move(*refusal);
    return out;
  }
  ONNXPACK_TRY(auto core, guarded([] { return ov::Core(); }));
  ONNXPACK_TRY(const Job job, settle(core, request.target, request.options, request.scopes));
  std::string stage;
  const auto made = make(core, request, job, events, stage);
  if (!made) {
    out.answer = stopped(made.error(), stage);
    return out;
  }
  out.variants.push_back(describe_variant(request, job, *made));
  for (const auto& blob : out.variants.front().partitions.front().blobs) events.blob(blob.path);
  out.notes.push_back(note(job, request.output_dir));
  return out;
}

}  // namespace onnxpack::openvino_backend
