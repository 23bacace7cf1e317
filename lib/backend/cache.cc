#include "onnxpack/backend/cache.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <set>
#include <system_error>
#include <thread>
#include <utility>

#include "onnxpack/base/text.h"
#include "onnxpack/crypto/digest.h"
#include "onnxpack/io/file.h"
#include "onnxpack/io/safe_path.h"

namespace onnxpack::backend {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t entry_format = 1;
constexpr std::uint64_t max_entry = std::uint64_t{128} << 20;
constexpr std::chrono::milliseconds lock_period{50};
constexpr const char* entry_name = "entry.json";

Status io_check(const fs::path& path, const std::error_code& error) {
  if (!error) return {};
  return fail(ErrorKind::io, fmt::format("{}: {}", path.string(), error.message()));
}

// A hard link costs nothing and keeps the bytes alive whatever happens to the other name; another
// disk wants a copy.
Status link_or_copy(const fs::path& from, const fs::path& to) {
  ONNXPACK_CHECK(io::real_file_system().make_directories(to.parent_path()));
  std::error_code error;
  fs::create_hard_link(from, to, error);
  if (!error) return {};
  fs::copy_file(from, to, fs::copy_options::overwrite_existing, error);
  return io_check(to, error);
}

json::Value to_json(const std::vector<OutputFile>& files) {
  json::Array out;
  for (const OutputFile& file : files) {
    out.push_back(
        json::object({{"path", file.path}, {"size", file.size}, {"sha256", file.sha256}}));
  }
  return out;
}

Result<OutputFile> file_from_json(const json::Cursor& cursor) {
  OutputFile out;
  ONNXPACK_TRY(auto path, cursor.at("path"));
  ONNXPACK_TRY(out.path, path.string());
  ONNXPACK_CHECK(io::check_relative_name(out.path));
  ONNXPACK_TRY(auto size, cursor.at("size"));
  ONNXPACK_TRY(out.size, size.size());
  ONNXPACK_TRY(auto digest, cursor.at("sha256"));
  ONNXPACK_TRY(out.sha256, digest.string());
  return out;
}

struct Entry {
  json::Value parts;
  protocol::CompileResponse response;
  std::vector<OutputFile> files;
};

// Errors: not_found when there is none, corrupt when it cannot be believed.
Result<Entry> read_entry(const fs::path& folder, const std::string& key) {
  ONNXPACK_TRY(std::string text, io::real_file_system().read_text(folder / entry_name, max_entry));
  ONNXPACK_TRY(json::Value value, json::parse(text));
  json::Cursor cursor(value);
  Entry out;
  ONNXPACK_TRY(auto format, cursor.at("format"));
  ONNXPACK_CHECK(format.integer(entry_format, entry_format));
  ONNXPACK_TRY(auto stored_key, cursor.at("key"));
  ONNXPACK_CHECK(stored_key.string_in({key}));
  ONNXPACK_TRY(auto parts, cursor.at("parts"));
  out.parts = parts.value();
  ONNXPACK_TRY(auto response, cursor.at("response"));
  ONNXPACK_TRY(out.response, protocol::compile_response_from_json(response));
  ONNXPACK_TRY(auto files, cursor.at("files"));
  ONNXPACK_TRY(out.files, json::read_array(files, file_from_json));

  std::set<std::string> present;
  for (const OutputFile& file : out.files) present.insert(file.path);
  for (const auto& variant : out.response.variants) {
    for (const auto& partition : variant.partitions) {
      for (const auto& blob : partition.blobs) {
        if (!present.contains(blob.path)) {
          return fail(ErrorKind::corrupt, fmt::format("{} is not in the entry", blob.path));
        }
      }
    }
  }
  return out;
}

// Errors: corrupt, io, cancelled.
Status check_bytes(const fs::path& path, const OutputFile& expected, const CancelFlag* cancel) {
  ONNXPACK_TRY(auto file, io::real_file_system().open(path));
  if (file->size() != expected.size) return fail(ErrorKind::corrupt, "size differs");
  ONNXPACK_TRY(auto digest, crypto::sha256_file(*file, cancel));
  if (digest.hex() != expected.sha256) return fail(ErrorKind::corrupt, "digest differs");
  return {};
}

bool is_key(std::string_view name) {
  return name.size() == 64 && from_hex(name).has_value();
}

std::uint64_t size_of(const Entry& entry) {
  std::uint64_t out = 0;
  for (const OutputFile& file : entry.files) out += file.size;
  return out;
}

std::string text_at(const json::Value& value, std::initializer_list<std::string_view> path) {
  const json::Value* at = &value;
  for (std::string_view key : path) {
    at = at->find(key);
    if (at == nullptr) return "";
  }
  return at->is(json::Kind::string) ? at->as_string() : "";
}

// First out of sight under another name, so that no reader finds half an entry; then gone.
Status remove_entry(const fs::path& root, const fs::path& folder) {
  auto& files = io::real_file_system();
  ONNXPACK_TRY(auto trash, files.make_temporary_directory(root / "v1", "trash-"));
  // Somebody else may have removed it meanwhile: then there is nothing to rename.
  if (auto moved = files.rename(folder, trash / "entry"); !moved && files.exists(folder)) {
    return moved;
  }
  return files.remove_all(trash);
}

}  // namespace

