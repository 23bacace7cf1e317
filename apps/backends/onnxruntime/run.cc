#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <filesystem>

#include "backend.h"
#include "mapped_file.h"
#include "onnxpack/base/text.h"
#include "onnxpack/io/file.h"
#include "onnxpack/io/safe_path.h"
#include "onnxpack/json/cursor.h"
#include "options.h"
#include "plugin_devices.h"
#include "plugin_library.h"
#include "runtime.h"
#include "session.h"

namespace onnxpack::ort_backend {
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

// How a variant's graph wants to be loaded; see write_executor_info() in compile.cc.
Result<SessionSettings> settings_of(const protocol::RunRequest& request) {
  SessionSettings settings;
  settings.threads = request.threads;
  if (!request.variant) return settings;
  const json::Value info(request.variant->executor_info);
  const json::Cursor cursor(info, "executor_info");
  ONNXPACK_TRY(const auto ours, cursor.find("onnx_pack"));
  if (ours) {
    ONNXPACK_TRY(const std::string level, ours->string_or("graph_optimization_level", "all"));
    ONNXPACK_TRY(settings.level, parse_level(level));
  }
  ONNXPACK_TRY(const auto ort, cursor.find("ort"));
  if (!ort) return settings;
  ONNXPACK_TRY(const auto config, ort->find("session_options"));
  if (config) {
    ONNXPACK_TRY(const auto entries, config->members());
    for (const auto& [key, value] : entries) {
      ONNXPACK_TRY(settings.config[key], value.string());
    }
  }
  return settings;
}

Result<Metadata> provider_options_of(const protocol::RunVariant& variant) {
  Metadata out;
  const json::Value info(variant.executor_info);
  ONNXPACK_TRY(const auto ort, json::Cursor(info, "executor_info").find("ort"));
  if (!ort) return out;
  ONNXPACK_TRY(const auto options, ort->find("provider_options"));
  if (!options) return out;
  ONNXPACK_TRY(const auto members, options->members());
  for (const auto& [key, value] : members) {
    ONNXPACK_TRY(out[key], value.string());
  }
  return out;
}

// A device that is here and whose provider does not refuse the blob. Errors: unavailable when there
// is none, or no plug-in: then the variant is not run.
Result<PluginChoice> choose_plugin(const Runtime& runtime, OrtEnv& environment,
                                   const protocol::RunVariant& variant,
                                   const std::string& library) {
  ONNXPACK_TRY(const PluginLibrary plugin,
               in(find_plugin(variant.ep, library), fmt::format("variant '{}'", variant.name)));
  ONNXPACK_CHECK(
      register_plugin(runtime, environment, variant.ep, plugin.path, Register::real_devices));
  ONNXPACK_TRY(const PluginDevices devices, plugin_devices(runtime, environment, variant.ep));
  std::vector<std::string> refusals;
  for (std::size_t i = 0; i < devices.handles.size(); ++i) {
    const DeviceFacts& facts = devices.facts[i];
    if (facts.is_virtual()) continue;
    ONNXPACK_TRY(const target::Verdict verdict,
                 ask_device(runtime, devices.handles[i], variant.compatibility_string));
    if (verdict == target::Verdict::unsupported) {
      refusals.push_back(fmt::format("[{}]", facts.text()));
      continue;
    }
    ONNXPACK_TRY(auto options, provider_options_of(variant));
    return PluginChoice{&environment, devices.handles[i], std::move(options)};
  }
  return fail(
      ErrorKind::unavailable,
      refusals.empty()
          ? fmt::format("variant '{}' is for {}, which finds no device of its own on this "
                        "machine",
                        variant.name, variant.ep)
          : fmt::format("variant '{}' needs '{}'; {} does not support that on {}", variant.name,
                        printable(variant.compatibility_string), variant.ep, join(refusals, " ")),
      "run it on the device, or with `verify --record` there");
}

Result<Session> open_variant(const Runtime& runtime, OrtEnv& environment,
                             const SessionSettings& settings, const Options& options,
                             const protocol::RunRequest& request, const fs::path& root) {
  const protocol::RunVariant& variant = *request.variant;
  if (variant.ep == qnn_provider) {
    return fail(ErrorKind::unavailable,
                fmt::format("variant '{}' needs a Qualcomm HTP; this machine has none, and the "
                            "vendor's x86-64 emulation of it is not used",
                            variant.name),
                "run it on the device, or with `verify --record` there");
  }
  if (variant.partitions.size() != 1 || variant.partitions.front().scope != "model" ||
      variant.partitions.front().blobs.empty()) {
    return fail(ErrorKind::unsupported,
                fmt::format("variant '{}' does not cover the whole graph with one partition",
                            variant.name));
  }
  ONNXPACK_TRY(const fs::path path,
               io::join_beneath(root, variant.partitions.front().blobs.front().path));
  if (variant.ep != cpu_provider) {
    // Opened by its path: the provider looks for its blobs beside it.
    SessionSettings on_device = settings;
    ONNXPACK_TRY(on_device.plugin,
                 choose_plugin(runtime, environment, variant, options.ep_library));
    return in(Session::open(runtime, environment, on_device, path), path.string());
  }
  ONNXPACK_TRY(const MappedFile graph, MappedFile::open(path));
  // The graph's weights are named from the package's root, above the graph's own folder, where ORT
  // would not look.
  return in(Session::open(runtime, environment, settings, graph.bytes(), root), path.string());
}

Result<Session> open_session(const Runtime& runtime, OrtEnv& environment,
                             const protocol::RunRequest& request) {
  ONNXPACK_TRY(SessionSettings settings, settings_of(request));
  ONNXPACK_TRY(const Options options, parse_options(request.options));
  for (const auto& [key, value] : options.session_options) settings.config[key] = value;
  std::error_code error;
  const fs::path root = fs::canonical(request.root.empty() ? "." : request.root, error);
  if (error)
    return fail(ErrorKind::not_found, fmt::format("{}: {}", request.root, error.message()));
  if (request.variant) return open_variant(runtime, environment, settings, options, request, root);
  ONNXPACK_TRY(const fs::path model, io::join_beneath(root, request.model));
  return in(Session::open(runtime, environment, settings, model), request.model);
}

Result<tensor::NamedTensor> load_input(const protocol::TensorFile& file, const Session& session) {
  const auto port = std::ranges::find(session.inputs(), file.name,
                                      [](const Port& p) { return p.description.name; });
  if (port == session.inputs().end()) {
    std::vector<std::string> names;
    for (const Port& known : session.inputs()) names.push_back(known.description.name);
    return fail(ErrorKind::invalid_argument,
                fmt::format("the model has no input '{}'", printable(file.name)),
                fmt::format("inputs: {}", join(names, ", ")));
  }
  if (port->description.type != file.type) {
    return fail(ErrorKind::invalid_argument,
                fmt::format("input '{}' is {} in the model, the given one is {}",
                            printable(file.name), port->description.type, file.type));
  }
  ONNXPACK_TRY(const auto type, tensor::parse_element_type(file.type));
  ONNXPACK_TRY(auto value, in(tensor::read_raw(io::real_file_system(), file.path, type, file.shape),
                              fmt::format("input '{}'", printable(file.name))));
  return tensor::NamedTensor{file.name, std::move(value)};
}

Result<std::vector<tensor::NamedTensor>> load_inputs(const protocol::RunRequest& request,
                                                     const Session& session) {
  std::vector<tensor::NamedTensor> out;
  for (const protocol::TensorFile& file : request.inputs) {
    ONNXPACK_TRY(auto input, load_input(file, session));
    out.push_back(std::move(input));
  }
  for (const Port& port : session.inputs()) {
    if (std::ranges::find(out, port.description.name, &tensor::NamedTensor::name) == out.end()) {
      return fail(ErrorKind::invalid_argument,
                  fmt::format("input '{}' ({}) is not given", printable(port.description.name),
                              port.description.type));
    }
  }
  return out;
}

double percentile(std::vector<double> values, double share) {
  std::ranges::sort(values);
  const auto index = static_cast<std::size_t>(share * static_cast<double>(values.size() - 1) + 0.5);
  return values[index];
}

struct Measured {
  std::vector<tensor::NamedTensor> outputs;
  protocol::Timings timings;
};

// warmup + runs executions in all, at least one: the first is also the first run, the last `runs`
// are the sample, the last gives the outputs.
Result<Measured> execute(const Session& session, const std::vector<tensor::NamedTensor>& inputs,
                         const protocol::RunRequest& request, protocol::EventEmitter& events) {
  Measured out;
  const std::uint64_t timed = std::max<std::uint64_t>(1, request.runs);
  const std::uint64_t total = request.warmup + timed;
  std::vector<double> sample;
  for (std::uint64_t i = 0; i < total; ++i) {
    const bool last = i + 1 == total;
    const Stopwatch watch;
    if (last) {
      ONNXPACK_TRY(out.outputs, session.run(inputs));
    } else {
      ONNXPACK_CHECK(session.run_discarding(inputs));
    }
    const double elapsed = watch.milliseconds();
    if (i == 0) out.timings.first_run_ms = elapsed;
    if (i >= request.warmup) sample.push_back(elapsed);
    events.progress("run", static_cast<double>(i + 1) / static_cast<double>(total));
  }
  out.timings.median_ms = percentile(sample, 0.5);
  out.timings.p10_ms = percentile(sample, 0.1);
  out.timings.p90_ms = percentile(sample, 0.9);
  out.timings.runs = timed;
  return out;
}

Result<protocol::TensorFile> store_output(const tensor::NamedTensor& output, std::size_t index,
                                          const std::string& folder) {
  const std::string name = fmt::format("output_{}.bin", index);
  const fs::path path = fs::path(folder) / name;
  ONNXPACK_TRY(auto file, io::real_file_system().create(path));
  ONNXPACK_CHECK(file->write(output.value.data));
  ONNXPACK_CHECK(file->publish_unsynced(io::Overwrite::yes));
  return protocol::TensorFile{output.name, tensor::type_string(output.value.type),
                              output.value.shape, name};
}

}  // namespace

