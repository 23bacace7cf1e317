// Random models with exactly ternary weights, one use of each, and the bits that those weights have.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "support.h"

namespace onnxpack::transform::test {

// A weight in bits of its type, as the initializer has them.
struct Weight {
  std::string name;
  std::int32_t type = onnx::TensorProto::FLOAT;
  std::size_t rows = 0;  // N and K, whichever way it lies
  std::size_t columns = 0;
  bool transposed = false;  // [K, N]
  std::vector<std::uint32_t> bits;

  std::size_t width() const { return type == onnx::TensorProto::FLOAT ? 4 : 2; }
  std::uint32_t sign() const { return 1U << (8 * width() - 1); }
  std::size_t at(std::size_t n, std::size_t k) const {
    return transposed ? k * rows + n : n * columns + k;
  }
};

enum class Scales { tensor, row, block };

class Models {
 public:
  explicit Models(unsigned seed) : random_(seed) {}

  std::mt19937& random() { return random_; }
  const std::vector<Weight>& weights() const { return weights_; }

  // One node for each weight. `float_only`: what shape inference and all forms take.
  onnx::ModelProto next(std::size_t count, bool half_too = true, bool blocks_too = true) {
    weights_.clear();
    onnx::ModelProto out;
    out.set_ir_version(10);
    out.add_opset_import()->set_version(21);
    auto& graph = *out.mutable_graph();
    graph.set_name("g");
    add_input(graph, "ids", onnx::TensorProto::INT64, {3});
    for (std::size_t i = 0; i < count; ++i) add_use(graph, i, half_too, blocks_too);
    return out;
  }

  // Bits of a positive scale.
  std::uint32_t scale(std::int32_t type) {
    const auto mantissa = static_cast<std::uint32_t>(random_());
    if (type == onnx::TensorProto::FLOAT) return 0x3C000000U + (mantissa & 0x03FFFFFFU);
    if (type == onnx::TensorProto::FLOAT16) return 0x2000U + (mantissa & 0x1FFFU);
    return 0x3C00U + (mantissa & 0x03FFU);
  }

  Weight weight(std::string name, std::int32_t type, bool transposed, Scales scales) {
    Weight out{std::move(name), type, 16 + random_() % 60, 17 + random_() % 90, transposed, {}};
    out.bits.resize(out.rows * out.columns);
    const std::size_t block = scales == Scales::block ? 16 : out.columns;
    std::uint32_t now = scale(type);
    for (std::size_t n = 0; n < out.rows; ++n) {
      for (std::size_t k = 0; k < out.columns; ++k) {
        if (scales != Scales::tensor && k % block == 0) now = scale(type);
        const auto trit = random_() % 3;
        out.bits[out.at(n, k)] = trit == 0 ? 0 : trit == 1 ? now : now | out.sign();
      }
    }
    return out;
  }

  static void put(onnx::GraphProto& graph, const Weight& weight) {
    auto found =
        std::ranges::find(*graph.mutable_initializer(), weight.name, &onnx::TensorProto::name);
    auto& tensor = found == graph.mutable_initializer()->end() ? *graph.add_initializer() : *found;
    tensor.Clear();
    tensor.set_name(weight.name);
    tensor.set_data_type(weight.type);
    tensor.add_dims(static_cast<std::int64_t>(weight.transposed ? weight.columns : weight.rows));
    tensor.add_dims(static_cast<std::int64_t>(weight.transposed ? weight.rows : weight.columns));
    std::string raw(weight.bits.size() * weight.width(), '\0');
    for (std::size_t i = 0; i < weight.bits.size(); ++i)
      std::memcpy(raw.data() + i * weight.width(), &weight.bits[i], weight.width());
    tensor.set_raw_data(raw);
  }

 private:
  static void add_value(onnx::ValueInfoProto& info, const std::string& name, std::int32_t type,
                        std::vector<std::int64_t> shape) {
    info.set_name(name);
    info.mutable_type()->mutable_tensor_type()->set_elem_type(type);
    for (auto size : shape)
      info.mutable_type()->mutable_tensor_type()->mutable_shape()->add_dim()->set_dim_value(size);
  }
  static void add_input(onnx::GraphProto& graph, const std::string& name, std::int32_t type,
                        std::vector<std::int64_t> shape) {
    add_value(*graph.add_input(), name, type, std::move(shape));
  }

  void add_use(onnx::GraphProto& graph, std::size_t index, bool half_too, bool blocks_too) {
    constexpr std::int32_t types[] = {onnx::TensorProto::FLOAT, onnx::TensorProto::FLOAT16,
                                      onnx::TensorProto::BFLOAT16};
    const auto type = types[half_too ? random_() % 3 : 0];
    const auto kind = random_() % 4;  // MatMul, Gemm, Gemm of a transposed one, Gather
    const auto scales = static_cast<Scales>(random_() % (blocks_too ? 3 : 2));
    const bool transposed = kind < 2;
    auto made = weight(fmt::format("w{}", index), type, transposed, scales);
    auto& node = *graph.add_node();
    node.set_op_type(kind == 0 ? "MatMul" : kind == 3 ? "Gather" : "Gemm");
    if (random_() % 2 == 0) node.set_name(fmt::format("node {}", index));
    const auto columns = static_cast<std::int64_t>(made.columns);
    const auto rows = static_cast<std::int64_t>(made.rows);
    const std::string x = fmt::format("x{}", index);
    const std::string y = fmt::format("y{}", index);
    node.add_input(kind == 3 ? made.name : x);
    node.add_input(kind == 3 ? "ids" : made.name);
    node.add_output(y);
    if (kind == 2) {
      auto& attribute = *node.add_attribute();
      attribute.set_name("transB");
      attribute.set_type(onnx::AttributeProto::INT);
      attribute.set_i(1);
    }
    if (kind != 3) add_input(graph, x, type, {3, columns});
    auto& relu = *graph.add_node();  // something else between them
    relu.set_op_type("Identity");
    relu.add_input(y);
    relu.add_output(fmt::format("z{}", index));
    add_value(*graph.add_output(), relu.output(0), type, {3, kind == 3 ? columns : rows});
    put(graph, made);
    weights_.push_back(std::move(made));
  }

  std::mt19937 random_;
  std::vector<Weight> weights_;
};

}  // namespace onnxpack::transform::test
