#include "onnxpack/backend/outputs.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <set>

#include "onnxpack/base/text.h"
#include "onnxpack/crypto/digest.h"
#include "onnxpack/io/file.h"
#include "onnxpack/io/safe_path.h"

namespace onnxpack::backend {
namespace {

namespace fs = std::filesystem;

std::unexpected<Error> bad(std::string_view path, std::string_view what) {
  return fail(ErrorKind::corrupt, fmt::format("{}: {}", printable(path), what));
}

// Every component of the path, so that no link on the way leads out.
Result<std::uint64_t> plain_file_size(const fs::path& root, const std::string& name) {
  auto& files = io::real_file_system();
  ONNXPACK_CHECK(io::check_relative_name(name));
  fs::path at = root;
  std::vector<std::string_view> parts = split(name, '/');
  for (std::size_t i = 0; i < parts.size(); ++i) {
    at /= fs::path(parts[i]);
    bool last = i + 1 == parts.size();
    auto entry = files.status(at);
    if (!entry) return bad(name, "there is no such file in its output folder");
    if (entry->type == io::EntryType::symlink)
      return bad(name, "is or goes through a symbolic link");
    if (last && entry->type != io::EntryType::file) return bad(name, "is no regular file");
    if (!last && entry->type != io::EntryType::directory) return bad(name, "goes through a file");
    if (last) return entry->size;
  }
  return bad(name, "is empty");
}

Result<OutputFile> check_file(const fs::path& root, const std::string& name,
                              const CancelFlag* cancel) {
  ONNXPACK_TRY(std::uint64_t size, plain_file_size(root, name));
  if (size == 0) return bad(name, "is an empty file");
  OutputFile out{.path = name, .file = root / name, .size = size, .sha256 = ""};
  ONNXPACK_TRY(auto file, io::real_file_system().open(out.file));
  ONNXPACK_TRY(auto digest, crypto::sha256_file(*file, cancel));
  out.sha256 = digest.hex();
  ONNXPACK_TRY(std::uint64_t size_after, plain_file_size(root, name));
  if (file->size() != size || size_after != size) {
    return bad(name,
               fmt::format("changed from {} to {} bytes while it was read", size, size_after));
  }
  return out;
}

Status check_claims(const protocol::BlobAnswer& blob, const OutputFile& file) {
  if (blob.size && *blob.size != file.size) {
    return bad(blob.path, fmt::format("has {} bytes, the answer says {}", file.size, *blob.size));
  }
  if (!blob.sha256.empty() && to_lower_ascii(blob.sha256) != file.sha256) {
    return bad(blob.path, fmt::format("has SHA-256 {}, the answer says {}", file.sha256,
                                      printable(blob.sha256)));
  }
  return {};
}

Status check_partitions(const protocol::VariantAnswer& variant, const std::string& where,
                        const std::vector<std::string>& asked) {
  std::set<std::string> seen;
  for (std::size_t i = 0; i < variant.partitions.size(); ++i) {
    const std::string& scope = variant.partitions[i].scope;
    std::string field = fmt::format("{}.partitions[{}].scope", where, i);
    if (!asked.empty() && std::ranges::find(asked, scope) == asked.end()) {
      return fail(ErrorKind::corrupt,
                  fmt::format("{}: \"{}\" was not asked for; expected one of {}", field,
                              printable(scope), fmt::join(asked, ", ")));
    }
    if (!seen.insert(scope).second) {
      return fail(ErrorKind::corrupt,
                  fmt::format("{}: \"{}\" is there twice", field, printable(scope)));
    }
  }
  return {};
}

}  // namespace

Result<std::vector<OutputFile>> check_outputs(const protocol::CompileResponse& response,
                                              const fs::path& output_folder,
                                              const CancelFlag* cancel) {
  std::vector<OutputFile> out;
  std::map<std::string, std::size_t> known;
  for (std::size_t v = 0; v < response.variants.size(); ++v) {
    const auto& partitions = response.variants[v].partitions;
    for (std::size_t p = 0; p < partitions.size(); ++p) {
      for (std::size_t b = 0; b < partitions[p].blobs.size(); ++b) {
        const auto& blob = partitions[p].blobs[b];
        std::string where = fmt::format("variants[{}].partitions[{}].blobs[{}]", v, p, b);
        auto [it, is_new] = known.emplace(blob.path, out.size());
        if (is_new) {
          ONNXPACK_TRY(auto file, in(check_file(output_folder, blob.path, cancel), where));
          out.push_back(std::move(file));
        }
        ONNXPACK_CHECK(in(check_claims(blob, out[it->second]), where));
      }
    }
  }
  return out;
}

Status check_answer(const protocol::CompileResponse& response,
                    const protocol::CompileRequest& request, const fs::path& work_folder) {
  std::vector<std::string> asked;
  for (const auto& scope : request.scopes) asked.push_back(scope.name);
  for (std::size_t v = 0; v < response.variants.size(); ++v) {
    const auto& variant = response.variants[v];
    std::string where = fmt::format("variants[{}]", v);
    ONNXPACK_CHECK(check_partitions(variant, where, asked));
    if (request.self_contained && !variant.references.empty()) {
      return fail(ErrorKind::corrupt,
                  fmt::format("{}.references: {} will not be in the package; a blob of a "
                              "self-contained request holds all it needs",
                              where, printable(variant.references.front())));
    }
    for (std::size_t i = 0; i < variant.references.size(); ++i) {
      const std::string& name = variant.references[i];
      std::string field = fmt::format("{}.references[{}]", where, i);
      ONNXPACK_CHECK(in(io::check_relative_name(name), field));
      std::error_code error;
      if (!name.starts_with("components/") || !fs::is_regular_file(work_folder / name, error)) {
        return fail(ErrorKind::corrupt,
                    fmt::format("{}: {}: expected a file of components/", field, printable(name)));
      }
    }
  }
  return {};
}

}  // namespace onnxpack::backend
