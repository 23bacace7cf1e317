#include "onnxpack/io/memory_file_system.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <limits>
#include <map>
#include <mutex>
#include <set>
#include <utility>

#include "onnxpack/base/checked.h"
#include "onnxpack/base/text.h"

namespace onnxpack::io {
namespace {

constexpr std::uint64_t never = std::numeric_limits<std::uint64_t>::max();

std::string normal(const fs::path& path) {
  std::string out = (fs::path("/") / path).lexically_normal().string();
  while (out.size() > 1 && out.back() == '/') out.pop_back();
  return out;
}

std::string parent_of(const std::string& normalised) {
  return fs::path(normalised).parent_path().string();
}

// Everything below `folder` starts with this.
std::string prefix_of(const std::string& folder) {
  return folder == "/" ? folder : folder + "/";
}

std::unexpected<Error> failure(ErrorKind kind, std::string_view action, const fs::path& path,
                               std::string_view why) {
  return fail(kind, fmt::format("cannot {} {}: {}", action, printable(path.string()), why));
}

}  // namespace

// The shared state. Every public function locks, notes the call, and may fail it.
class MemoryFileSystem::Disk {
 public:
  std::mutex mutex;
  std::map<std::string, std::shared_ptr<const Bytes>> files;
  std::set<std::string> folders = {"/"};
  std::vector<std::string> calls;
  std::uint64_t fail_first = never;
  std::uint64_t fail_last = never;
  unsigned temporaries = 0;

  // Requires: mutex held.
  Status note(std::string_view action, const fs::path& path) {
    std::uint64_t number = calls.size();
    calls.push_back(fmt::format("{} {}", action, normal(path)));
    if (number >= fail_first && number <= fail_last)
      return failure(ErrorKind::io, action, path, "injected failure");
    return {};
  }

  Status note_locked(std::string_view action, const fs::path& path) {
    std::scoped_lock lock(mutex);
    return note(action, path);
  }

  void add_folders(const std::string& folder) {
    for (std::string at = folder; folders.insert(at).second;) at = parent_of(at);
  }
};

namespace {

using DiskCall = std::function<Status(std::string_view action, const fs::path& path)>;

class MemoryReadableFile final : public ReadableFile {
 public:
  MemoryReadableFile(DiskCall call, fs::path path, std::shared_ptr<const Bytes> content)
      : call_(std::move(call)), path_(std::move(path)), content_(std::move(content)) {}

  std::uint64_t size() const override { return content_->size(); }
  const fs::path& path() const override { return path_; }
  Status read_at(std::uint64_t offset, std::span<std::byte> out) const override {
    ONNXPACK_CHECK(call_("read", path_));
    if (!range_within(offset, out.size(), content_->size())) {
      return fail(ErrorKind::corrupt,
                  fmt::format("{}: ends at byte {}, but {} bytes at offset {} are needed",
                              printable(path_.string()), content_->size(), out.size(), offset));
    }
    std::ranges::copy(ByteView(*content_).subspan(static_cast<std::size_t>(offset), out.size()),
                      out.begin());
    return {};
  }

 private:
  DiskCall call_;
  fs::path path_;
  std::shared_ptr<const Bytes> content_;
};

class MemoryWritableFile final : public WritableFile {
 public:
  using Publish = std::function<Status(const fs::path& path, Bytes content, Overwrite overwrite)>;
  MemoryWritableFile(DiskCall call, Publish publish, fs::path path)
      : call_(std::move(call)), publish_(std::move(publish)), path_(std::move(path)) {}

  Status write(ByteView bytes) override {
    ONNXPACK_CHECK(call_("write", path_));
    append(content_, bytes);
    return {};
  }
  Status write_at(std::uint64_t offset, ByteView bytes) override {
    ONNXPACK_CHECK(call_("write", path_));
    if (!range_within(offset, bytes.size(), content_.size())) {
      return fail(ErrorKind::internal,
                  fmt::format("{}: write_at beyond what was written", printable(path_.string())));
    }
    std::ranges::copy(bytes, content_.begin() + static_cast<std::ptrdiff_t>(offset));
    return {};
  }
  std::uint64_t position() const override { return content_.size(); }
  Status read_at(std::uint64_t offset, std::span<std::byte> out) const override {
    if (!range_within(offset, out.size(), content_.size())) {
      return fail(ErrorKind::corrupt,
                  fmt::format("{}: {} bytes at offset {} are needed, {} are written",
                              printable(path_.string()), out.size(), offset, content_.size()));
    }
    std::ranges::copy(ByteView(content_).subspan(static_cast<std::size_t>(offset), out.size()),
                      out.begin());
    return {};
  }
  Status append_from(const ReadableFile& source, std::uint64_t offset,
                     std::uint64_t size) override {
    return for_each_piece(source, offset, size, [&](ByteView piece) { return write(piece); });
  }
  Status publish(Overwrite overwrite) override {
    ONNXPACK_CHECK(call_("sync", path_));
    return publish_unsynced(overwrite);
  }
  Status publish_unsynced(Overwrite overwrite) override {
    return publish_(path_, std::move(content_), overwrite);
  }

