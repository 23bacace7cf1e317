// org.onnxpack::FlexAttention: Q, K, V and the captured values in, Y out; modifiers as tile
// programs (kernels/flex_program.h) in the attributes score_mod and prob_mod; scale,
// softmax_precision and zero_masked_rows as attributes.
#include "onnxpack/kernels/flex_attention.h"
#include "custom_op.h"
#include "flex_self_test.h"
#include "registry.h"

namespace onnxpack::ort_ops {
namespace {

namespace flex = kernels::flex;

Result<flex::Type> tile_type(ONNXTensorElementDataType type) {
  switch (type) {
    case ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT:
      return flex::Type::f32;
    case ONNX_TENSOR_ELEMENT_DATA_TYPE_DOUBLE:
      return flex::Type::f64;
    case ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT16:
      return flex::Type::f16;
    case ONNX_TENSOR_ELEMENT_DATA_TYPE_BFLOAT16:
      return flex::Type::bf16;
    case ONNX_TENSOR_ELEMENT_DATA_TYPE_INT64:
      return flex::Type::i64;
    case ONNX_TENSOR_ELEMENT_DATA_TYPE_INT32:
      return flex::Type::i32;
    case ONNX_TENSOR_ELEMENT_DATA_TYPE_BOOL:
      return flex::Type::boolean;
    default:
      return std::unexpected("element type " + std::to_string(type) + " is not supported");
  }
}

Result<std::optional<flex::Program>> program(const KernelInfo& info, const char* name) {
  auto bytes = info.text(name);
  if (!bytes) return std::nullopt;  // the attribute is optional
  auto parsed = flex::parse(*bytes);
  if (!parsed) return std::unexpected(std::string(name) + ": " + parsed.error());
  return std::optional(std::move(*parsed));
}

class FlexAttentionKernel {
 public:
  static constexpr const char* name = "FlexAttention";
  static constexpr std::size_t captured_from = 3;

  static Result<FlexAttentionKernel> create(const KernelInfo& info) {
    flex::Spec spec;
    auto element = info.input_element(0);
    if (!element) return std::unexpected(element.error());
    auto type = tile_type(*element);
    if (!type) return std::unexpected(type.error());
    spec.element = *type;
    if (auto scale = info.real("scale")) spec.scale = *scale;
    if (auto precision = info.integer("softmax_precision")) {
      auto stated = tile_type(static_cast<ONNXTensorElementDataType>(*precision));
      if (!stated) return std::unexpected("softmax_precision: " + stated.error());
      spec.softmax_precision = *stated;
    }
    if (auto zeros = info.integer("zero_masked_rows")) spec.zero_masked_rows = *zeros != 0;
    auto score = program(info, "score_mod");
    if (!score) return std::unexpected(score.error());
    auto prob = program(info, "prob_mod");
    if (!prob) return std::unexpected(prob.error());
    spec.score_mod = std::move(*score);
    spec.prob_mod = std::move(*prob);
    auto allowed = process_features();
    if (!allowed) return std::unexpected(allowed.error());
    static const kernels::CpuFeatures features = tried_attention_features(*allowed);
    auto kernel = flex::FlexAttention::create(std::move(spec), features);
    if (!kernel) return std::unexpected(kernel.error());
    return FlexAttentionKernel(std::move(*kernel));
  }

  Status compute(const KernelContext& context) const {
    flex::Arguments arguments;
    if (auto ok = read_inputs(context, arguments); !ok) return ok;
    const std::array<std::int64_t, 4> shape = {arguments.batch, arguments.q_heads,
                                               arguments.q_length, arguments.v_size};
    auto y = context.output(0, shape);
    if (!y) return std::unexpected(y.error());
    arguments.y = *y;
    OrtParallel parallel(context);
    return kernel_.run(arguments, parallel);
  }

 private:
  explicit FlexAttentionKernel(flex::FlexAttention kernel) : kernel_(std::move(kernel)) {}

  static Status read_inputs(const KernelContext& context, flex::Arguments& out) {
    auto q = context.input(0);
    auto k = context.input(1);
    auto v = context.input(2);
    if (!q || !k || !v) return std::unexpected("Q, K or V cannot be read");
    const auto& qs = q->type.shape;
    const auto& ks = k->type.shape;
    const auto& vs = v->type.shape;
    if (qs.size() != 4 || ks.size() != 4 || vs.size() != 4)
      return std::unexpected("Q, K and V must have rank 4");
    if (ks[0] != vs[0] || ks[1] != vs[1] || ks[2] != vs[2] || qs[3] != ks[3])
      return std::unexpected("the shapes of Q, K and V do not fit each other");
    out.batch = qs[0], out.q_heads = qs[1], out.q_length = qs[2], out.qk_size = qs[3];
    out.kv_batch = ks[0], out.kv_heads = ks[1], out.kv_length = ks[2], out.v_size = vs[3];
    out.q = q->data, out.k = k->data, out.v = v->data;
    auto count = context.input_count();
    if (!count) return std::unexpected(count.error());
    for (std::size_t i = captured_from; i < *count; ++i) {
      auto input = context.input(i);
      if (!input) return std::unexpected(input.error());
      auto type = tile_type(input->type.element);
      if (!type) return std::unexpected(type.error());
      out.tables.push_back({*type, input->data, std::move(input->type.shape)});
    }
    return {};
  }

  flex::FlexAttention kernel_;
};

// A record for one element type of Q, K, V and Y.
template <ONNXTensorElementDataType type>
const OrtCustomOp* record() {
  static constexpr std::array<Port, 4> inputs = {
      {{type, INPUT_OUTPUT_REQUIRED},
       {type, INPUT_OUTPUT_REQUIRED},
       {type, INPUT_OUTPUT_REQUIRED},
       {ONNX_TENSOR_ELEMENT_DATA_TYPE_UNDEFINED, INPUT_OUTPUT_VARIADIC}}};
  static constexpr std::array<Port, 1> outputs = {{{type, INPUT_OUTPUT_REQUIRED}}};
  static const CustomOp<FlexAttentionKernel> op(inputs, outputs);
  return &op;
}

}  // namespace

OperatorRecords flex_attention_operator() {
  return {record<ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT>(),
          record<ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT16>(),
          record<ONNX_TENSOR_ELEMENT_DATA_TYPE_BFLOAT16>(),
          record<ONNX_TENSOR_ELEMENT_DATA_TYPE_DOUBLE>()};
}

}  // namespace onnxpack::ort_ops
