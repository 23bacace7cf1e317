#include <algorithm>
#include <optional>

#include <fmt/format.h>

#include "build_flags.h"
#include "documents.h"
#include "onnxpack/base/text.h"
#include "onnxpack/package/bench.h"
#include "onnxpack/package/build.h"
#include "render.h"
#include "values.h"
#include "verb.h"

namespace onnxpack::cli {
namespace {

constexpr const char* default_build_file = "onnx-pack.json";

std::pair<std::string, std::filesystem::path> name_and_path(const std::string& text) {
  auto equals = text.find('=');
  if (equals == std::string::npos || equals == 0) {
    std::filesystem::path path = text;
    return {path.filename().string(), path};
  }
  return {text.substr(0, equals), text.substr(equals + 1)};
}

template <typename Item, typename Field>
void put(std::vector<Item>& items, Item item, Field name) {
  auto same =
      std::ranges::find_if(items, [&](const Item& known) { return known.*name == item.*name; });
  if (same == items.end()) {
    items.push_back(std::move(item));
  } else {
    *same = std::move(item);
  }
}

class Build final : public Command {
 public:
  void declare(Flags& flags) override;
  Result<ExitCode> run(Context& context) override;

 private:
  void declare_inputs(Flags& flags);
  void declare_limits(Flags& flags);
  void declare_package_info(Flags& flags);
  Status resolve_targets(Context& context);
  Status check(Context& context) const;
  // Nothing where there is nothing to measure.
  Result<std::optional<package::BenchReport>> bench(Context& context,
                                                    const package::BuildReport& report) const;

