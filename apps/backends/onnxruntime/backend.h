// ONNX Runtime as a backend: optimised graphs whose weights stay in the original's bytes, and the
// reference run of `verify`.
#pragma once

#include "onnxpack/protocol/serve.h"

namespace onnxpack::ort_backend {

class OrtBackend : public protocol::Backend {
 public:
  Result<protocol::DescribeResponse> describe() override;
  Result<protocol::PlanResponse> plan(const protocol::PlanRequest& request,
                                      protocol::EventEmitter& events) override;
  Result<protocol::CompileResponse> compile(const protocol::CompileRequest& request,
                                            protocol::EventEmitter& events) override;
  Result<protocol::RunResponse> run(const protocol::RunRequest& request,
                                    protocol::EventEmitter& events) override;
  Result<protocol::ProbeResponse> probe(protocol::EventEmitter& events) override;
  Result<std::vector<protocol::RuntimeVerdict>> check(
      const std::vector<protocol::CompatibilityQuestion>& questions) override;
};

inline constexpr const char* cpu_provider = "CPUExecutionProvider";

}  // namespace onnxpack::ort_backend
