#include "compile_provider.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "body_initializers.h"
#include "compile_answer.h"
#include "compiled_model.h"
#include "input_shapes.h"
#include "mapped_file.h"
#include "onnxpack/base/text.h"
#include "onnxpack/io/file.h"
#include "onnxpack/target/compatibility.h"
#include "plugin_library.h"
#include "provider_compiler.h"
#include "runtime.h"
#include "session.h"

namespace onnxpack::ort_backend {
namespace {

namespace fs = std::filesystem;

constexpr const char* context_model = "ctx.onnx";
// As the vendor's own file is called; Qualcomm ships its text as a PDF in the wheel.
constexpr const char* qnn_license =
    "Qualcomm AI Stack License (Qualcomm_LICENSE.pdf of onnxruntime-qnn)";

Result<PluginLibrary> find_library(const Provider& provider, const Runtime& runtime) {
  return provider.is_qnn() ? find_qnn(qnn_search(provider.library, runtime.path()))
                           : find_plugin(provider.ep, provider.library);
}

// Nothing when the inputs are static or the provider takes dynamic ones.
Result<std::optional<protocol::Answer>> refuse_dynamic(
    ByteView model, const std::map<std::string, std::int64_t>& free, const protocol::Shapes& shapes,
    const Provider& provider) {
  ONNXPACK_CHECK(check_free_dimensions(model, free));
  if (!provider.is_qnn()) return std::nullopt;
  ONNXPACK_TRY(const auto dynamic, dynamic_inputs(model, free, shapes));
  if (dynamic.empty()) return std::nullopt;
  std::vector<std::string> inputs;
  std::vector<std::string> flags;
  for (const DynamicInput& input : dynamic) {
    inputs.push_back(fmt::format("'{}' is {}", printable(input.name), input.shape));
    flags.push_back(input.option);
  }
  return protocol::refused(
      fmt::format("QNN compiles static shapes only: input {}", join(inputs, ", ")),
      fmt::format("give {}, with a number for each ?", join(flags, " ")), "prepare");
}

// The nodes that a compiler sees: ONNX Runtime turns Constant nodes into initializers on loading.
Result<CompiledModel> census(ByteView model) {
  ONNXPACK_TRY(CompiledModel out, read_compiled_model(model));
  out.left.erase("Constant");
  return out;
}

struct Prepared {
  CompilerInput input;
  std::vector<Port> inputs;
  std::vector<Port> outputs;
  CompiledModel nodes;
  std::vector<std::string> moved;  // initializers, into the bodies that alone read them
};

SessionSettings settings_for(const protocol::CompileRequest& request, const Options& options) {
  SessionSettings out;
  out.threads = request.threads;
  out.free_dimensions = request.free_dimensions;
  out.config = options.session_options;
  return out;
}

struct Folder {
  std::uint64_t files = 0;
  std::uint64_t bytes = 0;
};

Folder folder_of(const fs::path& path) {
  Folder out;
  for (const auto& entry : fs::directory_iterator(path)) {
    if (!entry.is_regular_file()) continue;
    ++out.files;
    out.bytes += entry.file_size();
  }
  return out;
}

// Dimensions fixed, then ONNX Runtime's BASIC level: what depends on shapes alone is folded, which
// is what makes one blob of a graph that Qualcomm's compiler otherwise refuses, splits or crashes
// on. Saved under a relative name, since ONNX Runtime's graph ids (which blobs carry) hash the
// path.
Result<Prepared> prepare(const Runtime& runtime, const OrtEnv& environment,
                         const protocol::CompileRequest& request, const Options& options,
                         Bytes model) {
  constexpr std::uint64_t largest_inline = std::uint64_t{1} << 30;  // protobuf's end is at 2 GiB
  const fs::path saved = fs::path(request.scratch_dir) / "prepared.onnx";
  const fs::path base = fs::absolute(request.component.model).parent_path();
  SessionSettings settings = settings_for(request, options);
  settings.level = options.prepare ? OptimizationLevel::basic : OptimizationLevel::none;
  if (options.prepare) {
    settings.save_optimized_to = saved;
    settings.config["session.disable_prepacking"] = "1";  // nothing is run here
    // A saved graph would go on naming external data by the file it came from, which is not beside
    // it.
    if (const auto [files, bytes] = folder_of(base); files > 1 || bytes > largest_inline)
      settings.config["session.optimized_model_external_initializers_file_name"] = "prepared.bin";
  }
  ONNXPACK_TRY(const Session session, in(Session::open(runtime, environment, settings, model, base),
                                         request.component.model));
  Prepared out;
  out.inputs = session.inputs();
  out.outputs = session.outputs();
  if (options.prepare) {
    ONNXPACK_TRY(const MappedFile file, MappedFile::open(saved));
    ONNXPACK_TRY(out.nodes, census(file.bytes()));
    out.input.path = saved;
    ONNXPACK_TRY(Localised local, localise_initializers(file.bytes()));
    if (!local.moved.empty()) {
      out.input.path = fs::path(request.scratch_dir) / "localised.onnx";
      out.moved = std::move(local.moved);
      ONNXPACK_TRY(auto rewritten, io::real_file_system().create(out.input.path));
      ONNXPACK_CHECK(rewritten->write(local.model));
      ONNXPACK_CHECK(rewritten->publish_unsynced(io::Overwrite::no));
    }
  } else {
    ONNXPACK_TRY(out.nodes, census(model));
    ONNXPACK_TRY(Localised local, localise_initializers(model));
    out.input.model = local.moved.empty() ? std::move(model) : std::move(local.model);
    out.moved = std::move(local.moved);
    out.input.external_base = base;
  }
  return out;
}

bool is_quantised(const CompiledModel& nodes) {
  return nodes.left.contains("QuantizeLinear") || nodes.left.contains("DequantizeLinear");
}

// Which files in the output folder belong to the blob; the rest is removed. Errors: corrupt for a
// file that is missing or not in the folder.
Status check_files(const fs::path& folder, const CompiledModel& compiled) {
  for (const std::string& name : compiled.files) {
    std::error_code error;
    const fs::path path = name;
    if (path != path.filename() || !fs::is_regular_file(folder / path, error)) {
      return fail(ErrorKind::corrupt, fmt::format("the compiled model names the context file '{}', "
                                                  "which is not beside it",
                                                  printable(name)));
    }
  }
  std::vector<fs::path> strays;
  for (const auto& entry : fs::directory_iterator(folder)) {
    const std::string name = entry.path().filename().string();
    if (name != context_model && std::ranges::find(compiled.files, name) == compiled.files.end())
      strays.push_back(entry.path());
  }
  for (const fs::path& stray : strays) fs::remove_all(stray);
  return {};
}

std::optional<protocol::Answer> refuse_result(const CompiledModel& compiled,
                                              const Provider& provider) {
  if (compiled.contexts == 0)
    return protocol::failed(
        fmt::format("{} compiled nothing: no EPContext node was written", provider.ep), "",
        "compile");
  if (compiled.embedded && compiled.contexts > 1) {
    return protocol::refused(
        fmt::format("{} partitions cannot be embedded: ONNX Runtime writes the bytes into the "
                    "first only (its issue 31977), and such a model does not load",
                    compiled.contexts),
        "use onnxruntime.embed=off", "compile");
  }
  return std::nullopt;
}

std::string compatibility_of(const CompiledModel& compiled, const Provider& provider,
                             const Runtime& runtime) {
  const auto found = compiled.metadata.find("ep_compatibility_info." + provider.ep);
  if (found != compiled.metadata.end() && !found->second.empty()) return found->second;
  return target::make_compatibility_string(
      {{"ep", provider.ep}, {"runtime.onnxruntime", runtime.version()}});
}

// The compiler gets the prepared graph, the host counts the scope's nodes: the share of the one, of
// the other, rounded down.
protocol::CoverageAnswer coverage_of(const Prepared& prepared, const CompiledModel& compiled,
                                     std::uint64_t scope_nodes) {
  const std::uint64_t total = std::max<std::uint64_t>(1, prepared.nodes.nodes_left());
  const std::uint64_t left = std::min(total, compiled.nodes_left());
  return {scope_nodes - (scope_nodes * left + total - 1) / total, scope_nodes};
}

json::Object executor_info(const Provider& provider) {
  json::Value ort =
      json::object({{"model_file", context_model}, {"session_options", json::Object{}}});
  // Where the device's libraries lie is the device's to say; which of QNN's backends is the blob's.
  if (provider.is_qnn())
    ort = json::object({{"model_file", context_model},
                        {"session_options", json::Object{}},
                        {"provider_options", json::object({{"backend_type", "htp"}})}});
  json::Object out;
  out["ort"] = std::move(ort);
  return out;
}

const std::vector<std::string>& classes_of(const target::Target& target) {
  static const std::vector<std::string> cpu = {"cpu"};
  const auto classes = target.facts.find("accelerator.class");
  return classes == target.facts.end() || classes->second.empty() ? cpu : classes->second;
}

// What the hardware is; where a plug-in lays a virtual accelerator upon the CPU, what the target
// is.
std::string class_of(const DeviceFacts& device, const target::Target& target) {
  const auto& classes = classes_of(target);
  return std::ranges::find(classes, device.kind) != classes.end() ? device.kind : classes.front();
}

protocol::VariantAnswer describe_variant(const protocol::CompileRequest& request,
                                         const Provider& provider, const Runtime& runtime,
                                         const PluginLibrary& library, const DeviceFacts& device,
                                         const Prepared& prepared, const CompiledModel& compiled) {
  protocol::VariantAnswer out;
  out.ep = provider.ep;
  out.device = provider.is_qnn() ? "npu" : class_of(device, request.target);
  // With fp16=off the blob's size stays what it is with fp16: no more than fp16 is promised.
  out.precision = is_quantised(prepared.nodes) ? "int8"
                  : provider.is_qnn()          ? "fp16"
                                               : precision_of(prepared.outputs);
  // The runtime's version is the compatibility string's to ask: profiles state none, and what a
  // target does not state fails closed.
  out.requirements = requirements_of_blob(request.target, provider, out.device);
  out.compatibility_string = compatibility_of(compiled, provider, runtime);
  out.fixed_shapes = known_shapes(prepared.inputs);
  out.executor_info = executor_info(provider);
  out.tools = {{"onnxruntime", runtime.version()}};
  if (provider.is_qnn()) {
    out.tools["onnxruntime-qnn"] = library.version;
    if (!library.sdk_version.empty()) out.tools["qnn"] = library.sdk_version;
    out.license = qnn_license;
  } else {
    const auto version = device.metadata.find("version");
    const bool stated = version != device.metadata.end() && !version->second.empty();
    out.tools[provider.ep] = stated ? version->second : library.version;
  }
  protocol::PartitionAnswer partition;
  partition.scope = whole_graph;
  partition.blobs.push_back({context_model, "model", std::nullopt, ""});
  for (const std::string& file : compiled.files)
    partition.blobs.push_back({file, "context", std::nullopt, ""});
  partition.inputs = descriptions(prepared.inputs);
  partition.outputs = descriptions(prepared.outputs);
  out.partitions = {std::move(partition)};
  out.coverage = coverage_of(prepared, compiled, whole_scope(request.scopes).node_count);
  return out;
}

// The compiler says what went wrong in terms of its own; this is what helped.
std::string compile_hint(const Error& error, const Provider& provider, const Prepared& prepared,
                         const Options& options) {
  if (!error.hint().empty()) return error.hint();
  if (!options.prepare) return "leave onnxruntime.prepare on";
  const auto arch = provider.options.find("htp_arch");
  if (provider.is_qnn() && arch != provider.options.end() && arch->second == "68" &&
      !is_quantised(prepared.nodes))
    return "HTP v68 compiled no float graph that was tried; give it a quantised one (QDQ)";
  return "";
}

std::string coverage_note(const Prepared& prepared, const CompiledModel& compiled,
                          const Options& options) {
  const std::uint64_t total = prepared.nodes.nodes_left();
  const std::uint64_t covered = total - std::min(total, compiled.nodes_left());
  std::string out = fmt::format("{} of the {} graph's {} nodes in {} context{}", covered,
                                options.prepare ? "prepared" : "loaded", total, compiled.contexts,
                                compiled.contexts == 1 ? "" : "s");
  if (!compiled.left.empty()) out += fmt::format(", left to the CPU: {}", compiled.left_text());
  return out;
}

}  // namespace

Result<protocol::PlanResponse> plan_for_provider(const protocol::PlanRequest& request,
                                                 const Options& options, const Provider& provider) {
  protocol::PlanResponse out;
  if (auto refusal = refuse_parts(request.scopes)) {
    out.answer = std::move(*refusal);
    return out;
  }
  ONNXPACK_TRY(const Runtime runtime, Runtime::load(options.library));
  ONNXPACK_CHECK(find_library(provider, runtime));
  ONNXPACK_TRY(const MappedFile model,
               in(MappedFile::open(request.component.model), request.component.model));
  ONNXPACK_TRY(const auto dynamic, refuse_dynamic(model.bytes(), request.free_dimensions,
                                                  request.input_shapes, provider));
  if (dynamic) {
    out.answer = *dynamic;
    return out;
  }
  ONNXPACK_CHECK(with_input_shapes(model.bytes(), request.input_shapes));
  const std::uint64_t nodes = whole_scope(request.scopes).node_count;
  out.partitions.push_back({whole_graph, {}});
  out.coverage = {nodes, nodes};
  const std::uint64_t bytes = folder_of(fs::absolute(request.component.model).parent_path()).bytes;
  // Measured: 173 MB for a model of 4.7 MB, 367 MB for one of 91 MB.
  out.memory_bytes = (std::uint64_t{192} << 20) + 4 * bytes;
  out.seconds = 4 + static_cast<double>(bytes) / 30e6;
  return out;
}

Result<protocol::CompileResponse> compile_for_provider(const protocol::CompileRequest& request,
                                                       const Options& options,
                                                       const Provider& provider,
                                                       protocol::EventEmitter& events) {
  protocol::CompileResponse out;
  if (auto refusal = refuse_parts(request.scopes)) {
    out.answer = std::move(*refusal);
    return out;
  }
  LogTail log;  // outlives the environment
  ONNXPACK_TRY(const Runtime runtime, Runtime::load(options.library));
  ONNXPACK_TRY(const PluginLibrary library, find_library(provider, runtime));
  events.progress("prepare", 0.0);
  ONNXPACK_TRY(const MappedFile file,
               in(MappedFile::open(request.component.model), request.component.model));
  if (options.prepare) {
    ONNXPACK_TRY(const auto dynamic, refuse_dynamic(file.bytes(), request.free_dimensions,
                                                    request.input_shapes, provider));
    if (dynamic) {
      out.answer = *dynamic;
      return out;
    }
  } else {
    events.log(
        "warning",
        "onnxruntime.prepare=off: the vendor's compiler gets the graph as exported; should it "
        "crash or refuse, prepare=on is the cure to try first");
  }
  ONNXPACK_TRY(Bytes model, with_input_shapes(file.bytes(), request.input_shapes));
  ONNXPACK_TRY(const auto environment, runtime.make_environment(&log));
  ONNXPACK_TRY(const Prepared prepared,
               prepare(runtime, *environment, request, options, std::move(model)));

