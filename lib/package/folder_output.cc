#include "folder_output.h"

#include <algorithm>

#include <fmt/format.h>

#include "onnxpack/base/text.h"
#include "onnxpack/crypto/content_hasher.h"

namespace onnxpack::package {
namespace {

enum class Durable { no, yes };

// Reads, writes and hashes at once. Returns the SHA-256.
Result<std::string> copy_hashed(io::WritableFile& file, const io::ReadableFile& source,
                                const CancelFlag* cancel,
                                const std::function<void(std::uint64_t)>& progress) {
  crypto::ContentHasher hasher;
  for (std::uint64_t done = 0; done < source.size();) {
    if (cancel != nullptr) ONNXPACK_CHECK(cancel->check());
    const auto room = hasher.buffer();
    const auto now = room.first(
        static_cast<std::size_t>(std::min<std::uint64_t>(room.size(), source.size() - done)));
    ONNXPACK_CHECK(source.read_at(done, now));
    hasher.commit(now.size());
    ONNXPACK_CHECK(file.write(now));
    done += now.size();
    if (progress) progress(done);
  }
  return hasher.finish().sha256.hex();
}

Status write_file(std::unique_ptr<io::WritableFile> file, const io::ReadableFile& source,
                  std::string_view sha256, io::Overwrite overwrite, Durable durable,
                  const CancelFlag* cancel, const std::function<void(std::uint64_t)>& progress) {
  ONNXPACK_TRY(std::string found, copy_hashed(*file, source, cancel, progress));
  if (!sha256.empty() && found != sha256) {
    return fail(ErrorKind::untrusted,
                fmt::format("{}: SHA-256 is {}, the manifest says {}",
                            printable(source.path().string()), found, sha256),
                "the package is damaged; fetch it again");
  }
  return durable == Durable::yes ? file->publish(overwrite) : file->publish_unsynced(overwrite);
}

bool is_empty_folder(io::FileSystem& files, const std::filesystem::path& path) {
  auto names = files.list(path);
  return names && names->empty();
}

}  // namespace

Status write_checked(io::FileSystem& files, const std::filesystem::path& path,
                     const io::ReadableFile& source, std::string_view sha256,
                     io::Overwrite overwrite, const CancelFlag* cancel,
                     const std::function<void(std::uint64_t)>& progress) {
  ONNXPACK_TRY(auto file, files.create(path));
  return write_file(std::move(file), source, sha256, overwrite, Durable::yes, cancel, progress);
}

Result<FolderOutput> FolderOutput::start(io::FileSystem& files, const std::filesystem::path& output,
                                         bool overwrite) {
  FolderOutput out(files, output);
  auto there = files.status(output);
  if (there && there->type != io::EntryType::directory) {
    return fail(ErrorKind::already_exists,
                fmt::format("{} exists and is no folder", printable(output.string())),
                "choose another name with -o");
  }
  if (there && !is_empty_folder(files, output)) {
    if (!overwrite) {
      return fail(ErrorKind::already_exists,
                  fmt::format("the folder {} is not empty", printable(output.string())),
                  "use --force to write into it, or choose another name with -o");
    }
    return out;
  }
  // A trailing slash would make the temporary folder a child of the one that it replaces.
  std::filesystem::path plain = output.has_filename() ? output : output.parent_path();
  if (plain.filename() == "." || plain.filename() == "..")
    plain = std::filesystem::absolute(plain).lexically_normal();
  out.output_ = plain;
  std::string prefix = "." + plain.filename().string() + ".onnxpack-";
  files.remove_abandoned(plain.parent_path().empty() ? "." : plain.parent_path(), prefix);
  ONNXPACK_TRY(auto beside, io::TemporaryDirectory::create(files, prefix, plain));
  out.beside_ = std::move(beside);
  return out;
}

Status FolderOutput::write(std::string_view name, const io::ReadableFile& source,
                           std::string_view sha256, const CancelFlag* cancel,
                           const std::function<void(std::uint64_t)>& progress) {
  const std::filesystem::path& root = beside_ ? beside_->path() : output_;
  ONNXPACK_TRY(auto file, files_->create_beneath(root, name));
  // What stands beside is synced as a whole when it gets its name.
  ONNXPACK_CHECK(write_file(std::move(file), source, sha256, io::Overwrite::yes,
                            beside_ ? Durable::no : Durable::yes, cancel, progress));
  names_.emplace_back(name);
  return {};
}

Status FolderOutput::publish() && {
  if (!beside_) return {};
  return std::move(*beside_).publish(output_);
}

}  // namespace onnxpack::package
