#include "walk_types.h"

#include <fmt/format.h>

#include "onnx_fields.h"
#include "onnxpack/base/text.h"

namespace onnxpack::model {
namespace {

constexpr std::size_t rank_limit =
    256;  // no tensor has so many; a forged list must not cost memory

std::string element_name(std::uint64_t number) {
  return std::string(to_string(static_cast<DataType>(static_cast<std::int32_t>(number))));
}

Result<Dimension> walk_dimension(WireMessage message) {
  Dimension dimension;
  while (true) {
    ONNXPACK_TRY(auto field, message.next());
    if (!field) return dimension;
    if (field->is(1, WireType::varint)) {  // dim_value; a oneof: the last one counts
      dimension = {};
      const auto size = static_cast<std::int64_t>(field->value);
      if (size >= 0) dimension.size = size;
    } else if (field->is(2, WireType::bytes)) {  // dim_param
      ONNXPACK_TRY(std::string name, message.text(*field));
      dimension = {std::nullopt, std::move(name)};
    }
  }
}

Status walk_shape(WireMessage message, Shape& shape) {
  while (true) {
    ONNXPACK_TRY(auto field, message.next());
    if (!field) return {};
    if (!field->is(1, WireType::bytes)) continue;
    ONNXPACK_TRY(WireMessage inside, message.enter(*field));
    ONNXPACK_TRY(Dimension dimension, walk_dimension(inside));
    shape.push_back(std::move(dimension));
  }
}

// TypeProto.Tensor and TypeProto.SparseTensor.
Status walk_tensor_type(WireMessage message, ValueInfo& info) {
  while (true) {
    ONNXPACK_TRY(auto field, message.next());
    if (!field) return {};
    if (field->is(1, WireType::varint)) {
      info.element_type = static_cast<DataType>(static_cast<std::int32_t>(field->value));
    } else if (field->is(2, WireType::bytes)) {
      ONNXPACK_TRY(WireMessage inside, message.enter(*field));
      if (!info.shape) info.shape.emplace();
      ONNXPACK_CHECK(walk_shape(inside, *info.shape));
    }
  }
}

Status walk_type(WireMessage message, ValueInfo& info);

// Sequence and Optional hold an element type in field 1, Map a key type in 1 and a value type in 2.
Result<std::string> walk_container(WireMessage message, std::string_view kind, bool is_map) {
  std::string key;
  std::string element = "undefined";
  while (true) {
    ONNXPACK_TRY(auto field, message.next());
    if (!field) break;
    if (is_map && field->is(1, WireType::varint)) key = element_name(field->value) + ",";
    if (field->is(is_map ? 2 : 1, WireType::bytes)) {
      ONNXPACK_TRY(WireMessage inside, message.enter(*field));
      ValueInfo info;
      ONNXPACK_CHECK(walk_type(inside, info));
      element = info.type;
    }
  }
  return fmt::format("{}({}{})", kind, key, element);
}

Result<std::string> walk_opaque(WireMessage message) {
  std::string domain;
  std::string name;
  while (true) {
    ONNXPACK_TRY(auto field, message.next());
    if (!field) return fmt::format("opaque({},{})", domain, name);
    if (field->type != WireType::bytes || field->number > 2) continue;
    ONNXPACK_TRY((field->number == 1 ? domain : name), message.text(*field));
  }
}

Status walk_type(WireMessage message, ValueInfo& info) {
  while (true) {
    ONNXPACK_TRY(auto field, message.next());
    if (!field) return {};
    if (field->type != WireType::bytes) continue;
    const auto number = field->number;
    if (number == field::type::tensor || number == field::type::sparse_tensor) {
      ONNXPACK_TRY(WireMessage inside, message.enter(*field));
      ONNXPACK_CHECK(walk_tensor_type(inside, info));
      info.type = fmt::format("{}({})", number == field::type::tensor ? "tensor" : "sparse_tensor",
                              to_string(info.element_type));
    } else if (number == field::type::sequence || number == field::type::optional ||
               number == field::type::map) {
      ONNXPACK_TRY(WireMessage inside, message.enter(*field));
      const auto* kind = number == field::type::sequence ? "seq"
                         : number == field::type::map    ? "map"
                                                         : "optional";
      ONNXPACK_TRY(info.type, walk_container(inside, kind, number == field::type::map));
    } else if (number == field::type::opaque) {
      ONNXPACK_TRY(WireMessage inside, message.enter(*field));
      ONNXPACK_TRY(info.type, walk_opaque(inside));
    }
  }
}

}  // namespace

Result<ValueInfo> walk_value_info(WireMessage message) {
  ValueInfo info;
  while (true) {
    ONNXPACK_TRY(auto field, message.next());
    if (!field) return info;
    if (field->is(field::value_info::name, WireType::bytes)) {
      ONNXPACK_TRY(info.name, message.text(*field));
    } else if (field->is(field::value_info::type, WireType::bytes)) {
      ONNXPACK_TRY(WireMessage inside, message.enter(*field));
      ONNXPACK_CHECK(walk_type(inside, info));
    }
  }
}

Result<MetadataEntry> walk_entry(WireMessage message) {
  MetadataEntry entry;
  while (true) {
    ONNXPACK_TRY(auto field, message.next());
    if (!field) return entry;
    if (field->is(field::entry::key, WireType::bytes)) {
      ONNXPACK_TRY(entry.key, message.text(*field));
    } else if (field->is(field::entry::value, WireType::bytes)) {
      ONNXPACK_TRY(entry.value, message.text(*field));
    }
  }
}

Result<OpsetImport> walk_opset_import(WireMessage message) {
  OpsetImport import;
  while (true) {
    ONNXPACK_TRY(auto field, message.next());
    if (!field) return import;
    if (field->is(field::entry::key, WireType::bytes)) {
      ONNXPACK_TRY(import.domain, message.text(*field));
    } else if (field->is(field::entry::value, WireType::varint)) {
      import.version = static_cast<std::int64_t>(field->value);
    }
  }
}

Result<TensorHead> walk_tensor_head(WireMessage message) {
  using namespace field;
  TensorHead head;
  int value_fields = 0;
  while (true) {
    ONNXPACK_TRY(auto field, message.next());
    if (!field) break;
    const bool is_bytes = field->type == WireType::bytes;
    switch (field->number) {
      case tensor::dims:
        if (field->type != WireType::varint && !is_bytes) break;
        ONNXPACK_CHECK(
            for_each_number(message.input(), *field, 0, [&](std::uint64_t dim) -> Status {
              head.dims.push_back(static_cast<std::int64_t>(dim));
              if (head.dims.size() <= rank_limit) return {};
              return fail(ErrorKind::corrupt,
                          fmt::format("tensor at offset {} has more than {} dimensions",
                                      message.begin(), rank_limit));
            }));
        break;
      case tensor::data_type:
        if (field->type == WireType::varint) {
          head.type = static_cast<DataType>(static_cast<std::int32_t>(field->value));
        }
        break;
      case tensor::name:
        if (is_bytes) {
          ONNXPACK_TRY(head.name, message.text(*field));
        }
        break;
      case tensor::raw_data:
        if (is_bytes) head.raw = *field;
        break;
      case tensor::float_data:
      case tensor::double_data:
      case tensor::int32_data:
      case tensor::int64_data:
      case tensor::uint64_data:
      case tensor::string_data:
        if (is_bytes && field->size == 0 && field->number != tensor::string_data) break;
        ++value_fields;
        if (is_bytes &&
            (field->number == tensor::float_data || field->number == tensor::double_data)) {
          head.packed_floats = *field;
        }
        break;
      case tensor::external_data:
        if (is_bytes) {
          ONNXPACK_TRY(WireMessage inside, message.enter(*field));
          ONNXPACK_TRY(MetadataEntry entry, walk_entry(inside));
          head.external_data.push_back(std::move(entry));
        }
        break;
      case tensor::data_location:
        if (field->type == WireType::varint) head.external = field->value == 1;
        break;
      default:
        break;
    }
  }
  head.typed = value_fields > 0;
  if (value_fields != 1) head.packed_floats.reset();
  return head;
}

std::string describe(const Constant& constant) {
  if (constant.name.empty()) return fmt::format("tensor of {}", printable(constant.where));
  return fmt::format("tensor {} of {}", printable(constant.name), printable(constant.where));
}

}  // namespace onnxpack::model
