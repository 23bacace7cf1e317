// The backend where OpenVINO is not: it describes itself, and says what to install.
#pragma once

#include "onnxpack/protocol/serve.h"

namespace onnxpack::openvino_backend {

class AbsentBackend : public protocol::Backend {
 public:
  explicit AbsentBackend(Error why) : why_(std::move(why)) {}
  Result<protocol::DescribeResponse> describe() override;
  Result<protocol::PlanResponse> plan(const protocol::PlanRequest& request,
                                      protocol::EventEmitter& events) override;
  Result<protocol::CompileResponse> compile(const protocol::CompileRequest& request,
                                            protocol::EventEmitter& events) override;
  Result<protocol::RunResponse> run(const protocol::RunRequest& request,
                                    protocol::EventEmitter& events) override;
  Result<protocol::ProbeResponse> probe(protocol::EventEmitter& events) override;

 private:
  Error why_;
};

}  // namespace onnxpack::openvino_backend