 private:
  DiskCall call_;
  Publish publish_;
  fs::path path_;
  Bytes content_;
};

}  // namespace

MemoryFileSystem::MemoryFileSystem() : disk_(std::make_shared<Disk>()) {}
MemoryFileSystem::~MemoryFileSystem() = default;

Result<std::unique_ptr<ReadableFile>> MemoryFileSystem::open(const fs::path& path) {
  std::scoped_lock lock(disk_->mutex);
  ONNXPACK_CHECK(disk_->note("open", path));
  std::string name = normal(path);
  if (disk_->folders.contains(name)) return failure(ErrorKind::io, "open", path, "Is a directory");
  auto found = disk_->files.find(name);
  if (found == disk_->files.end())
    return failure(ErrorKind::not_found, "open", path, "No such file or directory");
  auto call = [disk = disk_](std::string_view action, const fs::path& at) {
    return disk->note_locked(action, at);
  };
  return std::make_unique<MemoryReadableFile>(std::move(call), path, found->second);
}

Result<std::unique_ptr<WritableFile>> MemoryFileSystem::create(const fs::path& path) {
  std::scoped_lock lock(disk_->mutex);
  ONNXPACK_CHECK(disk_->note("create", path));
  std::string name = normal(path);
  if (disk_->folders.contains(name))
    return failure(ErrorKind::io, "create", path, "Is a directory");
  if (!disk_->folders.contains(parent_of(name))) {
    return failure(ErrorKind::not_found, "create", path, "No such file or directory");
  }
  auto call = [disk = disk_](std::string_view action, const fs::path& at) {
    return disk->note_locked(action, at);
  };
  auto publish = [disk = disk_](const fs::path& at, Bytes content, Overwrite overwrite) -> Status {
    std::scoped_lock publishing(disk->mutex);
    ONNXPACK_CHECK(disk->note("publish", at));
    std::string target = normal(at);
    if (overwrite == Overwrite::no && disk->files.contains(target)) {
      return failure(ErrorKind::already_exists, "create", at, "File exists");
    }
    disk->files[target] = std::make_shared<const Bytes>(std::move(content));
    return {};
  };
  return std::make_unique<MemoryWritableFile>(std::move(call), std::move(publish), path);
}

Result<Entry> MemoryFileSystem::status(const fs::path& path) {
  std::scoped_lock lock(disk_->mutex);
  ONNXPACK_CHECK(disk_->note("status", path));
  std::string name = normal(path);
  if (disk_->folders.contains(name)) return Entry{.type = EntryType::directory};
  auto found = disk_->files.find(name);
  if (found == disk_->files.end())
    return failure(ErrorKind::not_found, "read", path, "No such file or directory");
  return Entry{.type = EntryType::file, .size = found->second->size()};
}

Status MemoryFileSystem::make_directories(const fs::path& path) {
  std::scoped_lock lock(disk_->mutex);
  ONNXPACK_CHECK(disk_->note("make", path));
  for (std::string at = normal(path); at != "/"; at = parent_of(at)) {
    if (disk_->files.contains(at))
      return failure(ErrorKind::already_exists, "create the folder", path, "Not a directory");
  }
  disk_->add_folders(normal(path));
  return {};
}

Result<std::vector<std::string>> MemoryFileSystem::list(const fs::path& directory) {
  std::scoped_lock lock(disk_->mutex);
  ONNXPACK_CHECK(disk_->note("list", directory));
  std::string folder = normal(directory);
  if (!disk_->folders.contains(folder))
    return failure(ErrorKind::not_found, "list", directory, "No such file or directory");
  std::set<std::string> out;
  auto add = [&](const std::string& name) {
    if (name != "/" && parent_of(name) == folder) out.insert(fs::path(name).filename().string());
  };
  for (const auto& [name, content] : disk_->files) add(name);
  for (const auto& name : disk_->folders) add(name);
  return std::vector<std::string>(out.begin(), out.end());
}

Status MemoryFileSystem::remove_all(const fs::path& path) {
  std::scoped_lock lock(disk_->mutex);
  ONNXPACK_CHECK(disk_->note("remove", path));
  std::string name = normal(path);
  auto beneath = [&](const std::string& other) {
    return other == name || other.starts_with(prefix_of(name));
  };
  std::erase_if(disk_->files, [&](const auto& file) { return beneath(file.first); });
  std::erase_if(disk_->folders,
                [&](const auto& folder) { return folder != "/" && beneath(folder); });
  return {};
}

Status MemoryFileSystem::rename(const fs::path& from, const fs::path& to) {
  std::scoped_lock lock(disk_->mutex);
  ONNXPACK_CHECK(disk_->note("rename", from));
  std::string source = normal(from);
  std::string target = normal(to);
  bool target_in_use =
      disk_->files.contains(target) || std::ranges::any_of(disk_->files, [&](const auto& file) {
        return file.first.starts_with(prefix_of(target));
      });
  if (target_in_use) return failure(ErrorKind::already_exists, "create", to, "File exists");
  if (!disk_->files.contains(source) && !disk_->folders.contains(source)) {
    return failure(ErrorKind::not_found, "create", to, "No such file or directory");
  }
  if (!disk_->folders.contains(parent_of(target))) {
    return failure(ErrorKind::not_found, "create", to, "No such file or directory");
  }
  auto moved = [&](const std::string& name) -> std::optional<std::string> {
    if (name != source && !name.starts_with(prefix_of(source))) return std::nullopt;
    return target + name.substr(source.size());
  };
  decltype(disk_->files) files;
  for (auto& [name, content] : disk_->files) files[moved(name).value_or(name)] = content;
  decltype(disk_->folders) folders;
  for (const auto& name : disk_->folders) folders.insert(moved(name).value_or(name));
  disk_->files = std::move(files);
  disk_->folders = std::move(folders);
  return {};
}

bool MemoryFileSystem::same_file(const fs::path& a, const fs::path& b) {
  std::scoped_lock lock(disk_->mutex);
  return normal(a) == normal(b) && disk_->files.contains(normal(a));
}

Result<fs::path> MemoryFileSystem::make_temporary_directory(const fs::path& parent,
                                                            std::string_view prefix) {
  std::scoped_lock lock(disk_->mutex);
  ONNXPACK_CHECK(disk_->note("make", parent));
  fs::path path = parent / fmt::format("{}{}", prefix, disk_->temporaries++);
  disk_->add_folders(normal(path));
  return path;
}

void MemoryFileSystem::put(const fs::path& path, ByteView content) {
  std::scoped_lock lock(disk_->mutex);
  disk_->add_folders(parent_of(normal(path)));
  disk_->files[normal(path)] = std::make_shared<const Bytes>(content.begin(), content.end());
}

std::optional<Bytes> MemoryFileSystem::content(const fs::path& path) const {
  std::scoped_lock lock(disk_->mutex);
  auto found = disk_->files.find(normal(path));
  if (found == disk_->files.end()) return std::nullopt;
  return *found->second;
}

std::vector<std::string> MemoryFileSystem::files() const {
  std::scoped_lock lock(disk_->mutex);
  std::vector<std::string> out;
  for (const auto& [name, content] : disk_->files) out.push_back(name);
  return out;
}

std::vector<std::string> MemoryFileSystem::calls() const {
  std::scoped_lock lock(disk_->mutex);
  return disk_->calls;
}

std::uint64_t MemoryFileSystem::call_count() const {
  std::scoped_lock lock(disk_->mutex);
  return disk_->calls.size();
}

void MemoryFileSystem::fail_call(std::uint64_t n) {
  std::scoped_lock lock(disk_->mutex);
  disk_->fail_first = disk_->fail_last = disk_->calls.size() + n;
}

void MemoryFileSystem::fail_calls_from(std::uint64_t n) {
  std::scoped_lock lock(disk_->mutex);
  disk_->fail_first = disk_->calls.size() + n;
  disk_->fail_last = never;
}

void MemoryFileSystem::fail_no_call() {
  std::scoped_lock lock(disk_->mutex);
  disk_->fail_first = disk_->fail_last = never;
}

}  // namespace onnxpack::io
