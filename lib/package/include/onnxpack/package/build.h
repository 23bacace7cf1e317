// build: a standard ONNX model and a list of targets become one package.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "onnxpack/base/error.h"
#include "onnxpack/io/file.h"
#include "onnxpack/json/value.h"
#include "onnxpack/manifest/manifest.h"
#include "onnxpack/package/backends.h"
#include "onnxpack/package/environment.h"
#include "onnxpack/target/target.h"

namespace onnxpack::package {

struct ComponentRequest {
  std::string name = "model";
  std::filesystem::path model;
};

struct AttachmentRequest {
  std::string name;  // below attachments/; usually the file's own name
  std::filesystem::path file;
};

// Shapes and options for compilers that need them; of the whole build, or of one target (which adds
// to and overrides the build's).
struct CompileSettings {
  std::map<std::string, std::int64_t> free_dimensions;            // dimension name -> size
  std::map<std::string, std::vector<std::int64_t>> input_shapes;  // input -> full shape
  std::map<std::string, json::Object> backend_options;            // backend -> its options
};

// A transformation by name ("lower-flex-attention" or "lower-flex-attention/1") and its parameters.
struct TransformationRequest {
  std::string name;
  json::Object parameters = {};
};

// A model that one target is compiled from instead of the component's: another file, as NPUs
// usually ship from a quantised export, or what transformations make of it or of the component's
// own. Its inputs and outputs are the component's.
struct SourceRequest {
  std::string target;
  std::string component = "model";
  std::string label = {};  // empty: instead of the component's model; else a further variant,
                           // "<target>-<backend>-<label>"
  std::filesystem::path model = {};  // empty: the component's own
  std::string precision = {};        // declared for its variants; empty: read off the model
  std::vector<TransformationRequest> transformations = {};  // in this order
  // Of one with a label: the component's own model is then not compiled for the target.
  bool instead = false;
};

// A target's model with its exactly ternary weights as codes (ternarize/1), as one that `build
// --ternarize` asks for. `kind`: t5r, t5k, u2 (operators of org.onnxpack), standard or portable;
// ends the variant's name where `source` has no label. Errors: invalid_argument.
Result<SourceRequest> ternary_source(SourceRequest source, std::string_view kind);

struct BuildRequest {
  std::vector<ComponentRequest> components;
  std::vector<SourceRequest> sources;
  std::vector<AttachmentRequest> attachments;
  std::vector<target::Target> targets;
  std::vector<std::string>
      backends;  // empty: every installed one that serves a target; {"none"}: pack the model alone
  CompileSettings settings;
  std::map<std::string, CompileSettings> target_settings;  // target name -> its own
  manifest::PackageInfo info;

  std::filesystem::path output;
  io::Overwrite overwrite = io::Overwrite::no;

  unsigned jobs = 0;  // compilers at once; 0: by cores
  bool fail_fast = false;
  std::vector<std::string> allow_missing;  // targets that may be lost without exit code 6
  double min_coverage = 0;  // share of a component's nodes that a variant must cover, 0 to 1
  bool dry_run = false;     // plan only: nothing is compiled or written
  // Ternary tensors of the models are held as their codes: `unzip` alone then gives no model that
  // runs.
  bool compact = false;
  std::optional<std::chrono::seconds> compile_timeout;
  std::chrono::seconds heartbeat_timeout{120};
  std::uint64_t memory_limit = 0;  // bytes of one compiler's process group; 0: none
};

enum class JobStatus {
  built,         // a variant is in the package
  cached,        // the same, taken from the build cache
  planned,       // dry run: would be compiled
  no_gain,       // the backend says the original graph serves this target as well: nothing to ship,
                 // nothing lost
  refused,       // the backend cannot compile this model for this target, and says why
  failed,        // the compiler reported an error
  crashed,       // ... or died, hung, ran out of its memory limit, or answered nonsense
  low_coverage,  // below --min-coverage
  skipped,       // after --fail-fast
};
std::string_view to_string(JobStatus status);

// What one backend made of one component for one target.
struct JobReport {
  std::string target;
  std::string component;
  std::string backend;
  JobStatus status = JobStatus::failed;
  std::vector<std::string> variants;  // labels in the package
  std::uint64_t size = 0;             // bytes of all its blobs
  std::uint64_t covered_nodes = 0;
  std::uint64_t total_nodes = 0;
  std::chrono::milliseconds begin{0};  // since the first job started
  std::chrono::milliseconds duration{0};
  std::chrono::milliseconds compiler{0};  // of it, the backend's own time; the rest is the host's
  std::string reason;  // why there is no variant; of a planned one: why it is to be compiled
  std::string hint;    // what would make it work
  std::string log;     // path of the compiler's output, when kept
  // Of a job with a transformed source: the transformations, and what they have to say.
  std::vector<std::string> transformations;
  std::vector<std::string> notes;
};

// How well the compilers' time was used.
struct Schedule {
  unsigned workers = 0;               // jobs at once
  std::size_t compiled = 0;           // jobs that ran a compiler
  std::chrono::milliseconds wall{0};  // from the first job's start to the last one's end
  std::chrono::milliseconds busy{0};  // all jobs' durations together
  std::chrono::milliseconds longest{0};
  // No order of the same jobs on as many workers takes less.
  std::chrono::milliseconds least() const;
  std::chrono::milliseconds idle() const;  // worker time without a job
};

struct BuildReport {
  std::vector<JobReport> jobs;                // by target as asked, then component, then backend
  std::vector<std::string> unserved_targets;  // no installed backend compiles for them
  std::vector<std::string>
      lost_targets;  // asked for, not in allow_missing, and without any variant (or no_gain answer)
  std::vector<std::string> warnings;  // unknown operators, unused options, ...
  std::string package_id;             // empty on a dry run
  std::uint64_t package_size = 0;
  std::uint64_t original_size = 0;  // models and external data as given
  Schedule schedule;
  std::chrono::milliseconds duration{0};
};

// Writes `output` when everything but single targets went well; lost targets are in the report, and
// the package holds the others. A model with FlexAttention is lowered for each backend to what it
// takes. Errors: invalid_argument (names, options, shapes), not_found,
// corrupt (the model), already_exists, io, cancelled. On error nothing is written.
Result<BuildReport> build(const Environment& environment, const BuildRequest& request);

// The build file (onnx-pack.json, schemas/build.schema.json): the same request as JSON; relative
// paths are beneath the file's folder. Errors: corrupt with the field's path; not_found for unknown
// targets.
Result<BuildRequest> read_build_file(io::FileSystem& files, const std::filesystem::path& path);

// A profile name, `host`, or a path to a JSON target. Errors: not_found with a suggestion, corrupt.
Result<target::Target> resolve_target(const Environment& environment, const std::string& text,
                                      Probes probes = Probes::fresh);

}  // namespace onnxpack::package
