#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "backend.h"
#include "compile_answer.h"
#include "compile_provider.h"
#include "graph_rewriter.h"
#include "input_shapes.h"
#include "onnxpack/base/text.h"
#include "onnxpack/io/file.h"
#include "onnxpack/target/compatibility.h"
#include "ops_library.h"
#include "options.h"
#include "runtime.h"
#include "session.h"
#include "source_index.h"

namespace onnxpack::ort_backend {
namespace {

namespace fs = std::filesystem;

constexpr const char* graph_file = "graph.onnx";
constexpr const char* weights_file = "weights.bin";

// What is made for a request, or why nothing is.
struct Decision {
  OptimizationLevel level = OptimizationLevel::extended;
  std::optional<protocol::Answer> refusal;
};

Decision decide(const Options& options, const target::Target& target,
                const std::vector<protocol::ScopeInput>& scopes) {
  Decision out;
  if (auto refusal = refuse_parts(scopes)) {
    out.refusal = std::move(*refusal);
  } else if (options.variant == VariantKind::none) {
    out.refusal =
        protocol::refused("option onnxruntime.variant=none: the original graph serves this target");
  } else if (options.variant == VariantKind::all && target.name != "host") {
    out.refusal = protocol::refused(fmt::format("optimisation level all lays weights out for the "
                                                "CPU it runs on, and target '{}' may be another",
                                                target.name),
                                    "use onnxruntime.variant=extended, or target host");
  }
  if (options.variant == VariantKind::all) out.level = OptimizationLevel::all;
  return out;
}

struct Optimised {
  std::vector<Port> inputs;
  std::vector<Port> outputs;
};

// Has ORT optimise the model and save it into the scratch folder, weights beside it.
Result<Optimised> optimise(const Runtime& runtime, const protocol::CompileRequest& request,
                           const Options& options, OptimizationLevel level,
                           const SourceIndex& sources) {
  ONNXPACK_TRY(const auto environment, runtime.make_environment());
  SessionSettings settings;
  settings.level = level;
  settings.threads = request.threads;
  settings.free_dimensions = request.free_dimensions;
  settings.config = options.session_options;
  settings.config["session.optimized_model_external_initializers_file_name"] = weights_file;
  settings.config["session.optimized_model_external_initializers_min_size_in_bytes"] =
      std::to_string(SourceIndex::least_bytes);
  settings.config["session.disable_prepacking"] = "1";  // nothing is run here
  settings.save_optimized_to = fs::path(request.scratch_dir) / graph_file;

  const auto open = [&]() -> Result<Session> {
    if (request.input_shapes.empty())
      return Session::open(runtime, *environment, settings, fs::path(request.component.model));
    ONNXPACK_TRY(const Bytes fixed, with_input_shapes(sources.model(), request.input_shapes));
    return Session::open(runtime, *environment, settings, fixed,
                         fs::absolute(request.component.model).parent_path());
  };
  ONNXPACK_TRY(const Session session, in(open(), request.component.model));
  return Optimised{session.inputs(), session.outputs()};
}

// Instruction sets that ONNX Runtime's kernel library chooses its layouts by; others do not bind a
// graph.
bool bears_on_layout(std::string_view feature) {
  constexpr std::string_view prefixes[] = {"avx",   "fma", "f16c", "amx",  "sse4",
                                           "asimd", "sve", "i8mm", "bf16", "sme"};
  return std::ranges::any_of(prefixes,
                             [&](std::string_view prefix) { return feature.starts_with(prefix); });
}

// "1.31.1" -> {1, 31}.
std::pair<int, int> major_minor(const std::string& version) {
  const auto parts = split(version, '.');
  const auto number = [](std::string_view text) { return std::atoi(std::string(text).c_str()); };
  return {parts.empty() ? 0 : number(parts[0]), parts.size() < 2 ? 0 : number(parts[1])};
}

// An EXTENDED graph has contrib operators, which later releases keep; an ALL graph has the internal
// layout operators of one release.
std::string runtime_range(const Runtime& runtime, OptimizationLevel level) {
  const auto [major, minor] = major_minor(runtime.version());
  if (level == OptimizationLevel::all)
    return fmt::format(">={0}.{1},<{0}.{2}", major, minor, minor + 1);
  return fmt::format(">={}.{}", major, minor);
}

std::vector<target::Requirement> requirements(const Runtime& runtime, const target::Target& target,
                                              OptimizationLevel level, bool with_ops) {
  auto out = target::requirements_of(target, "cpu");
  if (level == OptimizationLevel::all) {
    // A host blob is bound to the instruction sets themselves, below what a level promises as well
    // as beyond.
    std::erase_if(out, [](const target::Requirement& r) { return r.feature == "cpu.features"; });
    if (const auto features = target.facts.find("cpu.features"); features != target.facts.end()) {
      std::vector<std::string> needed;
      std::ranges::copy_if(features->second, std::back_inserter(needed), bears_on_layout);
      std::ranges::sort(needed);
      if (!needed.empty()) out.push_back({"cpu.features", target::Test::all_of, std::move(needed)});
    }
  }
  // A profile states no runtimes, and what a target does not state fails closed: there the
  // compatibility string asks alone.
  if (target.facts.contains("runtime.onnxruntime") || level == OptimizationLevel::all) {
    out.push_back({"runtime.onnxruntime", target::Test::version, {runtime_range(runtime, level)}});
  }
  // Whatever the target states: a stock runtime does not have these operators.
  if (with_ops)
    out.push_back({ops_feature, target::Test::version, {fmt::format(">={}", ops_version)}});
  return out;
}

// Two namespaces: `ort` as in ONNX Runtime's Model Package (model_file is relative to the variant's
// folder), `onnx_pack` for what that format cannot say: weights are named from the package's root,
// so the graph is loaded from memory with session.model_external_initializers_file_folder_path set
// to that root; and the level that completes the optimisation.
json::Object write_executor_info(OptimizationLevel level) {
  json::Object out;
  out["ort"] = json::object({{"model_file", graph_file}});
  // The layout passes that EXTENDED leaves out run at load time, for whatever CPU that is. An ALL
  // graph is finished.
  const auto load_level =
      level == OptimizationLevel::all ? OptimizationLevel::none : OptimizationLevel::all;
  out["onnx_pack"] = json::object(
      {{"external_data_base", "package"}, {"graph_optimization_level", to_string(load_level)}});
  return out;
}

std::string compatibility(const Runtime& runtime, const std::vector<target::Requirement>& needs) {
  std::map<std::string, std::string> fields = {{"runtime.onnxruntime", runtime.version()}};
  for (const auto& need : needs) {
    if (need.feature == "arch.name" || need.feature == "cpu.features")
      fields[need.feature] = join(need.values, ",");
    if (need.feature == ops_feature) fields[ops_feature] = ops_version;
  }
  return target::make_compatibility_string(fields);
}

struct Written {
  std::uint64_t graph_bytes = 0;
  std::uint64_t shared_bytes = 0;
  std::uint64_t own_bytes = 0;
  std::set<std::string> references;
};

// Points the saved graph's weights into the package and publishes graph and remaining weights,
// unless they are too many for `most_own`.
Result<std::optional<Written>> write_blobs(const protocol::CompileRequest& request,
                                           const SourceIndex& component, double most_own) {
  // A request whose component will not be in the package shares nothing with it.
  const SourceIndex nothing;
  const SourceIndex& sources = request.self_contained ? nothing : component;
  io::FileSystem& disk = io::real_file_system();
  const fs::path saved_path = fs::path(request.scratch_dir) / graph_file;
  ONNXPACK_TRY(const MappedFile saved, MappedFile::open(saved_path));
  const RewriteRequest rewrite{saved.bytes(), request.scratch_dir,
                               fmt::format("variants/{}/{}", request.variant_name, weights_file)};
  const fs::path output = request.output_dir;
  std::unique_ptr<io::WritableFile> weights;
  ONNXPACK_TRY(const Rewritten rewritten,
               rewrite_initializers(rewrite, sources, disk, output / weights_file, weights));
  const Written written{rewritten.model.size(), rewritten.shared_bytes, rewritten.own_bytes,
                        rewritten.references};
  if (static_cast<double>(written.own_bytes) > most_own) return std::nullopt;
  if (weights) ONNXPACK_CHECK(weights->publish_unsynced(io::Overwrite::yes));
  ONNXPACK_TRY(auto graph, disk.create(output / graph_file));
  ONNXPACK_CHECK(graph->write(rewritten.model));
  ONNXPACK_CHECK(graph->publish_unsynced(io::Overwrite::yes));
  return written;
}

protocol::VariantAnswer describe_variant(const protocol::CompileRequest& request,
                                         const Runtime& runtime, OptimizationLevel level,
                                         const Optimised& optimised, const Written& written,
                                         bool with_ops) {
  protocol::VariantAnswer out;
  out.ep = cpu_provider;
  out.device = "cpu";
  out.precision = precision_of(optimised.outputs);
  out.requirements = requirements(runtime, request.target, level, with_ops);
  out.compatibility_string = compatibility(runtime, out.requirements);
  // Only where the request fixed any: shapes that the model states itself are no limit of the
  // variant.
  if (!request.free_dimensions.empty() || !request.input_shapes.empty())
    out.fixed_shapes = known_shapes(optimised.inputs);
  out.executor_info = write_executor_info(level);
  out.tools = {{"onnxruntime", runtime.version()}};
  if (with_ops) out.tools[ops_domain] = ops_version;
  protocol::PartitionAnswer partition;
  partition.scope = whole_graph;
  partition.blobs.push_back({graph_file, "model", std::nullopt, ""});
  if (written.own_bytes > 0) partition.blobs.push_back({weights_file, "weights", std::nullopt, ""});
  partition.inputs = descriptions(optimised.inputs);
  partition.outputs = descriptions(optimised.outputs);
  out.partitions = {std::move(partition)};
  out.references.assign(written.references.begin(), written.references.end());
  const std::uint64_t nodes = whole_scope(request.scopes).node_count;
  out.coverage = {nodes, nodes};
  return out;
}

protocol::Answer too_much(const SourceIndex& sources, double share) {
  return protocol::no_gain(fmt::format("no gain worth its size: the optimised graph needs more "
                                       "than {:.0f} % of the model's {} as weights of its own",
                                       100 * share, human_size(sources.total_bytes())),
                           "ask for it with onnxruntime.variant=extended");
}

}  // namespace

Result<protocol::PlanResponse> OrtBackend::plan(const protocol::PlanRequest& request,
                                                protocol::EventEmitter&) {
  ONNXPACK_TRY(const Options options, parse_options(request.options));
  ONNXPACK_TRY(const auto provider, provider_of(request.target, options));
  if (provider) return plan_for_provider(request, options, *provider);
  const Decision decision = decide(options, request.target, request.scopes);
  protocol::PlanResponse out;
  if (decision.refusal) {
    out.answer = *decision.refusal;
    out.refusals.push_back({whole_graph, out.answer.reason});
    return out;
  }
  ONNXPACK_CHECK(Runtime::load(options.library));
  ONNXPACK_TRY(const SourceIndex sources,
               in(SourceIndex::open("", request.component.model), request.component.model));
  ONNXPACK_CHECK(check_free_dimensions(sources.model(), request.free_dimensions));
  if (!request.input_shapes.empty())
    ONNXPACK_CHECK(with_input_shapes(sources.model(), request.input_shapes));
  const std::uint64_t nodes = whole_scope(request.scopes).node_count;
  out.partitions.push_back({whole_graph, {}});
  out.coverage = {nodes, nodes};
  // Measured on five models: the session holds the weights about three times while it saves
  // (parsed, folded, written).
  out.memory_bytes = (std::uint64_t{64} << 20) + 3 * sources.total_bytes();
  out.seconds = 0.5 + static_cast<double>(sources.total_bytes()) / 100e6;
  return out;
}

Result<protocol::CompileResponse> OrtBackend::compile(const protocol::CompileRequest& request,
                                                      protocol::EventEmitter& events) {
  ONNXPACK_TRY(const Options options, parse_options(request.options));
  ONNXPACK_TRY(const auto provider, provider_of(request.target, options));
  if (provider) return compile_for_provider(request, options, *provider, events);
  const Decision decision = decide(options, request.target, request.scopes);
  protocol::CompileResponse out;
  if (decision.refusal) {
    out.answer = *decision.refusal;
    return out;
  }
  ONNXPACK_TRY(const Runtime runtime, Runtime::load(options.library));
  events.progress("prepare", 0.0);
  ONNXPACK_TRY(const SourceIndex sources,
               in(SourceIndex::open("", request.component.model), request.component.model));
  ONNXPACK_CHECK(check_free_dimensions(sources.model(), request.free_dimensions));
  events.progress("optimize", 0.1);
  ONNXPACK_TRY(const Optimised optimised,
               optimise(runtime, request, options, decision.level, sources));
  events.progress("share", 0.8);
  const bool limited = options.variant == VariantKind::automatic && !request.self_contained;
  const double most_own = limited
                              ? options.max_added_share * static_cast<double>(sources.total_bytes())
                              : std::numeric_limits<double>::infinity();
  ONNXPACK_TRY(const auto written, write_blobs(request, sources, most_own));
  if (!written) {
    out.answer = too_much(sources, options.max_added_share);
    return out;
  }
  events.blob(graph_file);
  if (written->own_bytes > 0) events.blob(weights_file);
  ONNXPACK_TRY(const bool with_ops, imports_ops(sources.model()));
  out.variants.push_back(
      describe_variant(request, runtime, decision.level, optimised, *written, with_ops));
  if (decision.level == OptimizationLevel::all) {
    out.notes.push_back(
        "not reproducible byte for byte: ONNX Runtime names layout nodes in the order of their "
        "addresses");
  }
  out.notes.push_back(fmt::format("level {}: graph {}, weights {} shared with the original, {} own",
                                  to_string(decision.level), human_size(written->graph_bytes),
                                  human_size(written->shared_bytes),
                                  human_size(written->own_bytes)));
  return out;
}

}  // namespace onnxpack::ort_backend
