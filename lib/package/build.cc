#include "onnxpack/package/build.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "compile_jobs.h"
#include "installed.h"
#include "onnxpack/base/text.h"
#include "onnxpack/io/safe_path.h"
#include "onnxpack/io/scratch.h"
#include "plan.h"
#include "prepare.h"
#include "stage.h"
#include "writer.h"

namespace onnxpack::package {
namespace {

using Clock = std::chrono::steady_clock;

std::chrono::milliseconds since(Clock::time_point start) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - start);
}

bool packs_only(const BuildRequest& request) {
  return request.backends == std::vector<std::string>{"none"};
}

Status check_components(const BuildRequest& request) {
  if (request.components.empty()) {
    return fail(ErrorKind::invalid_argument, "no model to pack",
                "name one: onnx-pack build model.onnx --target x86-64-v3 -o model.onnxpkg");
  }
  std::set<std::string> names;
  for (const auto& component : request.components) {
    if (!names.insert(io::fold_case(component.name)).second) {
      return fail(
          ErrorKind::invalid_argument,
          fmt::format("two components are called {}", printable(component.name)),
          "give each a name: --component encoder=encoder.onnx --component decoder=decoder.onnx");
    }
  }
  return {};
}

Status check_attachments(const Environment& environment, const BuildRequest& request) {
  std::set<std::string> names;
  for (const auto& attachment : request.attachments) {
    ONNXPACK_CHECK(in(io::check_relative_name(attachment.name), "--attach"));
    if (!names.insert(io::fold_case(attachment.name)).second) {
      return fail(ErrorKind::invalid_argument,
                  fmt::format("two attachments are called {}", printable(attachment.name)));
    }
    ONNXPACK_CHECK(environment.files->open(attachment.file));
  }
  return {};
}

// What can be known to fail at the end is said at the beginning.
Status check_output(const Environment& environment, const BuildRequest& request) {
  auto& files = *environment.files;
  if (request.output.empty()) {
    return fail(ErrorKind::invalid_argument, "no output file", "name it: -o model.onnxpkg");
  }
  auto there = files.status(request.output);
  if (there && there->type == io::EntryType::directory) {
    return fail(ErrorKind::invalid_argument,
                fmt::format("{} is a folder; -o names the package file",
                            printable(request.output.string())));
  }
  if (there && request.overwrite == io::Overwrite::no) {
    return fail(ErrorKind::already_exists,
                fmt::format("{} exists", printable(request.output.string())),
                "use --force to replace it, or choose another name with -o");
  }
  // Made and dropped: leaves nothing, and shows that the folder is there and can be written.
  ONNXPACK_CHECK(files.create(request.output));
  return {};
}

// The package would take the place of what it is made from, by whatever name or link.
Status check_is_no_input(const Environment& environment, const BuildRequest& request,
                         const std::filesystem::path& input) {
  if (!environment.files->same_file(request.output, input)) return {};
  return fail(ErrorKind::invalid_argument,
              fmt::format("-o {} is the same file as {}, which goes into the package",
                          printable(request.output.string()), printable(input.string())),
              "choose another name with -o");
}

Status check_inputs_apart(const Environment& environment, const BuildRequest& request,
                          const std::vector<PreparedComponent>& components) {
  for (const auto& component : components) {
    ONNXPACK_CHECK(check_is_no_input(environment, request, component.model.path()));
    for (const auto& file : component.model.external_files()) {
      auto data = component.model.path().parent_path() / file.location;
      ONNXPACK_CHECK(check_is_no_input(environment, request, data));
    }
  }
  for (const auto& attachment : request.attachments)
    ONNXPACK_CHECK(check_is_no_input(environment, request, attachment.file));
  return {};
}

Status check_targets(const BuildRequest& request) {
  if (!request.targets.empty() || packs_only(request)) return {};
  return fail(ErrorKind::invalid_argument, "no target to build for",
              "add --target host, --target x86-64-v3, ... (`onnx-pack targets` lists them), or "
              "--backend none to pack the model alone");
}

