// Field numbers of onnx.proto (onnx 1.23) that this backend reads or writes.
#pragma once

#include <cstdint>

namespace onnxpack::ort_backend::onnx_field {

inline constexpr std::uint32_t model_ir_version = 1;
inline constexpr std::uint32_t model_graph = 7;
inline constexpr std::uint32_t model_opset_import = 8;
inline constexpr std::uint32_t model_metadata = 14;
inline constexpr std::uint32_t opset_domain = 1;
inline constexpr std::uint32_t model_functions = 25;
inline constexpr std::uint32_t function_node = 7;
inline constexpr std::uint32_t graph_node = 1;
inline constexpr std::uint32_t graph_initializer = 5;
inline constexpr std::uint32_t graph_input = 11;
inline constexpr std::uint32_t graph_output = 12;
inline constexpr std::uint32_t graph_sparse_initializer = 15;
inline constexpr std::uint32_t node_input = 1;
inline constexpr std::uint32_t node_output = 2;
inline constexpr std::uint32_t node_op_type = 4;
inline constexpr std::uint32_t node_attribute = 5;
inline constexpr std::uint32_t node_domain = 7;
inline constexpr std::uint32_t attribute_name = 1;
inline constexpr std::uint32_t attribute_integer = 3;
inline constexpr std::uint32_t attribute_text = 4;
inline constexpr std::uint32_t attribute_tensor = 5;
inline constexpr std::uint32_t attribute_graph = 6;
inline constexpr std::uint32_t attribute_tensors = 10;
inline constexpr std::uint32_t attribute_graphs = 11;
inline constexpr std::uint32_t attribute_sparse_tensor = 22;
inline constexpr std::uint32_t attribute_sparse_tensors = 23;
inline constexpr std::uint32_t sparse_values = 1;
inline constexpr std::uint32_t sparse_indices = 2;

inline constexpr std::uint32_t tensor_float_data = 4;
inline constexpr std::uint32_t tensor_int32_data = 5;
inline constexpr std::uint32_t tensor_string_data = 6;
inline constexpr std::uint32_t tensor_int64_data = 7;
inline constexpr std::uint32_t tensor_name = 8;
inline constexpr std::uint32_t tensor_raw_data = 9;
inline constexpr std::uint32_t tensor_double_data = 10;
inline constexpr std::uint32_t tensor_uint64_data = 11;
inline constexpr std::uint32_t tensor_external_data = 13;
inline constexpr std::uint32_t tensor_data_location = 14;
inline constexpr std::uint64_t data_location_external = 1;
inline constexpr std::uint32_t entry_key = 1;
inline constexpr std::uint32_t entry_value = 2;

inline constexpr std::uint32_t value_name = 1;
inline constexpr std::uint32_t value_type = 2;
inline constexpr std::uint32_t type_tensor = 1;
inline constexpr std::uint32_t tensor_type_shape = 2;
inline constexpr std::uint32_t shape_dimension = 1;
inline constexpr std::uint32_t dimension_value = 1;
inline constexpr std::uint32_t dimension_name = 2;

}  // namespace onnxpack::ort_backend::onnx_field
