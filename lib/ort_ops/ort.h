// ONNX Runtime's C API as values that fail with a text. The C++ wrapper is not used: it throws, and
// wants one global API pointer.
#pragma once

#include <cstdint>
#include <expected>
#include <span>
#include <string>
#include <vector>

#include <onnxruntime_c_api.h>

#include "onnxpack/kernels/cpu_features.h"
#include "onnxpack/kernels/parallel.h"

namespace onnxpack::ort_ops {

using kernels::Result;
using kernels::Status;

// The oldest API with all that is called here (1.18: scratch of a kernel, ParallelFor); any newer
// runtime offers it too.
inline constexpr std::uint32_t api_version = 18;

// Takes the text out of a failed status and releases it.
Status take(const OrtApi& api, OrtStatus* status);

struct TensorType {
  ONNXTensorElementDataType element = ONNX_TENSOR_ELEMENT_DATA_TYPE_UNDEFINED;
  std::vector<std::int64_t> shape;
  std::size_t elements() const;
};

// An input of a running kernel. Valid while compute runs.
struct Tensor {
  TensorType type;
  const void* data = nullptr;
};

// What an operator knows when its kernel is made.
class KernelInfo {
 public:
  KernelInfo(const OrtApi& api, const OrtKernelInfo* info) : api_(api), info_(info) {}
  const OrtApi& api() const { return api_; }
  // Bytes, NULs included. Errors: the attribute is not there or of another kind.
  Result<std::string> text(const char* attribute) const;
  Result<std::int64_t> integer(const char* attribute) const;
  Result<float> real(const char* attribute) const;
  Result<std::size_t> input_count() const;
  Result<ONNXTensorElementDataType> input_element(std::size_t index) const;
  // An initializer; it stays where it is as long as the session. Errors: the input is computed.
  Result<Tensor> constant(std::size_t index) const;

 private:
  const OrtApi& api_;
  const OrtKernelInfo* info_;
};

// One call of a kernel.
class KernelContext {
 public:
  KernelContext(const OrtApi& api, OrtKernelContext* context) : api_(api), context_(context) {}
  Result<std::size_t> input_count() const;
  Result<Tensor> input(std::size_t index) const;
  // Allocates the output; null for a shape without elements.
  Result<void*> output(std::size_t index, std::span<const std::int64_t> shape) const;
  const OrtApi& api() const { return api_; }
  OrtKernelContext* raw() const { return context_; }

 private:
  const OrtApi& api_;
  OrtKernelContext* context_;
};

// ONNX Runtime's pool of threads, for the time of one call.
class OrtParallel final : public kernels::Parallel {
 public:
  explicit OrtParallel(const KernelContext& context);
  std::size_t width() const override { return width_; }
  void run(std::size_t count, void (*task)(void*, std::size_t), void* state) override;

 private:
  const KernelContext& context_;
  std::size_t width_;
};

// The features that kernels of this process may use: the machine's, less what ONNXPACK_KERNELS
// takes away. Read once. Errors: those of choose_features().
Result<kernels::CpuFeatures> process_features();

}  // namespace onnxpack::ort_ops
