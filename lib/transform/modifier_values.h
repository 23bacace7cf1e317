// The virtual tensors of the modifier compiler.
#pragma once

#include <onnx/onnx_pb.h>

#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "onnxpack/kernels/flex_program.h"

namespace onnxpack::transform {

namespace flex = kernels::flex;
using flex::NodeId;

// Thrown within the compiler, which has no use for a half-compiled modifier, and caught by
// compile_modifier().
struct NotTileable : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// Element (i0, i1, ...) is `element` with index(j) standing for the j-th index from the right:
// index(0) runs along the last axis. That makes ONNX's broadcasting, which aligns at the right, a
// matter of sizes only.
struct Value {
  flex::Type type = flex::Type::f32;
  std::vector<NodeId> sizes;  // from the left, as ONNX writes shapes; i64
  NodeId element = 0;
  // Of scalars and short vectors of known length: each element by itself, as shape arithmetic needs
  // it.
  std::optional<std::vector<NodeId>> items;
  // The ONNX type of an 8 or 16-bit integer that is carried as i32, else 0: it may be cast and
  // dequantised, not calculated with.
  std::int32_t narrow = 0;

  std::size_t rank() const { return sizes.size(); }
  NodeId size_from_right(std::size_t j) const { return sizes[sizes.size() - 1 - j]; }
};

inline constexpr std::size_t most_items = 64;

// Builders of values, over one program.
class Values {
 public:
  flex::Builder& builder() { return builder_; }

  Value vector(flex::Type type, std::vector<NodeId> items);
  Value scalar(flex::Type type, NodeId item);
  Value tensor(const onnx::TensorProto& tensor);
  Value table(std::size_t number, flex::Type type, std::size_t rank);

  // The items of a constant-length vector or scalar. Throws NotTileable.
  const std::vector<NodeId>& items(const Value& value, const char* what) const;
  std::int64_t constant(NodeId id, const char* what) const;
  std::vector<std::int64_t> constants(const Value& value, const char* what) const;

  // The element of `value` for a result of sizes `sizes`, into which it broadcasts.
  NodeId broadcast(const Value& value, const std::vector<NodeId>& sizes);
  std::vector<NodeId> broadcast_sizes(const std::vector<const Value*>& values);

  // Element with index(j) := indices[j], counted from the right.
  NodeId at(const Value& value, const std::vector<NodeId>& indices_from_right);
  Value reshape(const Value& value, std::vector<NodeId> sizes);
  NodeId product(const std::vector<NodeId>& sizes);

 private:
  NodeId wider(NodeId a, NodeId b);
  Value reindexed(const Value& value, std::vector<NodeId> sizes,
                  const std::vector<std::size_t>& kept, const std::vector<std::size_t>& places);
  flex::Builder builder_;
};

}  // namespace onnxpack::transform
