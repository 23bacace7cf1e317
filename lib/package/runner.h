// Runs the original graph or a variant on this machine, through the backend that knows how, in a
// folder laid out like the package.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "onnxpack/manifest/evidence.h"
#include "onnxpack/package/environment.h"
#include "onnxpack/package/package_file.h"
#include "onnxpack/tensor/tensor.h"

namespace onnxpack::package {

// The backend whose `run` of the original graph is the reference.
inline constexpr std::string_view reference_backend = "onnxruntime";

// As what an original graph runs that no runtime loads as it is: one with FlexAttention.
enum class OriginalForm {
  operators,        // by the kernels of libonnxpack_ops; expanded where the backend has none
  plain_operators,  // by its plain reference kernels
  expanded,         // onnx's own function body, in standard operators
};

// As RunResult::as says it.
inline constexpr std::string_view plain_operators_text = "the plain kernels of org.onnxpack";

struct RunOptions {
  unsigned warmup = 0;
  unsigned runs = 1;
  unsigned threads = 0;
  OriginalForm form = OriginalForm::operators;
};

enum class RunStatus {
  ran,
  not_run,  // this machine or this install cannot: says why
  failed,   // it should have run, and did not
};

struct RunResult {
  RunStatus status = RunStatus::not_run;
  std::string reason;
  std::string runtime;  // "onnxruntime 1.31.1"
  std::vector<tensor::NamedTensor> outputs;
  std::optional<manifest::Latency> latency;
  std::vector<std::string> notes;  // "emulated by qemu-aarch64"
  std::string as = {};             // of an original that was lowered: "the kernels of org.onnxpack"
};

// A run so long that repeating it often tells nobody anything.
bool is_slow(const RunResult& result);

class Runner {
 public:
  // Discovers the backends and makes the scratch folder; materialises a component or a variant when
  // it is first run. Borrows both.
  static Result<std::unique_ptr<Runner>> start(const Environment& environment,
                                               const PackageFile& package);
  ~Runner();
  Runner(const Runner&) = delete;
  Runner& operator=(const Runner&) = delete;

  // `variant` null: the original graph, through reference_backend. Errors: cancelled, io; what
  // concerns the variant alone is in the result.
  Result<RunResult> run(const manifest::Component& component, const manifest::Variant* variant,
                        const std::vector<tensor::NamedTensor>& inputs, const RunOptions& options);
  // Whether the original graph has operators for which RunOptions::form matters. Errors: as
  // ModelFile::open.
  Result<bool> is_lowered(const manifest::Component& component);
  // The same in one process, without the look at how long a run takes.
  Result<RunResult> run_exactly(const manifest::Component& component,
                                const manifest::Variant* variant,
                                const std::vector<tensor::NamedTensor>& inputs,
                                const RunOptions& options);

 private:
  struct State;
  explicit Runner(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace onnxpack::package
