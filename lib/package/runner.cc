#include "runner.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "installed.h"
#include "onnxpack/backend/supervisor.h"
#include "onnxpack/base/text.h"
#include "onnxpack/io/safe_path.h"
#include "onnxpack/io/scratch.h"
#include "onnxpack/package/extract.h"
#include "onnxpack/protocol/run.h"
#include "onnxpack/transform/flex_attention.h"
#include "onnxpack/transform/save.h"

namespace onnxpack::package {
namespace {

using protocol::AnswerStatus;

// Of the operators' library; read in the backend's process.
constexpr const char* kernels_variable = "ONNXPACK_KERNELS";
constexpr const char* operators_domain = "org.onnxpack";

// Runs are short: what is silent for this long is stuck.
constexpr std::chrono::minutes quiet_limit{5};

protocol::RunVariant to_protocol(const manifest::Variant& variant) {
  protocol::RunVariant out;
  out.name = variant.name;
  out.ep = variant.ep;
  out.device = variant.device;
  out.compatibility_string = variant.compatibility_string;
  out.precision = variant.precision;
  out.fixed_shapes = variant.fixed_shapes;
  out.executor_info = variant.executor_info;
  for (const auto& partition : variant.partitions) {
    protocol::RunPartition& part = out.partitions.emplace_back();
    part.scope = partition.scope;
    for (const auto& blob : partition.blobs) {
      auto& to = part.blobs.emplace_back();
      to.path = blob.member;
      to.role = blob.role;
    }
  }
  return out;
}

manifest::Latency to_manifest(const protocol::Timings& timings, unsigned threads) {
  return {timings.session_ms,
          timings.first_run_ms,
          timings.median_ms,
          timings.p10_ms,
          timings.p90_ms,
          timings.runs,
          threads};
}

RunResult not_run(std::string reason, std::string runtime = "") {
  return {RunStatus::not_run, std::move(reason), std::move(runtime), {}, std::nullopt, {}};
}
RunResult failed(std::string reason, std::string runtime = "") {
  return {RunStatus::failed, std::move(reason), std::move(runtime), {}, std::nullopt, {}};
}

}  // namespace

struct Runner::State {
  const Environment& environment;
  const PackageFile& package;
  Installed installed;
  io::ScratchDirectory folder;  // laid out like the package; also the backends' work folder
  std::set<std::string> there;  // components and variants that were materialised
  std::map<std::string, std::string> environment_of_backends = backend::backend_environment();
  unsigned calls = 0;
  std::map<std::string, bool> lowered = {};  // components: whether they have to be

  Status materialise(const manifest::Component& component, const manifest::Variant* variant) {
    if (there.insert("component " + component.name).second) {
      ONNXPACK_CHECK(materialise_component(environment, package, component, folder.path()));
    }
    if (variant != nullptr && there.insert("variant " + variant->name).second) {
      ONNXPACK_CHECK(materialise_variant(environment, package, *variant, folder.path()));
    }
    return {};
  }

  bool takes_operators(const InstalledBackend& program) const {
    return std::ranges::any_of(program.description.serves, [](const protocol::ServeRule& rule) {
      return std::ranges::find(rule.domains, operators_domain) != rule.domains.end();
    });
  }

  Result<bool> is_lowered(const manifest::Component& component) {
    if (auto known = lowered.find(component.name); known != lowered.end()) return known->second;
    ONNXPACK_CHECK(materialise(component, nullptr));
    ONNXPACK_TRY(auto model,
                 model::ModelFile::open(*environment.files, folder.path() / component.model));
    ONNXPACK_TRY(bool has, transform::has_flex_attention(model));
    return lowered[component.name] = has;
  }

  // Writes the lowered original beside the original, once, and gives its name.
  Result<std::string> lower(const manifest::Component& component, bool expanded) {
    std::string name = std::filesystem::path(component.model).parent_path().string() +
                       (expanded ? "/model.expanded.onnx" : "/model.operators.onnx");
    auto path = folder.path() / name;
    if (environment.files->exists(path)) return name;
    ONNXPACK_TRY(auto model,
                 model::ModelFile::open(*environment.files, folder.path() / component.model));
    ONNXPACK_TRY(auto lowering,
                 transform::lower_flex_attention(model, expanded ? transform::FlexForm::expansion
                                                                 : transform::FlexForm::operator_));
    ONNXPACK_CHECK(
        transform::save_model(*environment.files, model, lowering.splice, path, io::Overwrite::no));
    return name;
  }

