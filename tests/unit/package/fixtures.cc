#include "fixtures.h"

#include <cstring>
#include <fstream>
#include <iterator>
#include <stdexcept>

#include "onnxpack/model/wire.h"

namespace onnxpack::package::testing {
namespace {

using model::append_bytes_field;
using model::append_varint_field;

Bytes value_info(std::string_view name, std::uint64_t elements) {
  Bytes dim;
  append_varint_field(dim, 1, elements);  // dim_value
  Bytes shape;
  append_bytes_field(shape, 1, dim);
  Bytes tensor;
  append_varint_field(tensor, 1, 1);  // elem_type float
  append_bytes_field(tensor, 2, shape);
  Bytes type;
  append_bytes_field(type, 1, tensor);
  Bytes out;
  append_bytes_field(out, 1, as_bytes(name));
  append_bytes_field(out, 2, type);
  return out;
}

Bytes entry(std::string_view key, std::string_view value) {
  Bytes out;
  append_bytes_field(out, 1, as_bytes(key));
  append_bytes_field(out, 2, as_bytes(value));
  return out;
}

Bytes initializer(const ModelSpec& spec) {
  Bytes out;
  append_varint_field(out, 1, spec.elements);
  append_varint_field(out, 2, 1);
  append_bytes_field(out, 8, as_bytes("w"));
  if (spec.external_location.empty()) {
    append_bytes_field(out, 9, weight_bytes(spec));
  } else {
    append_bytes_field(out, 13, entry("location", spec.external_location));
    append_bytes_field(out, 13, entry("offset", std::to_string(spec.external_offset)));
    append_bytes_field(out, 13, entry("length", std::to_string(spec.elements * 4)));
    append_varint_field(out, 14, 1);  // EXTERNAL
  }
  return out;
}

Bytes node(const ModelSpec& spec) {
  Bytes out;
  append_bytes_field(out, 1, as_bytes("x"));
  append_bytes_field(out, 1, as_bytes("w"));
  append_bytes_field(out, 2, as_bytes("y"));
  append_bytes_field(out, 4, as_bytes(spec.op_type));
  if (!spec.domain.empty()) append_bytes_field(out, 7, as_bytes(spec.domain));
  return out;
}

Bytes opset(std::string_view domain, std::uint64_t version) {
  Bytes out;
  if (!domain.empty()) append_bytes_field(out, 1, as_bytes(domain));
  append_varint_field(out, 2, version);
  return out;
}

}  // namespace

Bytes weight_bytes(const ModelSpec& spec) {
  Bytes out(spec.elements * 4);
  for (std::uint64_t i = 0; i < spec.elements; ++i) {
    float value = spec.scale * static_cast<float>(i);
    std::memcpy(out.data() + i * 4, &value, 4);
  }
  return out;
}

Bytes model_bytes(const ModelSpec& spec) {
  Bytes graph;
  append_bytes_field(graph, 1, node(spec));
  append_bytes_field(graph, 2, as_bytes("g"));
  append_bytes_field(graph, 5, initializer(spec));
  append_bytes_field(graph, 11, value_info("x", spec.elements));
  append_bytes_field(graph, 12, value_info("y", spec.elements));
  Bytes out;
  append_varint_field(out, 1, static_cast<std::uint64_t>(spec.ir_version));
  append_bytes_field(out, 2, as_bytes("tests"));
  append_bytes_field(out, 7, graph);
  append_bytes_field(out, 8, opset("", 13));
  if (!spec.domain.empty()) append_bytes_field(out, 8, opset(spec.domain, 1));
  return out;
}

void write_model(const std::filesystem::path& path, const ModelSpec& spec) {
  write_file(path, model_bytes(spec));
  if (spec.external_location.empty()) return;
  Bytes data(spec.external_offset);
  append(data, weight_bytes(spec));
  write_file(path.parent_path() / spec.external_location, data);
}

Folder::Folder()
    : directory_(io::TemporaryDirectory::create(io::real_file_system(), "onnxpack-test-").value()) {
}

Bytes read_file(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw std::runtime_error("cannot read " + path.string());
  std::string text{std::istreambuf_iterator<char>(file), {}};
  return to_bytes(text);
}

void write_file(const std::filesystem::path& path, ByteView bytes) {
  std::filesystem::create_directories(path.parent_path());
  std::ofstream file(path, std::ios::binary);
  file.write(reinterpret_cast<const char*>(bytes.data()),
             static_cast<std::streamsize>(bytes.size()));
  if (!file.flush()) throw std::runtime_error("cannot write " + path.string());
}

Environment quiet_environment() {
  static const CancelFlag never;
  Environment out;
  out.cancel = &never;
  out.version = "0.0.0-test";
  return out;
}

}  // namespace onnxpack::package::testing
