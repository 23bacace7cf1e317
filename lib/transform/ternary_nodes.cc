#include "ternary_nodes.h"

#include <algorithm>
#include <cstring>

#include "onnx_make.h"

namespace onnxpack::transform {
namespace {

using kernels::ternary::encoding_name;
using kernels::ternary::Granularity;
using kernels::ternary::Layout;
using kernels::ternary::scale_count;
using kernels::ternary::ScaleType;
using kernels::ternary::Shape;
using kernels::ternary::size_of;

constexpr const char* own_domain = "org.onnxpack";

std::int32_t element_of(ScaleType type) {
  if (type == ScaleType::float16) return onnx::TensorProto::FLOAT16;
  return type == ScaleType::bfloat16 ? onnx::TensorProto::BFLOAT16 : onnx::TensorProto::FLOAT;
}

// [N, blocks] to [blocks, N].
Bytes transposed_scales(const StoredTernary& stored, std::size_t rows, std::size_t blocks) {
  const std::size_t width = size_of(stored.scale_type);
  Bytes out(stored.scales.size());
  for (std::size_t n = 0; n < rows; ++n)
    for (std::size_t b = 0; b < blocks; ++b)
      std::memcpy(out.data() + (b * rows + n) * width,
                  stored.scales.data() + (n * blocks + b) * width, width);
  return out;
}

}  // namespace

std::vector<onnx::TensorProto> TernaryRewrite::initializers() const {
  std::vector<onnx::TensorProto> out = {codes(), scales(how_.form == TernaryForm::standard)};
  if (how_.form == TernaryForm::standard) {
    const std::size_t count = stored_.scales.size() / size_of(stored_.scale_type);
    Bytes zeros((count + 3) / 4, std::byte{0x55});
    if (count % 4 != 0)
      zeros.back() = std::byte{static_cast<unsigned char>(0x55U >> (8 - 2 * (count % 4)))};
    onnx::TensorProto zero = make_tensor(named("zero"), onnx::TensorProto::UINT2, {}, zeros);
    *zero.mutable_dims() = out[1].dims();
    out.push_back(std::move(zero));
  } else if (how_.form == TernaryForm::portable) {
    const auto rows = static_cast<std::int64_t>(stored_.layout.groups * 5);
    const auto stride = static_cast<std::int64_t>(stored_.layout.stride);
    const auto n = static_cast<std::int64_t>(stored_.layout.shape.rows);
    const auto k = static_cast<std::int64_t>(stored_.layout.shape.columns);
    out.push_back(make_integers(named("padded"), {rows, stride}));
    out.push_back(make_integers(named("size"), {n, k}));
  }
  return out;
}

onnx::TensorProto TernaryRewrite::codes() const {
  onnx::TensorProto out;
  out.set_name(named("ternary"));
  const Layout& layout = stored_.layout;
  if (how_.form == TernaryForm::standard) {
    out.set_data_type(onnx::TensorProto::UINT2);
    for (std::int64_t dim : weight_.dims) out.add_dims(dim);
  } else {
    out.set_data_type(onnx::TensorProto::UINT8);
    if (how_.form == TernaryForm::portable) {
      out.add_dims(static_cast<std::int64_t>(layout.groups));
      out.add_dims(1);
      out.add_dims(static_cast<std::int64_t>(layout.stride));
    } else {
      out.add_dims(static_cast<std::int64_t>(layout.bytes));
    }
  }
  set_external(out, how_.location, stored_.offset, layout.bytes);
  return out;
}

onnx::TensorProto TernaryRewrite::scales(bool for_dequantize) const {
  const Shape shape = transposed_ ? Shape{static_cast<std::size_t>(weight_.dims[1]),
                                          static_cast<std::size_t>(weight_.dims[0])}
                                  : Shape{static_cast<std::size_t>(weight_.dims[0]),
                                          static_cast<std::size_t>(weight_.dims[1])};
  const auto rows = static_cast<std::int64_t>(shape.rows);
  std::vector<std::int64_t> dims;
  Bytes values = stored_.scales;
  if (stored_.scale_layout.granularity == Granularity::row) dims = {rows};
  if (stored_.scale_layout.granularity == Granularity::block) {
    const std::size_t blocks = scale_count(stored_.scale_layout, shape) / shape.rows;
    dims = {rows, static_cast<std::int64_t>(blocks)};
    if (for_dequantize && transposed_) {
      std::ranges::reverse(dims);
      values = transposed_scales(stored_, shape.rows, blocks);
    }
  }
  return make_tensor(named("scales"), element_of(stored_.scale_type), dims, values);
}

std::vector<onnx::NodeProto> TernaryRewrite::decoders() const {
  if (how_.form == TernaryForm::standard) return dequantize();
  if (how_.form == TernaryForm::portable) return decode_portable();
  return {};
}

// The weight under its own name, so that nothing else changes.
std::vector<onnx::NodeProto> TernaryRewrite::dequantize() const {
  onnx::NodeProto node = make_node(
      "DequantizeLinear", {named("ternary"), named("scales"), named("zero")}, weight_.name);
  // ONNX Runtime 1.31 cannot load a Transpose behind this operator on UINT2 (it folds it and
  // forgets the type), so the codes stand in the initializer's own order and the axis says where
  // the rows are.
  const auto rows_axis = transposed_ ? 1 : 0;
  if (stored_.scale_layout.granularity == Granularity::row) set_integer(node, "axis", rows_axis);
  if (stored_.scale_layout.granularity == Granularity::block) {
    set_integer(node, "axis", 1 - rows_axis);
    set_integer(node, "block_size", static_cast<std::int64_t>(stored_.scale_layout.block));
  }
  return {node};
}

// docs/ternary-format.md, 5. What comes out is the matrix of -1, 0 and 1, as the nodes want it: [K,
// N] for MatMul and Gemm; for Gather the weight itself under its own name.
std::vector<onnx::NodeProto> TernaryRewrite::decode_portable() const {
  std::vector<onnx::NodeProto> out;
  const auto add = [&](onnx::NodeProto node) -> onnx::NodeProto& {
    return out.emplace_back(std::move(node));
  };
  set_integer(add(make_node("Cast", {named("ternary")}, named("wide"))), "to",
              onnx::TensorProto::INT32);
  add(make_node("Div", {named("wide"), shared("powers")}, named("quotients")));
  add(make_node("Mod", {named("quotients"), shared("three")}, named("digits")));
  add(make_node("Reshape", {named("digits"), named("padded")}, named("rows")));
  add(make_node("Slice", {named("rows"), shared("origin"), named("size")}, named("codes")));
  set_integer(add(make_node("Cast", {named("codes")}, named("real"))), "to",
              onnx::TensorProto::FLOAT);
  add(make_node("Sub", {named("real"), shared("one")}, named("trits")));
  add(make_node("Transpose", {named("trits")}, named("columns")));
  // For Gather: times the scales.
  std::string scales = named("scales");
  if (stored_.scale_layout.granularity == Granularity::row) {
    add(make_node("Unsqueeze", {scales, shared("axis_1")}, named("scale_column")));
    scales = named("scale_column");
  }
  const bool half = stored_.scale_type != ScaleType::float32;
  std::string trits = named("trits");
  if (half) {
    set_integer(add(make_node("Cast", {trits}, named("half_trits"))), "to",
                element_of(stored_.scale_type));
    trits = named("half_trits");
  }
  add(make_node("Mul", {trits, scales}, weight_.name));
  return out;
}

onnx::NodeProto TernaryRewrite::operator_node(const char* type, const std::string& output) const {
  onnx::NodeProto node = make_node(type, {}, output);
  node.set_domain(own_domain);
  set_text(node, "encoding", std::string(encoding_name(stored_.layout.format)));
  set_integer(node, "N", static_cast<std::int64_t>(stored_.layout.shape.rows));
  set_integer(node, "K", static_cast<std::int64_t>(stored_.layout.shape.columns));
  set_integer(node, "block_size", static_cast<std::int64_t>(stored_.scale_layout.block));
  return node;
}

void TernaryRewrite::matmul_by_operator(const onnx::NodeProto& node, const std::string& input,
                                        const std::string& output,
                                        std::vector<onnx::NodeProto>& out) const {
  onnx::NodeProto made = operator_node("TernaryMatMul", output);
  set_text(made, "mode", how_.float_activations ? "float32" : "int8");
  made.set_name(node.name());
  for (const auto& name : {input, named("ternary"), named("scales")}) made.add_input(name);
  out.push_back(std::move(made));
}

// TernaryMatMul's arithmetic in its own order (docs/ternary-format.md, 6): sums of integers in
// float32 are exact up to K = 131072.
void TernaryRewrite::matmul_portable(const onnx::NodeProto& node, const std::string& input,
                                     const std::string& output,
                                     std::vector<onnx::NodeProto>& out) const {
  const auto name = [&](const char* part) { return output + how_.mark + part; };
  const auto add = [&](onnx::NodeProto made) -> onnx::NodeProto& {
    return out.emplace_back(std::move(made));
  };
  add(make_node("Abs", {input}, name("abs")));
  if (how_.opset >= 18) {
    add(make_node("ReduceMax", {name("abs"), shared("axis_last")}, name("peak")));
  } else {
    set_integers(add(make_node("ReduceMax", {name("abs")}, name("peak"))), "axes", {-1});
  }
  add(make_node("Max", {name("peak"), shared("least")}, name("most")));
  add(make_node("Div", {shared("limit"), name("most")}, name("factor")));
  add(make_node("Mul", {input, name("factor")}, name("scaled")));
  add(make_node("Round", {name("scaled")}, name("rounded")));
  add(make_node("Clip", {name("rounded"), shared("lowest"), shared("limit")}, name("quantised")));
  add(make_node("MatMul", {name("quantised"), named("columns")}, name("sums")))
      .set_name(node.name());
  add(make_node("Div", {name("most"), shared("limit")}, name("step")));
  std::string scales = named("scales");
  if (stored_.scale_type != ScaleType::float32) {
    set_integer(add(make_node("Cast", {scales}, name("wide_scales"))), "to",
                onnx::TensorProto::FLOAT);
    scales = name("wide_scales");
  }
  add(make_node("Mul", {scales, name("step")}, name("scale")));
  add(make_node("Mul", {name("sums"), name("scale")}, output));
}

std::vector<onnx::NodeProto> TernaryRewrite::replace(const onnx::NodeProto& node,
                                                     UseKind kind) const {
  if (kind == UseKind::nbits) return replace_nbits(node);
  const bool keeps = how_.form == TernaryForm::standard ||
                     (how_.form == TernaryForm::portable && kind == UseKind::gather);
  if (keeps) return {node};
  std::vector<onnx::NodeProto> out;
  const bool half = stored_.scale_type != ScaleType::float32;
  const std::string& y = node.output(0);
  if (kind == UseKind::gather) {
    const std::string real = half ? y + how_.mark + "float" : y;
    onnx::NodeProto made = operator_node("TernaryGather", real);
    made.set_name(node.name());
    for (const auto& name : {named("ternary"), named("scales"), node.input(1)})
      made.add_input(name);
    out.push_back(std::move(made));
    if (half)
      set_integer(out.emplace_back(make_node("Cast", {real}, y)), "to",
                  element_of(stored_.scale_type));
    return out;
  }
  const bool has_c = kind == UseKind::gemm && node.input_size() > 2 && !node.input(2).empty();
  const std::string product = has_c ? y + how_.mark + "product" : y;
  std::string input = node.input(0);
  if (half) {
    set_integer(out.emplace_back(make_node("Cast", {input}, y + how_.mark + "input")), "to",
                onnx::TensorProto::FLOAT);
    input = y + how_.mark + "input";
  }
  const std::string real = half ? y + how_.mark + "float" : product;
  how_.form == TernaryForm::operators ? matmul_by_operator(node, input, real, out)
                                      : matmul_portable(node, input, real, out);
  if (half)
    set_integer(out.emplace_back(make_node("Cast", {real}, product)), "to",
                element_of(stored_.scale_type));
  if (has_c) out.push_back(make_node("Add", {product, node.input(2)}, y));
  return out;
}

// As the MatMul that it stands for; its bias is added behind.
std::vector<onnx::NodeProto> TernaryRewrite::replace_nbits(const onnx::NodeProto& node) const {
  const bool has_bias = node.input_size() > 5 && !node.input(5).empty();
  const std::string& y = node.output(0);
  onnx::NodeProto plain =
      make_node("MatMul", {node.input(0), weight_.name}, has_bias ? y + how_.mark + "product" : y);
  plain.set_name(node.name());
  auto out = replace(plain, UseKind::matmul);
  if (has_bias) out.push_back(make_node("Add", {plain.output(0), node.input(5)}, y));
  return out;
}

std::vector<onnx::TensorProto> shared_portable_initializers(const Rewriting& how) {
  std::vector<onnx::TensorProto> out = {
      make_real(how.shared("least"), 1e-5F),       make_real(how.shared("limit"), 127.0F),
      make_real(how.shared("lowest"), -128.0F),    make_real(how.shared("one"), 1.0F),
      make_integers(how.shared("origin"), {0, 0}), make_integers(how.shared("axis_1"), {1})};
  constexpr std::int32_t powers[] = {1, 3, 9, 27, 81};
  constexpr std::int32_t three = 3;
  out.push_back(make_tensor(how.shared("powers"), onnx::TensorProto::INT32, {1, 5, 1},
                            std::as_bytes(std::span(powers))));
  out.push_back(make_tensor(how.shared("three"), onnx::TensorProto::INT32, {},
                            std::as_bytes(std::span(&three, 1))));
  if (how.opset >= 18) out.push_back(make_integers(how.shared("axis_last"), {-1}));
  return out;
}

}  // namespace onnxpack::transform