  // The original as something that the backend's runtime loads; says in `as` as what.
  Status lower_original(const manifest::Component& component, const InstalledBackend& program,
                        OriginalForm form, protocol::RunRequest& request, std::string& as) {
    ONNXPACK_TRY(bool wanted, is_lowered(component));
    if (!wanted) return {};
    bool expanded = form == OriginalForm::expanded || !takes_operators(program);
    ONNXPACK_TRY(request.model, lower(component, expanded));
    as = expanded                                ? "onnx's function body in standard operators"
         : form == OriginalForm::plain_operators ? std::string(plain_operators_text)
                                                 : "the kernels of org.onnxpack";
    return {};
  }

  Result<protocol::RunRequest> make_request(const manifest::Component& component,
                                            const manifest::Variant* variant,
                                            const std::vector<tensor::NamedTensor>& inputs,
                                            const RunOptions& options) {
    std::string name = fmt::format("run-{}", calls++);
    protocol::RunRequest request;
    request.root = ".";
    request.component_name = component.name;
    request.model = component.model;
    if (variant != nullptr) request.variant = to_protocol(*variant);
    request.output_dir = name + "/out";
    request.scratch_dir = name + "/scratch";
    request.warmup = options.warmup;
    request.runs = options.runs;
    request.threads = options.threads;
    auto& files = *environment.files;
    ONNXPACK_CHECK(files.make_directories(folder.path() / request.output_dir));
    ONNXPACK_CHECK(files.make_directories(folder.path() / request.scratch_dir));
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      std::string path = fmt::format("{}/input-{}.bin", name, i);
      ONNXPACK_TRY(auto file, files.create(folder.path() / path));
      ONNXPACK_CHECK(file->write(inputs[i].value.data));
      ONNXPACK_CHECK(file->publish_unsynced(io::Overwrite::no));
      request.inputs.push_back(
          {inputs[i].name, tensor::type_string(inputs[i].value.type), inputs[i].value.shape, path});
    }
    return request;
  }

  // A backend's outputs are foreign bytes: names, types and sizes are checked while they are read.
  Result<std::vector<tensor::NamedTensor>> read_outputs(const protocol::RunRequest& request,
                                                        const protocol::RunResponse& response) {
    std::vector<tensor::NamedTensor> out;
    for (const auto& output : response.outputs) {
      ONNXPACK_TRY(auto path, io::join_beneath(folder.path() / request.output_dir, output.path));
      ONNXPACK_TRY(auto type, tensor::parse_element_type(output.type));
      ONNXPACK_TRY(auto value, tensor::read_raw(*environment.files, path, type, output.shape));
      out.push_back({output.name, std::move(value)});
    }
    return out;
  }

  Result<RunResult> interpret(const backend::Outcome& outcome, const protocol::RunRequest& request,
                              const RunOptions& options) {
    if (outcome.kind == backend::OutcomeKind::cancelled) {
      return fail(ErrorKind::cancelled, "interrupted");
    }
    if (outcome.kind != backend::OutcomeKind::ok && outcome.kind != backend::OutcomeKind::refused &&
        outcome.kind != backend::OutcomeKind::error) {
      return failed(backend::headline(outcome));
    }
    auto response = protocol::run_response_from_json(json::Cursor(outcome.response));
    if (!response) {
      return failed(
          fmt::format("{} answered nonsense: {}", outcome.backend, response.error().message()));
    }
    const auto& answer = response->answer;
    std::string reason =
        answer.hint.empty() ? answer.reason : fmt::format("{} ({})", answer.reason, answer.hint);
    if (answer.status == AnswerStatus::refused) return not_run(reason, response->runtime);
    if (answer.status == AnswerStatus::error) return failed(reason, response->runtime);
    auto outputs = read_outputs(request, *response);
    if (!outputs)
      return failed(fmt::format("its outputs cannot be read: {}", outputs.error().message()),
                    response->runtime);
    RunResult result{RunStatus::ran,      "",           response->runtime,
                     std::move(*outputs), std::nullopt, response->notes};
    if (response->timings) result.latency = to_manifest(*response->timings, options.threads);
    return result;
  }
};

