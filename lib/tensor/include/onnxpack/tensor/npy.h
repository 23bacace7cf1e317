// numpy's .npy and .npz files.
//
// .npy (numpy.lib.format): magic "\x93NUMPY", major, minor, header length (2 bytes little endian in
// version 1, 4 in 2 and 3), a Python dict literal with 'descr', 'fortran_order', 'shape', then the
// data. The literal is read by a parser of just that form; nothing is evaluated, and object arrays
// (pickles) are refused. .npz is a zip of .npy files, stored (savez) or deflated
// (savez_compressed).
#pragma once

#include <filesystem>
#include <optional>
#include <span>
#include <vector>

#include "onnxpack/tensor/tensor.h"

namespace onnxpack::tensor {

// Big-endian data and Fortran order are converted. Bare two-byte and one-byte void ('V2', 'V1':
// what numpy writes for ml_dtypes' bfloat16 and float8) come back as uint16 and uint8;
// reinterpret_as() gives them their type. Errors: corrupt (not .npy, truncated, odd header,
// trailing bytes), unsupported (strings, objects, structures, dates, float128).
Result<Tensor> read_npy(ByteView file);

// Version 1.0, C order, little endian, data at a multiple of 64: the bytes numpy.save writes for
// the same array. Types that numpy lacks are written as 'V2' or 'V1', packed ones unpacked to one
// byte per element. Errors: unsupported (string), corrupt (check()).
Result<Bytes> write_npy(const Tensor& tensor);

// The arrays of an .npz in the archive's order, names without ".npy". Errors: corrupt, unsupported
// (encrypted, other methods), each naming the member; unsupported when the arrays together are over
// `limit` bytes.
Result<std::vector<NamedTensor>> read_npz(ByteView file,
                                          std::uint64_t limit = std::uint64_t{4} << 30);

// A stored zip with fixed times: same tensors, same bytes. Errors: as write_npy; invalid_argument
// on equal or unusable names, unsupported beyond 4 GiB.
Result<Bytes> write_npz(std::span<const NamedTensor> tensors);

// From and to files. A name ending in ".npz" must hold exactly one array for load_npy.
Result<Tensor> load_npy(io::FileSystem& file_system, const std::filesystem::path& path);
Result<std::vector<NamedTensor>> load_npz(io::FileSystem& file_system,
                                          const std::filesystem::path& path);
Status save_npy(io::FileSystem& file_system, const std::filesystem::path& path,
                const Tensor& tensor, io::Overwrite overwrite);

}  // namespace onnxpack::tensor
