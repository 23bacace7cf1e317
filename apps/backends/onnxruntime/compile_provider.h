// Compiling for a plug-in execution provider: the model prepared, ONNX Runtime's Compile API, what
// it wrote checked and described.
#pragma once

#include "onnxpack/protocol/compile.h"
#include "onnxpack/protocol/serve.h"
#include "options.h"
#include "provider.h"

namespace onnxpack::ort_backend {

// Cheap: loads ONNX Runtime, looks for the plug-in's files, reads the model's inputs. The plug-in
// itself is loaded by compile alone.
Result<protocol::PlanResponse> plan_for_provider(const protocol::PlanRequest& request,
                                                 const Options& options, const Provider& provider);

// May end the process: vendors' compilers crash on graphs they do not expect (docs/backends).
Result<protocol::CompileResponse> compile_for_provider(const protocol::CompileRequest& request,
                                                       const Options& options,
                                                       const Provider& provider,
                                                       protocol::EventEmitter& events);

}  // namespace onnxpack::ort_backend