json::Value to_json(const KeyParts& parts) {
  json::Value request = protocol::to_json(parts.request);
  for (const char* key : {"output_dir", "scratch_dir", "threads", "verb"}) {
    request.as_object().erase(key);
  }
  for (const char* key : {"description", "sources"}) request["target"].as_object().erase(key);
  json::Value out = json::object({{"build_key", 1},
                                  {"backend", parts.backend},
                                  {"program_sha256", parts.program_sha256},
                                  {"request", std::move(request)}});
  out["content"] = json::Object{};
  for (const auto& [name, digest] : parts.content) out["content"][name] = digest;
  out["versions"] = json::Object{};
  for (const auto& [tool, version] : parts.versions) out["versions"][tool] = version;
  return out;
}

std::string cache_key(const KeyParts& parts) {
  return crypto::sha256(json::compact(to_json(parts))).hex();
}

Result<Cache> Cache::open(fs::path root) {
  auto& files = io::real_file_system();
  ONNXPACK_CHECK(files.make_directories(root / "v1" / "locks"));
  return Cache(fs::absolute(root));
}

fs::path Cache::entry_folder(const std::string& key) const {
  return root_ / "v1" / key.substr(0, 2) / key;
}

Cache::Lock::Lock(Lock&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}
Cache::Lock& Cache::Lock::operator=(Lock&& other) noexcept {
  std::swap(descriptor_, other.descriptor_);
  return *this;
}
Cache::Lock::~Lock() {
  if (descriptor_ < 0) return;
  // Said, not only closed: a child that was just forked may still hold a copy of the descriptor.
  ::flock(descriptor_, LOCK_UN);
  ::close(descriptor_);
}

Result<Cache::Lock> Cache::lock(const std::string& key, const CancelFlag* cancel) {
  fs::path path = root_ / "v1" / "locks" / key;
  int descriptor = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
  if (descriptor < 0) {
    return fail(ErrorKind::io,
                fmt::format("{}: {}", path.string(), std::generic_category().message(errno)));
  }
  Lock out(descriptor);
  while (::flock(descriptor, LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK && errno != EINTR) {
      return fail(ErrorKind::io,
                  fmt::format("{}: {}", path.string(), std::generic_category().message(errno)));
    }
    if (cancel != nullptr) ONNXPACK_CHECK(cancel->check());
    std::this_thread::sleep_for(lock_period);
  }
  return out;
}

Result<std::optional<CachedCompile>> Cache::fetch(const std::string& key,
                                                  const fs::path& destination,
                                                  const CancelFlag* cancel) {
  fs::path folder = entry_folder(key);
  auto entry = read_entry(folder, key);
  if (!entry && !io::real_file_system().exists(folder)) return std::nullopt;
  // It may have come between the two looks, whole: a second reading tells that from a folder that
  // lacks its entry, which is removed below.
  if (!entry && entry.error().kind() == ErrorKind::not_found) entry = read_entry(folder, key);

  Status status = entry ? Status() : std::unexpected(entry.error());
  if (entry) {
    for (OutputFile& file : entry->files) {
      file.file = destination / file.path;
      status = link_or_copy(folder / "files" / file.path, file.file);
      if (status) status = check_bytes(file.file, file, cancel);
      if (!status) break;
    }
  }
  if (status) {
    // Recently used entries are the last to be pruned. Failing to say so does no harm.
    std::error_code error;
    fs::last_write_time(folder / entry_name, fs::file_time_type::clock::now(), error);
    return CachedCompile{std::move(entry->response), std::move(entry->files)};
  }
  if (entry) {
    for (const OutputFile& file : entry->files) {
      ONNXPACK_CHECK(io::real_file_system().remove_all(destination / file.path));
    }
  }
  if (status.error().kind() == ErrorKind::cancelled) {
    return std::unexpected(std::move(status.error()));
  }
  ONNXPACK_CHECK(remove_entry(root_, folder));
  return std::nullopt;
}

