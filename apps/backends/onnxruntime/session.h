// One ONNX Runtime session over a model file or a graph whose weights lie elsewhere.
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "onnxpack/base/bytes.h"
#include "onnxpack/protocol/common.h"
#include "onnxpack/tensor/tensor.h"
#include "runtime.h"

namespace onnxpack::ort_backend {

enum class OptimizationLevel { none, basic, extended, all };
std::string_view to_string(OptimizationLevel level);
Result<OptimizationLevel> parse_level(std::string_view text);

// A device of a plug-in that is registered with `environment`, which outlives the session.
struct PluginChoice {
  OrtEnv* environment = nullptr;
  const OrtEpDevice* device = nullptr;
  std::map<std::string, std::string> options;
};

struct SessionSettings {
  OptimizationLevel level = OptimizationLevel::all;
  std::uint64_t threads = 0;  // intra-op; 0: ORT decides
  std::map<std::string, std::string> config;
  std::map<std::string, std::int64_t> free_dimensions;
  std::filesystem::path save_optimized_to;  // empty: do not
  std::optional<PluginChoice> plugin = {};  // absent: ONNX Runtime's CPU alone
};

Result<Handle<OrtSessionOptions>> make_session_options(const Runtime& runtime,
                                                       const SessionSettings& settings);

struct Port {
  protocol::Port description;  // type "tensor(float)"; types that are no tensors as ORT's kind:
                               // "sequence", "map", "optional"
  tensor::ElementType element = tensor::ElementType::undefined;  // undefined unless a tensor
};

class Session {
 public:
  // A model that imports org.onnxpack gets libonnxpack_ops. Errors: unsupported with the versions
  // on both sides when the model is newer than the library; unavailable without libonnxpack_ops;
  // else as Runtime::check.
  static Result<Session> open(const Runtime& runtime, const OrtEnv& environment,
                              const SessionSettings& settings, const std::filesystem::path& model);
  // From bytes; external data is looked up from `external_base`.
  static Result<Session> open(const Runtime& runtime, const OrtEnv& environment,
                              const SessionSettings& settings, ByteView model,
                              const std::filesystem::path& external_base);

  const std::vector<Port>& inputs() const { return inputs_; }
  const std::vector<Port>& outputs() const { return outputs_; }

  // Runs once. Inputs are borrowed for the call, one per graph input in any order. Outputs in graph
  // order. Errors: invalid_argument (missing, unknown or mistyped input), unsupported (an output
  // that is no tensor), else as Runtime::check.
  Result<std::vector<tensor::NamedTensor>> run(
      const std::vector<tensor::NamedTensor>& inputs) const;
  // The same without copying outputs out: for timing.
  Status run_discarding(const std::vector<tensor::NamedTensor>& inputs) const;

 private:
  Session(const Runtime& runtime, Handle<OrtSession> session)
      : runtime_(&runtime), session_(std::move(session)) {}
  static Result<Session> finish(const Runtime& runtime, OrtSession* raw);
  Status describe();
  Result<std::vector<Handle<OrtValue>>> execute(
      const std::vector<tensor::NamedTensor>& inputs) const;

  const Runtime* runtime_;
  Handle<OrtSession> session_;
  std::vector<Port> inputs_;
  std::vector<Port> outputs_;
};

}  // namespace onnxpack::ort_backend
