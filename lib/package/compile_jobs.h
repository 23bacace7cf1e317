// Runs the planned compiles: from the cache where it has them, under supervision otherwise.
#pragma once

#include <filesystem>
#include <vector>

#include "onnxpack/manifest/manifest.h"
#include "onnxpack/package/build.h"
#include "plan.h"
#include "writer.h"

namespace onnxpack::package {

struct JobResult {
  JobReport report;
  std::vector<manifest::Variant> variants;
  std::vector<SourceFile> blobs;
};

struct CompiledJobs {
  std::vector<JobResult> results;
  Schedule schedule;
};

// One result per job, in the plan's order. `scratch` holds the staged components and lives until
// the package is written, since blobs lie below it. Errors: cancelled, io; what concerns one job is
// in its report.
Result<CompiledJobs> compile_jobs(const Environment& environment, const BuildRequest& request,
                                  const Plan& plan,
                                  const std::vector<PreparedComponent>& components,
                                  const std::filesystem::path& scratch);

}  // namespace onnxpack::package
