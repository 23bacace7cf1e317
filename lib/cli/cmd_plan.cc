#include <algorithm>

#include <fmt/format.h>

#include "documents.h"
#include "onnxpack/base/text.h"
#include "onnxpack/package/annex.h"
#include "onnxpack/package/fleet.h"
#include "render.h"
#include "verb.h"

namespace onnxpack::cli {
namespace {

bool is_device_file(const std::string& text) {
  return text.ends_with(".json");
}

class Plan final : public Command {
 public:
  void declare(Flags& flags) override;
  Result<ExitCode> run(Context& context) override;

 private:
  // A shell puts all files of DEVICES/*.json but the first among the arguments.
  Status take(const std::string& text) {
    if (is_device_file(text)) {
      fleet_.push_back(text);
    } else if (subject_.empty()) {
      subject_ = text;
    } else {
      return fail(ErrorKind::invalid_argument,
                  fmt::format("found both {} and {}", printable(subject_), printable(text)),
                  "device files end in .json; one model or package is planned for at a time");
    }
    return {};
  }
  Status check() const;
  Result<std::vector<select::FleetDevice>> devices(Context& context) const;
  Result<package::FleetReport> plan(Context& context,
                                    const std::vector<select::FleetDevice>& devices);

  std::string subject_;
  std::vector<std::string> fleet_;
  std::vector<std::string> targets_;
  std::vector<std::filesystem::path> evidence_;
  select::Request ranking_;
};

void Plan::declare(Flags& flags) {
  flags.positional("MODEL|PACKAGE", Count::many, "what the fleet is to run; further device files",
                   [this](const std::string& text) { return take(text); });
  flags.texts("--fleet", "FILE.json|FOLDER",
              "device files, as `targets show host` writes them; may be repeated", fleet_);
  flags.texts("--target,-t", "TARGET",
              "of a model: consider only this target; may be repeated (default: every profile)",
              targets_);
  flags.heading("Of a package: how its variants are ranked");
  flags.paths("--evidence", "FILE", "measurements to go by; may be repeated", evidence_);
  flags.flag("--prefer-variants",
             "put variants for a CPU or any GPU that nobody measured above the original graph",
             [this] { ranking_.unmeasured = select::Unmeasured::above_original; });
}

Status Plan::check() const {
  if (fleet_.empty()) {
    return fail(ErrorKind::invalid_argument, "no device was named",
                "add --fleet DEVICES/*.json, or a folder of device files");
  }
  if (!subject_.empty()) return {};
  return fail(ErrorKind::invalid_argument, "no model or package was named",
              "type 'onnx-pack plan --fleet devices/*.json model.onnx'");
}

Result<std::vector<select::FleetDevice>> Plan::devices(Context& context) const {
  std::vector<std::filesystem::path> paths;
  for (const std::string& text : fleet_) {
    auto status = context.files().status(text);
    if (!status || status->type != io::EntryType::directory) {
      paths.emplace_back(text);
      continue;
    }
    ONNXPACK_TRY(auto names, context.files().list(text));
    std::ranges::sort(names);
    for (const auto& name : names) {
      if (is_device_file(name)) paths.push_back(std::filesystem::path(text) / name);
    }
  }
  std::vector<select::FleetDevice> out;
  for (const auto& path : paths) {
    ONNXPACK_TRY(auto target, context.target(path.string()));
    out.push_back({path.stem().string(), std::move(target)});
  }
  return out;
}

Result<package::FleetReport> Plan::plan(Context& context,
                                        const std::vector<select::FleetDevice>& devices) {
  if (package::looks_like_package(context.files(), subject_)) {
    if (!targets_.empty()) {
      return fail(ErrorKind::invalid_argument, "--target is for models; this is a package",
                  "its variants are what there is to choose from");
    }
    ONNXPACK_TRY(auto package, package::PackageFile::open(context.files(), subject_));
    ONNXPACK_TRY(ranking_.evidence, package::read_evidence(context.files(), evidence_));
    return package::plan_package(package, devices, ranking_);
  }
  std::vector<target::Target> candidates;
  for (const auto& text : targets_) {
    ONNXPACK_TRY(auto target, context.target(text));
    candidates.push_back(std::move(target));
  }
  return package::plan_model(context.environment(), subject_, devices, candidates);
}

Result<ExitCode> Plan::run(Context& context) {
  ONNXPACK_CHECK(check());
  ONNXPACK_TRY(auto fleet, devices(context));
  ONNXPACK_TRY(auto report, plan(context, fleet));
  context.end_progress();
  if (context.json()) {
    context.print(plan_document(report));
  } else {
    render_plan(context.console(), report, subject_, fleet.size());
  }
  return ExitCode::ok;
}

}  // namespace

const Verb plan_verb = {
    .name = "plan",
    .help = "say which targets a fleet of devices needs, and who falls back to the original",
    .examples =
        "onnx-pack plan --fleet devices/*.json model.onnx       # what to build\n"
        "onnx-pack plan --fleet devices/*.json model.onnxpkg    # who takes what of it\n"
        "onnx-pack targets show host > devices/till-7.json      # on a device of the fleet",
    .needs = Needs::backends,
    .make = make_command<Plan>};

}  // namespace onnxpack::cli