  package::BuildRequest request_;
  TargetFlags target_flags_;
  bool build_file_ = false;
  bool no_cache_ = false;
  bool bench_ = false;
  std::vector<std::string> targets_;
  std::vector<std::string> backends_;
};

void Build::declare(Flags& flags) {
  // First, so that what it says are defaults for all flags below.
  flags.once("--build-file,-f", "FILE", "take the request from a build file; flags override it",
             [this](const std::string& file) -> Status {
               auto request = package::read_build_file(io::real_file_system(), file);
               if (!request) return std::unexpected(as_usage(request.error()));
               request_ = std::move(*request);
               build_file_ = true;
               return {};
             });
  declare_inputs(flags);
  target_flags_.declare_shapes(flags);
  declare_limits(flags);
  declare_package_info(flags);
}

void Build::declare_inputs(Flags& flags) {
  flags.positional("MODEL", Count::optional, "a standard ONNX model; the component 'model'",
                   [this](const std::string& path) -> Status {
                     put(request_.components, {"model", path}, &package::ComponentRequest::name);
                     return {};
                   });
  flags.texts("--target,-t", "TARGET", "a profile name, a JSON file, or host; may be repeated",
              targets_);
  flags.path("--output,-o", "FILE", "the package to write", request_.output);
  flags.flag("--force", "replace the output if it exists",
             [this] { request_.overwrite = io::Overwrite::yes; });
  flags.each(
      "--component", "NAME=MODEL", "another model in the same package; may be repeated",
      [this](const std::string& text) -> Status {
        ONNXPACK_TRY(auto pair, parse_pair(text, "NAME=MODEL"));
        put(request_.components, {pair.first, pair.second}, &package::ComponentRequest::name);
        return {};
      });
  flags.each("--attach", "[NAME=]FILE", "a file that travels with the model; may be repeated",
             [this](const std::string& text) -> Status {
               auto [name, path] = name_and_path(text);
               put(request_.attachments, {name, path}, &package::AttachmentRequest::name);
               return {};
             });
  target_flags_.declare_sources(flags);
  flags.texts("--backend", "NAME|none",
              "only this backend; may be repeated; none packs the model alone", backends_);
  flags.on("--dry-run", "say what would be compiled and why, write nothing", request_.dry_run);
  flags.on("--bench", "measure what runs here, and put the figures into the package", bench_);
}

void Build::declare_limits(Flags& flags) {
  flags.heading("What may go wrong, and how long it may take");
  flags.texts("--allow-missing", "TARGET", "losing this target is no failure",
              request_.allow_missing);
  flags.once("--min-coverage", "SHARE", "a variant must cover this share of the nodes: 0.9 or 90%",
             [this](const std::string& text) -> Status {
               ONNXPACK_TRY(request_.min_coverage, parse_share(text));
               return {};
             });
  flags.on("--compact",
           "hold exactly ternary weights of the models in 1.6 bits each; unzip alone then gives no "
           "model that runs",
           request_.compact);
  flags.on("--fail-fast", "stop at the first target that is lost", request_.fail_fast);
  flags.number("--jobs", "N", "compilers at once (default: by cores)", request_.jobs);
  flags.once("--timeout", "TIME", "a compiler may take this long: 90s, 10m, 2h",
             [this](const std::string& text) -> Status {
               ONNXPACK_TRY(request_.compile_timeout, parse_duration(text));
               return {};
             });
  flags.once("--heartbeat-timeout", "TIME", "a compiler may be silent this long (default 120s)",
             [this](const std::string& text) -> Status {
               ONNXPACK_TRY(request_.heartbeat_timeout, parse_duration(text));
               return {};
             });
  flags.once("--memory-limit", "SIZE", "memory of one compiler with its children: 8GiB",
             [this](const std::string& text) -> Status {
               ONNXPACK_TRY(request_.memory_limit, parse_size(text));
               return {};
             });
  flags.on("--no-cache", "compile even what was compiled before", no_cache_);
}

void Build::declare_package_info(Flags& flags) {
  flags.heading("What the package says of itself");
  flags.text("--package-name", "NAME", "a name for people", request_.info.name);
  flags.text("--package-version", "VERSION", "a version for people", request_.info.version);
  flags.text("--description", "TEXT", "one line", request_.info.description);
  flags.texts("--license", "SPDX", "a licence of the model; may be repeated",
              request_.info.licenses);
}

Status Build::resolve_targets(Context& context) {
  if (!targets_.empty()) request_.targets.clear();
  for (target::Target& target : request_.targets) {
    // A build file cannot describe the machine that will read it; it leaves `host` as a bare name.
    if (target.name == "host" && target.facts.empty()) {
      ONNXPACK_TRY(target, context.target("host"));
    }
  }
  for (const std::string& text : targets_) {
    ONNXPACK_TRY(auto target, context.target(text));
    auto same = std::ranges::find(request_.targets, target.name, &target::Target::name);
    if (same != request_.targets.end()) {
      return fail(ErrorKind::invalid_argument,
                  fmt::format("target {} was given twice", printable(target.name)));
    }
    request_.targets.push_back(std::move(target));
  }
  return {};
}

Status Build::check(Context& context) const {
  std::string here;
  if (!build_file_ && context.files().exists(default_build_file)) {
    here = fmt::format("; -f {0} uses the {0} that lies here", default_build_file);
  }
  if (request_.components.empty()) {
    return fail(ErrorKind::invalid_argument, "no model was named",
                "type 'onnx-pack build model.onnx --target host -o model.onnxpkg'" + here);
  }
  bool alone = request_.backends == std::vector<std::string>{"none"};
  if (request_.targets.empty() && targets_.empty() && !alone) {
    return fail(ErrorKind::invalid_argument, "no target was named",
                "add --target host for this machine, another name from 'onnx-pack targets', or "
                "--backend none to pack the model alone" +
                    here);
  }
  if (request_.output.empty() && !request_.dry_run) {
    std::filesystem::path stem = request_.components.front().model.stem();
    return fail(ErrorKind::invalid_argument, "no output was named",
                fmt::format("add -o {}.onnxpkg", printable(stem.string())));
  }
  return {};
}

// With the shapes that the whole build was given, which the variants were compiled for.
Result<std::optional<package::BenchReport>> Build::bench(Context& context,
                                                         const package::BuildReport& report) const {
  bool any =
      std::ranges::any_of(report.jobs, [](const auto& job) { return !job.variants.empty(); });
  if (!bench_ || report.package_id.empty() || !any) return std::nullopt;
  package::BenchRequest request;
  request.inputs.shapes = request_.settings.input_shapes;
  ONNXPACK_TRY(auto out, package::bench_into(context.environment(), request_.output, request));
  return out;
}

Result<ExitCode> Build::run(Context& context) {
  if (!backends_.empty()) request_.backends = backends_;
  // Before resolve_targets: what needs no backend is said before a host target starts any.
  ONNXPACK_CHECK(check(context));
  ONNXPACK_CHECK(resolve_targets(context));
  ONNXPACK_CHECK(target_flags_.apply(request_));
  ONNXPACK_CHECK(context.open_log("build"));
  if (no_cache_) context.environment().cache.clear();

  ONNXPACK_TRY(auto report, package::build(context.environment(), request_));
  ONNXPACK_TRY(auto figures, bench(context, report));
  context.end_progress();
  ExitCode code = report.lost_targets.empty() ? ExitCode::ok : ExitCode::partial;
  if (context.json()) {
    json::Value document = build_document(report, request_.output.string(), code);
    if (figures) document["bench"] = bench_document(*figures);
    context.print(document);
    return code;
  }
  for (const std::string& warning : report.warnings) context.console().warn(warning);
  render_build(context.console(), request_, report);
  if (figures) {
    context.out() << '\n';
    render_bench(context.console(), *figures);
  }
  if ((code != ExitCode::ok || context.console().verbose()) && !context.log_file().empty()) {
    context.console().note("log: " + context.log_file().string());
  }
  return code;
}

}  // namespace

const Verb build_verb = {
    .name = "build",
    .help = "compile a model for targets and pack everything into one file",
    .examples =
        "onnx-pack build model.onnx --target host -o model.onnxpkg\n"
        "onnx-pack build model.onnx -t x86-64-v3 -t qualcomm-sm8650 --input-shape x:1,3,48,192 -o "
        "model.onnxpkg\n"
        "onnx-pack build --component encoder=enc.onnx --component decoder=dec.onnx --attach "
        "vocab.txt -t host -o asr.onnxpkg\n"
        "onnx-pack build model.onnx -t host -t qualcomm-sm8650 --source qualcomm-sm8650=int8.onnx "
        "-o "
        "model.onnxpkg\n"
        "onnx-pack build model.onnx --backend none -o model.onnxpkg    # the model alone\n"
        "onnx-pack build -f onnx-pack.json                             # all of it from a build "
        "file",
    .needs = Needs::backends,
    .make = make_command<Build>};

}  // namespace onnxpack::cli
