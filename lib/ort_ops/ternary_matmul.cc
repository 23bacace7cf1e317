// TernaryMatMul(A, codes, scales) -> Y, and TernaryGather(codes, scales, indices) -> Y;
// docs/ternary.md.
#include <array>
#include <memory>
#include <new>
#include <thread>

#include <fmt/format.h>

#include "custom_op.h"
#include "registry.h"
#include "ternary_weights.h"

namespace onnxpack::ort_ops {
namespace {

using namespace kernels::ternary;

// Scratch that a thread keeps: a call per layer per token must not allocate.
std::byte* scratch_of(std::size_t bytes) {
  struct Release {
    void operator()(std::byte* p) const { ::operator delete (p, std::align_val_t{64}); }
  };
  thread_local std::unique_ptr<std::byte, Release> buffer;
  thread_local std::size_t size = 0;
  if (size < bytes) {
    buffer.reset(static_cast<std::byte*>(::operator new (bytes, std::align_val_t{64})));
    size = bytes;
  }
  return buffer.get();
}

class TernaryMatMul {
 public:
  static constexpr const char* name = "TernaryMatMul";

  static Result<TernaryMatMul> create(const KernelInfo& info) {
    auto weights = read_ternary_weights(info, 1);
    if (!weights) return std::unexpected(weights.error());
    auto mode = info.text("mode");
    if (!mode) return std::unexpected(mode.error());
    if (*mode != "int8" && *mode != "float32")
      return std::unexpected(fmt::format("mode is '{}', expected int8 or float32", *mode));
    const std::size_t threads = std::max(1U, std::thread::hardware_concurrency());
    if (auto ready = make_ready(*weights, ternary_kernels().features, threads); !ready)
      return std::unexpected(ready.error());
    if (weights->scale_layout.granularity == Granularity::block)
      weights->scales = scales_by_block(weights->scales, weights->layout.shape.rows);
    return TernaryMatMul(std::move(*weights), *mode == "int8" ? Mode::int8 : Mode::float32);
  }

  Status compute(const KernelContext& context) {
    auto a = context.input(0);
    if (!a) return std::unexpected(a.error());
    const Shape shape = weights_.layout.shape;
    auto dims = a->type.shape;
    if (dims.empty() || dims.back() != static_cast<std::int64_t>(shape.columns))
      return std::unexpected(fmt::format("A's last dimension is {}, expected K = {}",
                                         dims.empty() ? 0 : dims.back(), shape.columns));
    const std::size_t m = a->type.elements() / shape.columns;
    dims.back() = static_cast<std::int64_t>(shape.rows);
    auto y = context.output(0, dims);
    if (!y) return std::unexpected(y.error());
    if (m == 0) return {};
    OrtParallel parallel(context);
    const MatMul job{weights_.view(), mode_, static_cast<const float*>(a->data), m,
                     static_cast<float*>(*y)};
    const KernelSet& kernels = ternary_kernels().set;
    matmul(kernels, job, parallel, scratch_of(scratch_bytes(kernels, job, parallel.width())));
    return {};
  }

 private:
  TernaryMatMul(TernaryWeights weights, Mode mode) : weights_(std::move(weights)), mode_(mode) {}
  TernaryWeights weights_;
  Mode mode_;
};

// Rows of a ternary matrix as floats: an embedding.
class TernaryGather {
 public:
  static constexpr const char* name = "TernaryGather";

  static Result<TernaryGather> create(const KernelInfo& info) {
    auto weights = read_ternary_weights(info, 0);
    if (!weights) return std::unexpected(weights.error());
    // Only the scales were made; codes are read where they lie, and of those only the rows asked
    // for.
    auto indices = info.input_element(2);
    if (!indices) return std::unexpected(indices.error());
    if (*indices != ONNX_TENSOR_ELEMENT_DATA_TYPE_INT64 &&
        *indices != ONNX_TENSOR_ELEMENT_DATA_TYPE_INT32)
      return std::unexpected(std::string("indices must be int32 or int64"));
    return TernaryGather(std::move(*weights), *indices == ONNX_TENSOR_ELEMENT_DATA_TYPE_INT64);
  }

  Status compute(const KernelContext& context) {
    auto indices = context.input(2);
    if (!indices) return std::unexpected(indices.error());
    const auto [rows, columns] = weights_.layout.shape;
    auto dims = indices->type.shape;
    const std::size_t count = indices->type.elements();
    dims.push_back(static_cast<std::int64_t>(columns));
    auto y = context.output(0, dims);
    if (!y) return std::unexpected(y.error());
    auto* trits = reinterpret_cast<std::int8_t*>(scratch_of(columns));
    for (std::size_t i = 0; i < count; ++i) {
      std::int64_t row = wide_ ? static_cast<const std::int64_t*>(indices->data)[i]
                               : static_cast<const std::int32_t*>(indices->data)[i];
      const auto limit = static_cast<std::int64_t>(rows);
      if (row < -limit || row >= limit)
        return std::unexpected(fmt::format("index {} is outside of [-{}, {})", row, limit, limit));
      if (row < 0) row += limit;
      decode_rows(weights_.layout, {weights_.bytes, weights_.layout.bytes},
                  static_cast<std::size_t>(row), 1, {trits, columns});
      scale_row(static_cast<std::size_t>(row), trits, static_cast<float*>(*y) + i * columns);
    }
    return {};
  }

 private:
  TernaryGather(TernaryWeights weights, bool wide) : weights_(std::move(weights)), wide_(wide) {}

  void scale_row(std::size_t row, const std::int8_t* trits, float* y) const {
    const std::size_t columns = weights_.layout.shape.columns;
    const auto [granularity, block] = weights_.scale_layout;
    const std::size_t blocks =
        granularity == Granularity::block ? (columns + block - 1) / block : 1;
    for (std::size_t k = 0; k < columns; ++k) {
      const std::size_t at = granularity == Granularity::tensor ? 0
                             : granularity == Granularity::row  ? row
                                                                : row * blocks + k / block;
      // Not a product for 0: a scale that is not finite would make it NaN.
      y[k] = trits[k] == 0 ? 0.0F : static_cast<float>(trits[k]) * weights_.scales[at];
    }
  }

  TernaryWeights weights_;
  bool wide_;
};

constexpr Port real{ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT, INPUT_OUTPUT_REQUIRED};
constexpr Port codes{ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT8, INPUT_OUTPUT_REQUIRED};
constexpr Port any{ONNX_TENSOR_ELEMENT_DATA_TYPE_UNDEFINED, INPUT_OUTPUT_REQUIRED};

}  // namespace

OperatorRecords ternary_matmul_operator() {
  static constexpr std::array<Port, 3> inputs = {real, codes, any};
  static constexpr std::array<Port, 1> outputs = {real};
  static const CustomOp<TernaryMatMul> op(inputs, outputs);
  return {&op};
}

OperatorRecords ternary_gather_operator() {
  static constexpr std::array<Port, 3> inputs = {codes, any, any};
  static constexpr std::array<Port, 1> outputs = {real};
  static const CustomOp<TernaryGather> op(inputs, outputs);
  return {&op};
}

}  // namespace onnxpack::ort_ops
