// One planned compile: what it says of itself, what its cache entry is named by, and its run.
#pragma once

#include <filesystem>
#include <map>
#include <string>

#include "compile_jobs.h"
#include "onnxpack/backend/cache.h"

namespace onnxpack::package {

// Digests of a job's model files by what they are, as the user gave them or as transformations made
// them: what the build key says of the model.
using Content = std::map<std::string, std::string>;
Content content_of(const PreparedSource& source);
// Errors: cancelled, io.
Result<Content> content_of(const Environment& environment, const PreparedComponent& component);

// What is known of a job before it runs.
JobReport report_of(const BuildRequest& request, const Job& job,
                    const PreparedComponent& component);

// What a job is run with; all of it outlives the run.
struct CompileJob {
  const Environment& environment;
  const BuildRequest& request;
  const Job& job;
  const PreparedComponent& component;
  const std::filesystem::path& scratch;
  std::size_t index;  // in the plan
  const Content& content;
  backend::Cache* cache;  // null: not used
  const CancelFlag& cancel;
};
// On the caller's thread, until the compiler has ended. Errors: cancelled, io; what concerns the
// job is in its report.
Result<JobResult> run(const CompileJob& job);

}  // namespace onnxpack::package
