// Field numbers of onnx.proto that the wire walks need.
#pragma once

#include <cstdint>

namespace onnxpack::model::field {

namespace model {
inline constexpr std::uint32_t ir_version = 1, producer_name = 2, producer_version = 3, domain = 4,
                               model_version = 5, graph = 7, opset_import = 8, metadata = 14,
                               training_info = 20, functions = 25;
}
namespace training {
inline constexpr std::uint32_t initialization = 1, algorithm = 2;
}
namespace graph {
inline constexpr std::uint32_t node = 1, name = 2, initializer = 5, input = 11, output = 12,
                               sparse_initializer = 15;
}
namespace node {
inline constexpr std::uint32_t input = 1, output = 2, name = 3, op_type = 4, attribute = 5,
                               domain = 7, overload = 8, metadata = 9;
}
namespace attribute {
inline constexpr std::uint32_t name = 1, t = 5, g = 6, tensors = 10, graphs = 11,
                               sparse_tensor = 22, sparse_tensors = 23;
}
namespace function {
inline constexpr std::uint32_t name = 1, node = 7, domain = 10, attribute_proto = 11, overload = 13;
}
namespace tensor {
inline constexpr std::uint32_t dims = 1, data_type = 2, float_data = 4, int32_data = 5,
                               string_data = 6, int64_data = 7, name = 8, raw_data = 9,
                               double_data = 10, uint64_data = 11, external_data = 13,
                               data_location = 14;
}
namespace sparse_tensor {
inline constexpr std::uint32_t values = 1, indices = 2;
}
namespace value_info {
inline constexpr std::uint32_t name = 1, type = 2;
}
namespace type {
inline constexpr std::uint32_t tensor = 1, sequence = 4, map = 5, opaque = 7, sparse_tensor = 8,
                               optional = 9;
}
namespace entry {  // StringStringEntryProto, OperatorSetIdProto
inline constexpr std::uint32_t key = 1, value = 2;
}

}  // namespace onnxpack::model::field
