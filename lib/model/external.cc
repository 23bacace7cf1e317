// The external-data table: locations beneath the model's folder, each file looked at once.
#include <fmt/format.h>

#include <map>

#include "facts.h"
#include "onnxpack/base/checked.h"
#include "onnxpack/base/text.h"
#include "onnxpack/io/safe_path.h"
#include "walk_types.h"

namespace onnxpack::model {
namespace {

std::string_view without_dot_slash(std::string_view location) {
  while (location.starts_with("./")) location.remove_prefix(2);
  return location;
}

// ONNX Runtime and onnx refuse links too; a link beneath the folder may point anywhere above it.
Status refuse_links(io::FileSystem& file_system, const io::fs::path& folder,
                    std::string_view location) {
  auto path = folder;
  for (const auto part : split(location, '/')) {
    path /= part;
    auto entry = file_system.status(path);
    if (entry && entry->type == io::EntryType::symlink) {
      return fail(ErrorKind::untrusted,
                  fmt::format("{} is a symbolic link", printable(path.string())),
                  "put the file itself beside the model");
    }
  }
  return {};
}

Result<ExternalFile> look_up(const ModelFile::Facts& facts, const io::fs::path& folder,
                             std::string location, ExternalFiles mode) {
  if (auto safe = io::check_relative_name(location); !safe) {
    return fail(ErrorKind::untrusted,
                fmt::format("external data location '{}' is refused: {}", printable(location),
                            safe.error().message()),
                "external data must lie beneath the model's folder");
  }
  ExternalFile file{.location = location, .path = folder / location};
  if (!facts.path.empty() && file.path.lexically_normal() == facts.path.lexically_normal()) {
    return fail(ErrorKind::unsupported, "external data lies in the model file itself",
                "save the model with its data inline or in a file of its own");
  }
  ONNXPACK_CHECK(refuse_links(*facts.file_system, folder, location));
  auto entry = facts.file_system->status(file.path);
  if (!entry || entry->type != io::EntryType::file) {
    if (entry) {
      return fail(ErrorKind::corrupt,
                  fmt::format("external data file {} is no regular file", printable(location)));
    }
    if (entry.error().kind() != ErrorKind::not_found) return std::unexpected(entry.error());
    if (mode == ExternalFiles::required) {
      return fail(ErrorKind::not_found,
                  fmt::format("external data file {} is missing", printable(location)),
                  fmt::format("put it into {}", folder.empty() ? "." : printable(folder.string())));
    }
    file.present = false;
    return file;
  }
  file.size = entry->size;
  return file;
}

Status place(Constant& constant, const ExternalEntry& entry, const ExternalFile& file,
             std::size_t index, ExternalFiles mode) {
  const auto needed = raw_size(constant.type, constant.dims);
  if (needed && entry.length && *entry.length < *needed) {
    return fail(ErrorKind::corrupt,
                fmt::format("external data has length {}, its type {} and shape need {} bytes",
                            *entry.length, to_string(constant.type), *needed));
  }
  const auto rest = file.size > entry.offset ? file.size - entry.offset : 0;
  constant.size = needed.value_or(entry.length.value_or(rest));
  const auto extent = entry.length.value_or(constant.size);
  if (file.present && mode == ExternalFiles::required &&
      !range_within(entry.offset, std::max(extent, constant.size), file.size)) {
    return fail(ErrorKind::corrupt,
                fmt::format("external data file {} has {} bytes, {} bytes at offset {} are needed",
                            printable(file.location), file.size, extent, entry.offset),
                "the file is cut off, or belongs to another model");
  }
  constant.data = ExternalData{index, {entry.offset, constant.size}};
  return {};
}

}  // namespace

Status resolve_external(Walked& walked, const io::fs::path& folder, ExternalFiles mode) {
  auto& facts = walked.facts;
  std::map<std::string, std::size_t, std::less<>> known;
  for (const auto& [index, entry] : walked.external) {
    auto& constant = facts.constants[index];
    const std::string location(without_dot_slash(entry.location));
    auto found = known.find(location);
    if (found == known.end()) {
      ONNXPACK_TRY(ExternalFile file,
                   in(look_up(facts, folder, location, mode), describe(constant)));
      found = known.emplace(location, facts.external_files.size()).first;
      facts.external_files.push_back(std::move(file));
    }
    ONNXPACK_CHECK(
        in(place(constant, entry, facts.external_files[found->second], found->second, mode),
           describe(constant)));
  }
  return {};
}

}  // namespace onnxpack::model