manifest::Manifest describe(const BuildRequest& request,
                            const std::vector<PreparedComponent>& components) {
  manifest::Manifest out;
  out.package = request.info;
  if (out.package.name.empty()) out.package.name = request.components[0].model.stem().string();
  for (const auto& component : components) out.components.push_back(component.description);
  for (const auto& attachment : request.attachments)
    out.attachments.push_back({"attachments/" + attachment.name, {}});
  std::ranges::sort(out.attachments, {}, &manifest::Attachment::member);
  return out;
}

// The order of the command line must not show in the package.
template <typename T, typename Key>
std::vector<T> sorted(std::vector<T> items, Key key) {
  std::ranges::sort(items, {}, key);
  return items;
}

std::vector<SourceFile> attachment_files(const BuildRequest& request) {
  std::vector<SourceFile> out;
  for (const auto& attachment : request.attachments)
    out.push_back({"attachments/" + attachment.name, attachment.file});
  return sorted(std::move(out), &SourceFile::member);
}

bool delivered(const JobReport& job) {
  return job.status == JobStatus::built || job.status == JobStatus::cached ||
         job.status == JobStatus::planned || job.status == JobStatus::no_gain;
}

// A target is lost when some component got nothing from any backend for it.
std::vector<std::string> lost_targets(const BuildRequest& request, const BuildReport& report) {
  std::vector<std::string> out;
  if (packs_only(request)) return out;
  for (const auto& target : request.targets) {
    if (std::ranges::find(request.allow_missing, target.name) != request.allow_missing.end())
      continue;
    for (const auto& component : request.components) {
      bool served = std::ranges::any_of(report.jobs, [&](const JobReport& job) {
        return job.target == target.name && job.component == component.name && delivered(job);
      });
      if (served) continue;
      out.push_back(target.name);
      break;
    }
  }
  return out;
}

Status check_allow_missing(const BuildRequest& request) {
  for (const auto& name : request.allow_missing) {
    if (std::ranges::any_of(request.targets,
                            [&](const auto& target) { return target.name == name; }))
      continue;
    return fail(ErrorKind::invalid_argument,
                fmt::format("--allow-missing {}: no such target is asked for", printable(name)));
  }
  return {};
}

// The refused ones stand where their target does, after the jobs that ran for it.
void merge_reports(const BuildRequest& request, std::vector<JobResult>& results,
                   std::vector<JobReport> refused, BuildReport& report) {
  for (const auto& target : request.targets) {
    for (JobResult& result : results) {
      if (result.report.target == target.name) report.jobs.push_back(std::move(result.report));
    }
    for (JobReport& job : refused) {
      if (job.target == target.name) report.jobs.push_back(std::move(job));
    }
  }
}

std::uint64_t original_size(const std::vector<PreparedComponent>& components) {
  std::uint64_t out = 0;
  for (const auto& component : components) {
    out += component.model.file().size();
    for (const auto& file : component.model.external_files()) out += file.size;
  }
  return out;
}

Result<std::vector<PreparedComponent>> prepare_all(const Environment& environment,
                                                   const BuildRequest& request,
                                                   std::vector<std::string>& warnings) {
  std::vector<PreparedComponent> out;
  for (const auto& component : sorted(request.components, &ComponentRequest::name)) {
    ONNXPACK_TRY(auto prepared, prepare_component(environment, component, warnings));
    out.push_back(std::move(prepared));
  }
  return out;
}

Status stage(const Environment& environment, const std::vector<PreparedComponent>& components,
             const Plan& plan, const std::filesystem::path& root) {
  ONNXPACK_CHECK(stage_components(environment, components, root));
  std::set<const PreparedSource*> staged;
  for (const Job& job : plan.jobs) {
    if (job.source == nullptr || !staged.insert(job.source).second) continue;
    ONNXPACK_CHECK(
        stage_components(environment, {*job.source->prepared}, stage_root(root, job.source)));
  }
  return {};
}

}  // namespace

