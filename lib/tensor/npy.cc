#include "onnxpack/tensor/npy.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "npy_header.h"
#include "onnxpack/base/checked.h"

namespace onnxpack::tensor {
namespace {

void swap_bytes(Bytes& data, std::size_t width) {
  for (std::size_t i = 0; i + width <= data.size(); i += width) {
    std::reverse(data.begin() + static_cast<std::ptrdiff_t>(i),
                 data.begin() + static_cast<std::ptrdiff_t>(i + width));
  }
}

// First dimension fastest -> last dimension fastest: walks the output in order and keeps the source
// offset by strides.
Bytes from_fortran(ByteView data, const Shape& shape, std::size_t width) {
  Bytes out(data.size());
  std::vector<std::size_t> stride(shape.size(), width);
  for (std::size_t d = 1; d < shape.size(); ++d)
    stride[d] = stride[d - 1] * static_cast<std::size_t>(shape[d - 1]);
  std::vector<std::int64_t> index(shape.size(), 0);
  std::size_t source = 0;
  for (std::size_t to = 0; to < out.size(); to += width) {
    std::memcpy(out.data() + to, data.data() + source, width);
    for (std::size_t d = shape.size(); d-- > 0;) {
      source += stride[d];
      if (++index[d] < shape[d]) break;
      source -= stride[d] * static_cast<std::size_t>(shape[d]);
      index[d] = 0;
    }
  }
  return out;
}

// numpy arrays have a byte per packed element.
Bytes unpacked(const Tensor& tensor, std::uint64_t count) {
  const unsigned bits = bit_width(tensor.type);
  const unsigned per_byte = 8 / bits;
  Bytes out(count);
  for (std::uint64_t i = 0; i < count; ++i) {
    unsigned field =
        (std::to_integer<unsigned>(tensor.data[i / per_byte]) >> (bits * (i % per_byte))) &
        ((1U << bits) - 1U);
    if (is_signed(tensor.type) && (field >> (bits - 1)) != 0) field |= 0xffU << bits;
    out[i] = static_cast<std::byte>(field & 0xffU);
  }
  return out;
}

}  // namespace

Result<Tensor> read_npy(ByteView file) {
  ONNXPACK_TRY(NpyHeader header, parse_npy_header(file));
  ONNXPACK_TRY(const std::uint64_t size, byte_size(header.type, header.shape));
  const std::uint64_t found = file.size() - header.data_offset;
  if (found != size) {
    return fail(ErrorKind::corrupt,
                fmt::format("{} of shape {} takes {} bytes, the file has {}",
                            type_string(header.type), shape_string(header.shape), size, found));
  }
  const ByteView raw = file.subspan(header.data_offset);
  Tensor tensor{header.type, std::move(header.shape), Bytes(raw.begin(), raw.end())};
  const std::size_t width = bit_width(tensor.type) / 8;
  if (header.byte_order == ByteOrder::big && width > 1) {
    swap_bytes(tensor.data, is_complex(tensor.type) ? width / 2 : width);
  }
  if (header.memory_order == MemoryOrder::fortran && tensor.shape.size() > 1) {
    tensor.data = from_fortran(tensor.data, tensor.shape, width);
  }
  return tensor;
}

Result<Bytes> write_npy(const Tensor& tensor) {
  ONNXPACK_CHECK(check(tensor));
  Bytes out = make_npy_header(descr_of(tensor.type), tensor.shape);
  if (bit_width(tensor.type) >= 8) {
    append(out, tensor.data);
  } else {
    ONNXPACK_TRY(const std::uint64_t count, element_count(tensor.shape));
    append(out, unpacked(tensor, count));
  }
  return out;
}

Result<Tensor> load_npy(io::FileSystem& file_system, const std::filesystem::path& path) {
  if (path.extension() == ".npz") {
    ONNXPACK_TRY(auto arrays, load_npz(file_system, path));
    if (arrays.size() != 1) {
      return fail(ErrorKind::invalid_argument,
                  fmt::format("{}: expected one array, found {}", path.string(), arrays.size()),
                  "save it as .npy");
    }
    return std::move(arrays.front().value);
  }
  ONNXPACK_TRY(auto file, file_system.open(path));
  ONNXPACK_TRY(const Bytes bytes, file->read(0, file->size()));
  return in(read_npy(bytes), path.string());
}

Result<std::vector<NamedTensor>> load_npz(io::FileSystem& file_system,
                                          const std::filesystem::path& path) {
  ONNXPACK_TRY(auto file, file_system.open(path));
  ONNXPACK_TRY(const Bytes bytes, file->read(0, file->size()));
  return in(read_npz(bytes), path.string());
}

Status save_npy(io::FileSystem& file_system, const std::filesystem::path& path,
                const Tensor& tensor, io::Overwrite overwrite) {
  ONNXPACK_TRY(const Bytes bytes, in(write_npy(tensor), path.string()));
  ONNXPACK_TRY(auto file, file_system.create(path));
  ONNXPACK_CHECK(file->write(bytes));
  return file->publish_unsynced(overwrite);
}

}  // namespace onnxpack::tensor