  events.progress("compile", 0.2);
  const fs::path folder = request.output_dir;
  SessionSettings settings = settings_for(request, options);
  settings.threads = 0;
  const CompilerJob job{prepared.input, folder / context_model, options.embed,
                        classes_of(request.target), settings};
  const auto device = compile_with_plugin(runtime, *environment, provider, library.path, job, log);
  if (!device) {
    out.answer =
        protocol::failed(device.error().message(),
                         compile_hint(device.error(), provider, prepared, options), "compile");
    return out;
  }
  events.progress("collect", 0.95);
  ONNXPACK_TRY(const MappedFile written, MappedFile::open(folder / context_model));
  ONNXPACK_TRY(const CompiledModel compiled, read_compiled_model(written.bytes()));
  if (auto refusal = refuse_result(compiled, provider)) {
    out.answer = std::move(*refusal);
    return out;
  }
  ONNXPACK_CHECK(check_files(folder, compiled));
  events.blob(context_model);
  for (const std::string& name : compiled.files) events.blob(name);
  out.variants.push_back(
      describe_variant(request, provider, runtime, library, *device, prepared, compiled));
  if (!prepared.moved.empty()) {
    out.notes.push_back(fmt::format(
        "{} initializer{} that only bodies read (the first: '{}') went into them, since ONNX "
        "Runtime would drop {} (its issue 32131)",
        prepared.moved.size(), prepared.moved.size() == 1 ? "" : "s",
        printable(prepared.moved.front()), prepared.moved.size() == 1 ? "it" : "them"));
  }
  if (!provider.is_qnn()) out.notes.push_back(fmt::format("compiled for [{}]", device->text()));
  out.notes.push_back(coverage_note(prepared, compiled, options));
  // Seen on a loaded machine in one of five compiles of one small graph: two bytes of 48 KB.
  if (provider.is_qnn())
    out.notes.push_back(
        "not reproducible byte for byte: a few bytes of a context binary may differ between two "
        "compiles");
  return out;
}

}  // namespace onnxpack::ort_backend