Status Cache::store(const std::string& key, const json::Value& parts, const json::Value& response,
                    const std::vector<OutputFile>& outputs) {
  auto& files = io::real_file_system();
  fs::path folder = entry_folder(key);
  ONNXPACK_CHECK(files.make_directories(folder.parent_path()));
  ONNXPACK_TRY(auto temporary, io::TemporaryDirectory::create(files, "new-", folder));
  for (const OutputFile& output : outputs) {
    ONNXPACK_CHECK(link_or_copy(output.file, temporary.path() / "files" / output.path));
  }
  json::Value entry = json::object({{"format", entry_format},
                                    {"key", key},
                                    {"parts", parts},
                                    {"response", response},
                                    {"files", to_json(outputs)}});
  ONNXPACK_TRY(auto file, files.create(temporary.path() / entry_name));
  std::string text = json::canonical(entry);
  ONNXPACK_CHECK(file->write(as_bytes(text)));
  ONNXPACK_CHECK(file->publish_unsynced(io::Overwrite::no));
  auto published = std::move(temporary).publish(folder);
  if (!published && files.exists(folder)) return {};  // another build was quicker
  return published;
}

namespace {

// Calls use(key, folder) for every entry, in key order.
template <typename Use>
Status for_each_entry(const fs::path& root, Use&& use) {
  auto& files = io::real_file_system();
  ONNXPACK_TRY(auto groups, files.list(root / "v1"));
  for (const std::string& group : groups) {
    if (group.size() != 2) continue;
    ONNXPACK_TRY(auto keys, files.list(root / "v1" / group));
    for (const std::string& key : keys) {
      if (is_key(key)) ONNXPACK_CHECK(use(key, root / "v1" / group / key));
    }
  }
  return {};
}

}  // namespace

Result<Cache::Lookup> Cache::look(const KeyParts& parts) {
  Lookup out;
  std::string key = cache_key(parts);
  if (read_entry(entry_folder(key), key)) {
    out.found = out.ever = true;
    return out;
  }
  json::Value wanted = to_json(parts);
  auto use = [&](const std::string& other, const fs::path& folder) -> Status {
    auto entry = read_entry(folder, other);
    if (!entry || text_at(entry->parts, {"backend"}) != parts.backend ||
        text_at(entry->parts, {"request", "target", "name"}) != parts.request.target.name ||
        text_at(entry->parts, {"request", "component", "name"}) != parts.request.component.name)
      return {};
    auto changed = key_differences(entry->parts, wanted);
    if (!out.ever || changed.size() < out.changed.size()) out.changed = std::move(changed);
    out.ever = true;
    return {};
  };
  ONNXPACK_CHECK(for_each_entry(root_, use));
  return out;
}

Result<std::vector<CacheEntryInfo>> Cache::list() {
  std::vector<CacheEntryInfo> out;
  ONNXPACK_CHECK(
      for_each_entry(root_, [&](const std::string& key, const fs::path& folder) -> Status {
        CacheEntryInfo info;
        info.key = key;
        // An entry that cannot be read is listed with no more than its key: `verify` removes it.
        if (auto entry = read_entry(folder, key)) {
          info.backend = text_at(entry->parts, {"backend"});
          info.target = text_at(entry->parts, {"request", "target", "name"});
          info.component = text_at(entry->parts, {"request", "component", "name"});
          info.size = size_of(*entry);
        }
        std::error_code error;
        info.used = fs::last_write_time(folder / entry_name, error);
        if (error) info.used = fs::file_time_type::min();
        out.push_back(std::move(info));
        return {};
      }));
  return out;
}

Result<std::uint64_t> Cache::prune(std::uint64_t bytes) {
  ONNXPACK_TRY(auto entries, list());
  std::uint64_t total = 0;
  for (const auto& entry : entries) total += entry.size;
  std::ranges::stable_sort(entries, {}, &CacheEntryInfo::used);
  std::uint64_t freed = 0;
  for (const auto& entry : entries) {
    if (total - freed <= bytes) break;
    ONNXPACK_CHECK(remove_entry(root_, entry_folder(entry.key)));
    freed += entry.size;
  }
  return freed;
}

Result<Cache::Verified> Cache::verify(const CancelFlag* cancel) {
  Verified out;
  ONNXPACK_CHECK(
      for_each_entry(root_, [&](const std::string& key, const fs::path& folder) -> Status {
        auto entry = read_entry(folder, key);
        Status status = entry ? Status() : std::unexpected(entry.error());
        for (std::size_t i = 0; status && i < entry->files.size(); ++i) {
          const OutputFile& file = entry->files[i];
          status = check_bytes(folder / "files" / file.path, file, cancel);
        }
        if (status) {
          ++out.good;
          return {};
        }
        if (status.error().kind() == ErrorKind::cancelled) return status;
        out.damaged.push_back(key);
        return remove_entry(root_, folder);
      }));
  return out;
}

}  // namespace onnxpack::backend
