#include "outputs.h"

#include <fmt/format.h>

#include "onnxpack/base/text.h"
#include "onnxpack/crypto/digest.h"
#include "onnxpack/io/safe_path.h"

namespace onnxpack::package {
namespace {

// No part of the path below `folder` may be a link: it could lead anywhere, and elsewhere tomorrow.
Status check_no_links(io::FileSystem& files, const std::filesystem::path& folder, const std::string& name) {
  std::filesystem::path at = folder;
  for (const auto& part : std::filesystem::path(name)) {
    at /= part;
    auto status = files.status(at);
    if (!status) return fail(ErrorKind::corrupt, fmt::format("blob {} is in the answer, but not in the output folder", printable(name)));
    bool last = at == folder / name;
    if (status->type == io::EntryType::symlink) return fail(ErrorKind::corrupt, fmt::format("blob {} goes through a symbolic link", printable(name)));
    if (status->type != (last ? io::EntryType::file : io::EntryType::directory)) {
      return fail(ErrorKind::corrupt, fmt::format("blob {} is no regular file", printable(name)));
    }
  }
  return {};
}

}  // namespace

Result<OutputFile> take_output(io::FileSystem& files, const std::filesystem::path& folder, const protocol::BlobAnswer& blob,
                               const CancelFlag* cancel) {
  ONNXPACK_CHECK(io::check_relative_name(blob.path));
  ONNXPACK_CHECK(check_no_links(files, folder, blob.path));
  ONNXPACK_TRY(auto file, files.open(folder / blob.path));
  ONNXPACK_TRY(auto digest, crypto::sha256_file(*file, cancel));
  OutputFile out{folder / blob.path, file->size(), digest.hex()};
  if (out.size == 0) return fail(ErrorKind::corrupt, fmt::format("blob {} is empty", printable(blob.path)));
  if (blob.size && *blob.size != out.size) {
    return fail(ErrorKind::corrupt, fmt::format("blob {} has {} bytes, the answer says {}", printable(blob.path), out.size, *blob.size));
  }
  if (!blob.sha256.empty() && blob.sha256 != out.sha256) {
    return fail(ErrorKind::corrupt, fmt::format("blob {} has SHA-256 {}, the answer says {}", printable(blob.path), out.sha256, printable(blob.sha256)));
  }
  return out;
}

}  // namespace onnxpack::package