Runner::Runner(std::unique_ptr<State> state) : state_(std::move(state)) {}
Runner::~Runner() = default;

Result<std::unique_ptr<Runner>> Runner::start(const Environment& environment,
                                              const PackageFile& package) {
  ONNXPACK_TRY(auto installed, Installed::find(environment));
  ONNXPACK_TRY(auto folder, io::ScratchDirectory::create("onnx-pack-run-"));
  return std::unique_ptr<Runner>(new Runner(std::unique_ptr<State>(
      new State{environment, package, std::move(installed), std::move(folder), {}})));
}

namespace {

// One run that takes longer than this is measured by itself: an emulated GPU may need a minute for
// each.
constexpr double slow_ms = 1500;

}  // namespace

bool is_slow(const RunResult& result) {
  // An emulated run may know no first run apart.
  return result.latency &&
         std::max(result.latency->first_run_ms, result.latency->median_ms) > slow_ms;
}

// Looks before it measures: repeating a run that takes a minute ten times tells nobody anything.
// Costs a second session where runs are quick.
Result<RunResult> Runner::run(const manifest::Component& component,
                              const manifest::Variant* variant,
                              const std::vector<tensor::NamedTensor>& inputs,
                              const RunOptions& options) {
  ONNXPACK_TRY(RunResult first,
               run_exactly(component, variant, inputs, {0, 1, options.threads, options.form}));
  if (first.status != RunStatus::ran || options.warmup + options.runs < 2) return first;
  if (is_slow(first)) {
    first.notes.push_back("timed by a single run, since one takes long");
    return first;
  }
  return run_exactly(component, variant, inputs, options);
}

Result<bool> Runner::is_lowered(const manifest::Component& component) {
  return state_->is_lowered(component);
}

Result<RunResult> Runner::run_exactly(const manifest::Component& component,
                                      const manifest::Variant* variant,
                                      const std::vector<tensor::NamedTensor>& inputs,
                                      const RunOptions& options) {
  std::string name = variant != nullptr ? variant->backend : std::string(reference_backend);
  const InstalledBackend* program = state_->installed.find(name);
  if (program == nullptr) {
    return not_run(fmt::format("backend {} is not installed", name));
  }
  if (!program->problem.empty())
    return not_run(fmt::format("backend {}: {}", name, program->problem));
  if (std::ranges::find(program->description.verbs, protocol::Verb::run) ==
      program->description.verbs.end()) {
    return not_run(fmt::format("backend {} cannot run what it compiles", name));
  }
  ONNXPACK_CHECK(state_->materialise(component, variant));
  ONNXPACK_TRY(auto request, state_->make_request(component, variant, inputs, options));
  std::string as;
  if (variant == nullptr) {
    ONNXPACK_CHECK(state_->lower_original(component, *program, options.form, request, as));
  }

  backend::Invocation invocation;
  invocation.backend = name;
  invocation.program = program->program.path;
  invocation.verb = protocol::Verb::run;
  invocation.request = protocol::to_json(request);
  invocation.work_folder = state_->folder.path();
  invocation.log_file = state_->folder.path() / fmt::format("run-{}.log", state_->calls);
  invocation.limits.quiet = quiet_limit;
  invocation.cancel = state_->environment.cancel;
  invocation.environment = state_->environment_of_backends;
  if (variant == nullptr && options.form == OriginalForm::plain_operators)
    invocation.environment[kernels_variable] = "reference";
  ONNXPACK_TRY(auto outcome, backend::run_backend(invocation));
  ONNXPACK_TRY(auto result, state_->interpret(outcome, request, options));
  result.as = std::move(as);
  return result;
}

}  // namespace onnxpack::package
