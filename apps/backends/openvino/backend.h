// OpenVINO as a backend. This and the files that include it are the module; the door sees none of
// them.
#pragma once

#include <string>

#include "onnxpack/protocol/serve.h"

namespace onnxpack::openvino_backend {

class OpenVinoBackend : public protocol::Backend {
 public:
  // As ServeFunction (module.h) has them.
  OpenVinoBackend(std::string library, std::string digest)
      : library_(std::move(library)), digest_(std::move(digest)) {}
  Result<protocol::DescribeResponse> describe() override;
  Result<protocol::PlanResponse> plan(const protocol::PlanRequest& request,
                                      protocol::EventEmitter& events) override;
  Result<protocol::CompileResponse> compile(const protocol::CompileRequest& request,
                                            protocol::EventEmitter& events) override;
  Result<protocol::RunResponse> run(const protocol::RunRequest& request,
                                    protocol::EventEmitter& events) override;
  Result<protocol::ProbeResponse> probe(protocol::EventEmitter& events) override;

 private:
  std::string library_;
  std::string digest_;
};

}  // namespace onnxpack::openvino_backend