Result<protocol::RunResponse> OrtBackend::run(const protocol::RunRequest& request,
                                              protocol::EventEmitter& events) {
  ONNXPACK_TRY(const Options options, parse_options(request.options));
  ONNXPACK_TRY(const Runtime runtime, Runtime::load(options.library));
  ONNXPACK_TRY(const auto environment, runtime.make_environment());

  events.progress("session", 0.0);
  const Stopwatch watch;
  ONNXPACK_TRY(const Session session, open_session(runtime, *environment, request));
  const double session_ms = watch.milliseconds();

  ONNXPACK_TRY(const auto inputs, load_inputs(request, session));
  ONNXPACK_TRY(Measured measured, execute(session, inputs, request, events));
  protocol::RunResponse out;
  out.runtime = "onnxruntime " + runtime.version();
  out.timings = measured.timings;
  out.timings->session_ms = session_ms;
  for (std::size_t i = 0; i < measured.outputs.size(); ++i) {
    ONNXPACK_TRY(auto file, store_output(measured.outputs[i], i, request.output_dir));
    out.outputs.push_back(std::move(file));
  }
  out.notes.push_back(
      fmt::format("provider: {}", request.variant ? request.variant->ep : cpu_provider));
  return out;
}

}  // namespace onnxpack::ort_backend
