#include "ort.h"

#include <cstdlib>
#include <memory>
#include <thread>

namespace onnxpack::ort_ops {

Status take(const OrtApi& api, OrtStatus* status) {
  if (status == nullptr) return {};
  std::string message = api.GetErrorMessage(status);
  api.ReleaseStatus(status);
  return std::unexpected(std::move(message));
}

std::size_t TensorType::elements() const {
  std::size_t out = 1;
  for (std::int64_t size : shape) out *= static_cast<std::size_t>(size);
  return out;
}

namespace {

Result<TensorType> type_of(const OrtApi& api, const OrtTensorTypeAndShapeInfo* info) {
  TensorType out;
  if (auto ok = take(api, api.GetTensorElementType(info, &out.element)); !ok)
    return std::unexpected(ok.error());
  std::size_t rank = 0;
  if (auto ok = take(api, api.GetDimensionsCount(info, &rank)); !ok)
    return std::unexpected(ok.error());
  out.shape.resize(rank);
  if (auto ok = take(api, api.GetDimensions(info, out.shape.data(), rank)); !ok)
    return std::unexpected(ok.error());
  return out;
}

Result<Tensor> tensor_of(const OrtApi& api, const OrtValue* value) {
  OrtTensorTypeAndShapeInfo* info = nullptr;
  if (auto ok = take(api, api.GetTensorTypeAndShape(value, &info)); !ok)
    return std::unexpected(ok.error());
  auto type = type_of(api, info);
  api.ReleaseTensorTypeAndShapeInfo(info);
  if (!type) return std::unexpected(type.error());
  Tensor out{std::move(*type), nullptr};
  void* data = nullptr;
  // The C API has no const form of this; nothing is written through it.
  auto* writable = const_cast<OrtValue*>(value);  // NOLINT(cppcoreguidelines-pro-type-const-cast)
  if (auto ok = take(api, api.GetTensorMutableData(writable, &data)); !ok)
    return std::unexpected(ok.error());
  out.data = data;
  return out;
}

}  // namespace

Result<std::string> KernelInfo::text(const char* attribute) const {
  // Asked twice: first for the size, which comes back as a failure on a null buffer of size 0 in no
  // version since 1.4.
  std::size_t size = 0;
  if (auto ok = take(api_, api_.KernelInfoGetAttribute_string(info_, attribute, nullptr, &size));
      !ok) {
    return std::unexpected(ok.error());
  }
  std::string out(size, '\0');
  if (auto ok = take(api_, api_.KernelInfoGetAttribute_string(info_, attribute, out.data(), &size));
      !ok) {
    return std::unexpected(ok.error());
  }
  // The runtime counts and writes a NUL behind the bytes.
  out.resize(size == 0 ? 0 : size - 1);
  return out;
}

Result<std::int64_t> KernelInfo::integer(const char* attribute) const {
  std::int64_t out = 0;
  if (auto ok = take(api_, api_.KernelInfoGetAttribute_int64(info_, attribute, &out)); !ok)
    return std::unexpected(ok.error());
  return out;
}

Result<float> KernelInfo::real(const char* attribute) const {
  float out = 0;
  if (auto ok = take(api_, api_.KernelInfoGetAttribute_float(info_, attribute, &out)); !ok)
    return std::unexpected(ok.error());
  return out;
}

Result<std::size_t> KernelInfo::input_count() const {
  std::size_t out = 0;
  if (auto ok = take(api_, api_.KernelInfo_GetInputCount(info_, &out)); !ok)
    return std::unexpected(ok.error());
  return out;
}

Result<ONNXTensorElementDataType> KernelInfo::input_element(std::size_t index) const {
  OrtTypeInfo* type = nullptr;
  if (auto ok = take(api_, api_.KernelInfo_GetInputTypeInfo(info_, index, &type)); !ok)
    return std::unexpected(ok.error());
  std::unique_ptr<OrtTypeInfo, decltype(api_.ReleaseTypeInfo)> owner(type, api_.ReleaseTypeInfo);
  const OrtTensorTypeAndShapeInfo* tensor = nullptr;
  if (auto ok = take(api_, api_.CastTypeInfoToTensorInfo(type, &tensor)); !ok)
    return std::unexpected(ok.error());
  ONNXTensorElementDataType out = ONNX_TENSOR_ELEMENT_DATA_TYPE_UNDEFINED;
  if (tensor == nullptr) return out;
  if (auto ok = take(api_, api_.GetTensorElementType(tensor, &out)); !ok)
    return std::unexpected(ok.error());
  return out;
}

Result<Tensor> KernelInfo::constant(std::size_t index) const {
  int is_constant = 0;
  const OrtValue* value = nullptr;
  if (auto ok =
          take(api_, api_.KernelInfoGetConstantInput_tensor(info_, index, &is_constant, &value));
      !ok) {
    return std::unexpected(ok.error());
  }
  if (is_constant == 0 || value == nullptr)
    return std::unexpected("input " + std::to_string(index) + " must be an initializer");
  return tensor_of(api_, value);
}

Result<std::size_t> KernelContext::input_count() const {
  std::size_t out = 0;
  if (auto ok = take(api_, api_.KernelContext_GetInputCount(context_, &out)); !ok)
    return std::unexpected(ok.error());
  return out;
}

Result<Tensor> KernelContext::input(std::size_t index) const {
  const OrtValue* value = nullptr;
  if (auto ok = take(api_, api_.KernelContext_GetInput(context_, index, &value)); !ok)
    return std::unexpected(ok.error());
  return tensor_of(api_, value);
}

Result<void*> KernelContext::output(std::size_t index, std::span<const std::int64_t> shape) const {
  OrtValue* value = nullptr;
  if (auto ok = take(
          api_, api_.KernelContext_GetOutput(context_, index, shape.data(), shape.size(), &value));
      !ok) {
    return std::unexpected(ok.error());
  }
  void* data = nullptr;
  if (auto ok = take(api_, api_.GetTensorMutableData(value, &data)); !ok)
    return std::unexpected(ok.error());
  return data;
}

namespace {

std::size_t processors() {
  static const std::size_t count = std::max(1U, std::thread::hardware_concurrency());
  return count;
}

}  // namespace

// The API does not say how wide the session's pool is. The machine's width is the most it can be:
// with a narrower pool the first tasks take all the work from the queue and the rest find it empty.
// Asked for once: the C library opens a file of the system for the answer, 10 us, which is a
// quarter of what a small matrix takes.
OrtParallel::OrtParallel(const KernelContext& context) : context_(context), width_(processors()) {}

void OrtParallel::run(std::size_t count, void (*task)(void*, std::size_t), void* state) {
  if (count == 0) return;
  if (count == 1) return task(state, 0);
  // One batch per task: the tasks are already as large as they should be.
  OrtStatus* status =
      context_.api().KernelContext_ParallelFor(context_.raw(), task, count, count, state);
  if (status == nullptr) return;
  // Refused before anything ran (no such pool): then here.
  context_.api().ReleaseStatus(status);
  for (std::size_t i = 0; i < count; ++i) task(state, i);
}

Result<kernels::CpuFeatures> process_features() {
  static const Result<kernels::CpuFeatures> features = [] {
    const char* forced = std::getenv(kernels::force_variable);
    return kernels::choose_features(kernels::CpuFeatures::detect(),
                                    forced == nullptr ? "" : forced);
  }();
  return features;
}

}  // namespace onnxpack::ort_ops
