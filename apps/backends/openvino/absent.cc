#include "absent.h"

#include "description.h"

namespace onnxpack::openvino_backend {

Result<protocol::DescribeResponse> AbsentBackend::describe() {
  protocol::DescribeResponse out = description();
  out.available = false;
  out.reason = why_.message();
  out.hint = why_.hint();
  out.needs.push_back({"OpenVINO", false, "", why_.hint()});
  return out;
}

Result<protocol::PlanResponse> AbsentBackend::plan(const protocol::PlanRequest&,
                                                   protocol::EventEmitter&) {
  return std::unexpected(why_);
}

Result<protocol::CompileResponse> AbsentBackend::compile(const protocol::CompileRequest&,
                                                         protocol::EventEmitter&) {
  return std::unexpected(why_);
}

Result<protocol::RunResponse> AbsentBackend::run(const protocol::RunRequest&,
                                                 protocol::EventEmitter&) {
  return std::unexpected(why_);
}

Result<protocol::ProbeResponse> AbsentBackend::probe(protocol::EventEmitter&) {
  return std::unexpected(why_);
}

}  // namespace onnxpack::openvino_backend
