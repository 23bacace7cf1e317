#include "source_index.h"

#include <fmt/format.h>

#include <cstring>

#include "model_tensors.h"
#include "onnxpack/base/checked.h"
#include "onnxpack/io/safe_path.h"

namespace onnxpack::ort_backend {

Result<const MappedFile*> SourceIndex::file(const std::filesystem::path& root,
                                            const std::string& location) {
  if (const auto known = files_.find(location); known != files_.end()) return &known->second;
  ONNXPACK_TRY(const auto path, io::join_beneath(root, location));
  ONNXPACK_TRY(MappedFile mapped, MappedFile::open(path));
  return &files_.emplace(location, std::move(mapped)).first->second;
}

Status SourceIndex::add(const std::string& location, std::uint64_t offset, std::uint64_t length) {
  const auto known = files_.find(location);
  const ByteView bytes = known->second.bytes();
  if (!range_within(offset, length, bytes.size())) {
    return fail(ErrorKind::corrupt,
                fmt::format("{}: a tensor takes {} bytes at offset {}, the file has {}", location,
                            length, offset, bytes.size()));
  }
  by_length_[length].push_back({&known->first, bytes.subspan(offset, length), offset});
  return {};
}

Result<SourceIndex> SourceIndex::open(const std::filesystem::path& root, const std::string& model) {
  SourceIndex index;
  index.model_ = model;
  ONNXPACK_TRY(const MappedFile* const mapped, index.file(root, model));
  const ByteView bytes = mapped->bytes();
  const std::string folder = std::filesystem::path(model).parent_path().generic_string();
  ONNXPACK_CHECK(for_each_tensor(bytes, [&](const TensorBytes& tensor) -> Status {
    if (tensor.external) {
      const std::string location =
          folder.empty() ? tensor.external->location : folder + "/" + tensor.external->location;
      ONNXPACK_TRY(const MappedFile* const data, index.file(root, location));
      const std::uint64_t size = data->bytes().size();
      const std::uint64_t rest = size - std::min(size, tensor.external->offset);
      const std::uint64_t length = tensor.external->length.value_or(rest);
      return length < least_bytes ? Status{} : index.add(location, tensor.external->offset, length);
    }
    if (tensor.inline_bytes.size() < least_bytes) return {};
    return index.add(model, static_cast<std::uint64_t>(tensor.inline_bytes.data() - bytes.data()),
                     tensor.inline_bytes.size());
  }));
  return index;
}

std::optional<SourceRange> SourceIndex::find(ByteView bytes) const {
  const auto candidates = by_length_.find(bytes.size());
  if (candidates == by_length_.end()) return std::nullopt;
  for (const Range& range : candidates->second) {
    if (std::memcmp(range.bytes.data(), bytes.data(), bytes.size()) == 0) {
      return SourceRange{*range.location, range.offset, bytes.size()};
    }
  }
  return std::nullopt;
}

ByteView SourceIndex::model() const {
  return files_.at(model_).bytes();
}

std::uint64_t SourceIndex::total_bytes() const {
  std::uint64_t total = 0;
  for (const auto& [location, mapped] : files_) total += mapped.bytes().size();
  return total;
}

}  // namespace onnxpack::ort_backend
