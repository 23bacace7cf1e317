// The bytes that a package holds anyway: the tensors of a component's model file and of its
// external data files.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "mapped_file.h"

namespace onnxpack::ort_backend {

struct SourceRange {
  std::string location;  // member of the package: "components/model/model.onnx"
  std::uint64_t offset = 0;
  std::uint64_t length = 0;
};

class SourceIndex {
 public:
  // Ranges shorter than this stay inline: ORT's shape inference reads small tensors, and an entry
  // of its own costs as much.
  static constexpr std::uint64_t least_bytes = 1024;

  // Maps `root`/`model` and the external files it names. Errors: not_found, corrupt (a range leaves
  // its file, a location leaves the folder).
  static Result<SourceIndex> open(const std::filesystem::path& root, const std::string& model);

  // A tensor with exactly these bytes; the first in file order when there are several.
  std::optional<SourceRange> find(ByteView bytes) const;

  ByteView model() const;
  // Model file and external data files together.
  std::uint64_t total_bytes() const;

 private:
  Status add(const std::string& location, std::uint64_t offset, std::uint64_t length);
  Result<const MappedFile*> file(const std::filesystem::path& root, const std::string& location);

  struct Range {
    const std::string* location;
    ByteView bytes;
    std::uint64_t offset;
  };
  std::string model_;
  std::map<std::string, MappedFile> files_;
  std::unordered_map<std::uint64_t, std::vector<Range>> by_length_;
};

}  // namespace onnxpack::ort_backend