std::string_view to_string(JobStatus status) {
  switch (status) {
    case JobStatus::built:
      return "built";
    case JobStatus::cached:
      return "cached";
    case JobStatus::planned:
      return "planned";
    case JobStatus::no_gain:
      return "no-gain";
    case JobStatus::refused:
      return "refused";
    case JobStatus::failed:
      return "failed";
    case JobStatus::crashed:
      return "crashed";
    case JobStatus::low_coverage:
      return "low-coverage";
    case JobStatus::skipped:
      return "skipped";
  }
  return "failed";
}

Result<BuildReport> build(const Environment& environment, const BuildRequest& request) {
  auto start = Clock::now();
  ONNXPACK_CHECK(check_components(request));
  ONNXPACK_CHECK(check_targets(request));
  ONNXPACK_CHECK(check_allow_missing(request));
  ONNXPACK_CHECK(check_attachments(environment, request));
  if (!request.dry_run) ONNXPACK_CHECK(check_output(environment, request));

  BuildReport report;
  ONNXPACK_TRY(auto components, prepare_all(environment, request, report.warnings));
  if (!request.dry_run) ONNXPACK_CHECK(check_inputs_apart(environment, request, components));
  report.original_size = original_size(components);

  std::vector<JobResult> results;
  // Packing alone compiles nothing and derives nothing, and so writes nowhere but to its output.
  std::optional<io::ScratchDirectory> scratch;
  if (!packs_only(request) || !request.sources.empty()) {
    ONNXPACK_TRY(scratch, io::ScratchDirectory::create("onnx-pack-build-"));
  }
  ONNXPACK_TRY(auto sources, Sources::prepare(environment, request, components,
                                              scratch ? scratch->path() : std::filesystem::path(),
                                              report.warnings));
  Installed installed;  // jobs point into it
  Plan plan;
  if (!packs_only(request)) {
    ONNXPACK_TRY(installed, Installed::find(environment));
    ONNXPACK_TRY(plan, make_plan(request, components, sources, installed));
    report.warnings.insert(report.warnings.end(), plan.warnings.begin(), plan.warnings.end());
    report.unserved_targets = plan.unserved;
    if (!plan.jobs.empty() && !request.dry_run)
      ONNXPACK_CHECK(stage(environment, components, plan, scratch->path()));
    ONNXPACK_TRY(auto compiled,
                 compile_jobs(environment, request, plan, components, scratch->path()));
    results = std::move(compiled.results);
    report.schedule = compiled.schedule;
  }

  manifest::Manifest manifest = describe(request, components);
  std::vector<SourceFile> blobs;
  for (JobResult& result : results) {
    std::ranges::move(result.variants, std::back_inserter(manifest.variants));
    std::ranges::move(result.blobs, std::back_inserter(blobs));
  }
  std::ranges::sort(manifest.variants, {}, &manifest::Variant::name);
  merge_reports(request, results, plan.refused, report);
  report.lost_targets = lost_targets(request, report);

  // --fail-fast stops at the first loss, so there is no package worth having.
  bool gave_up = request.fail_fast && !report.lost_targets.empty();
  if (!request.dry_run && !gave_up) {
    ONNXPACK_CHECK(environment.cancel->check());
    PackageParts parts{.components = std::move(components),
                       .attachments = attachment_files(request),
                       .blobs = sorted(std::move(blobs), &SourceFile::member),
                       .annexes = {},
                       .expected = {},
                       .manifest = std::move(manifest),
                       .compact = request.compact};
    ONNXPACK_TRY(auto written,
                 write_package(environment, parts, request.output, request.overwrite));
    report.package_id = written.id;
    report.package_size = written.size;
  }
  report.duration = since(start);
  return report;
}

}  // namespace onnxpack::package
