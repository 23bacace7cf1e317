// The header of .npy: a parser and a writer of exactly the form that numpy writes.
#pragma once

#include <string>
#include <string_view>

#include "onnxpack/tensor/tensor.h"

namespace onnxpack::tensor {

enum class ByteOrder { little, big };
enum class MemoryOrder { c, fortran };

struct NpyHeader {
  ElementType type = ElementType::undefined;
  ByteOrder byte_order = ByteOrder::little;
  MemoryOrder memory_order = MemoryOrder::c;
  Shape shape;
  std::size_t data_offset = 0;
};

// Errors: corrupt, unsupported.
Result<NpyHeader> parse_npy_header(ByteView file);

// Magic, version 1.0 (2.0 when too long for it), dict, padding to a multiple of 64.
Bytes make_npy_header(std::string_view descr, const Shape& shape);

// numpy's word for the type, "<f4"; "<V2" and "<V1" for types it lacks, "|u1" and "|i1" for packed
// ones.
std::string_view descr_of(ElementType type);

}  // namespace onnxpack::tensor
