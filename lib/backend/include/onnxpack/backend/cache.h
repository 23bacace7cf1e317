// The build cache: what a compile gave, found again by the digest of everything it depended on.
//
//   <root>/v1/<first two digits>/<key>/entry.json      key's parts, answer, files with size and
//   SHA-256 <root>/v1/<first two digits>/<key>/files/<path>    the blobs <root>/v1/locks/<key>
//   flock: who compiles this
//
// Append-only: an entry appears complete, by a rename, and is never changed. Safe for many
// processes.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "onnxpack/backend/outputs.h"
#include "onnxpack/base/cancel.h"
#include "onnxpack/base/error.h"
#include "onnxpack/json/value.h"
#include "onnxpack/protocol/compile.h"

namespace onnxpack::backend {

// Everything that may change the blobs. Written down for others in docs/backend-protocol.md ("Build
// key").
struct KeyParts {
  std::map<std::string, std::string> content;  // files of the component -> SHA-256
  std::string backend;
  std::string program_sha256;
  protocol::Versions versions;       // as `describe` reports them
  protocol::CompileRequest request;  // folders and threads are left out
};
json::Value to_json(const KeyParts& parts);
// SHA-256 in hex of the compact JSON above.
std::string cache_key(const KeyParts& parts);

// What differs between the JSON of two keys' parts, one line each, in the order of paths.
std::vector<std::string> key_differences(const json::Value& before, const json::Value& after);

struct CachedCompile {
  protocol::CompileResponse response;
  std::vector<OutputFile> files;
};

struct CacheEntryInfo {
  std::string key;
  std::string backend;
  std::string target;
  std::string component;
  std::uint64_t size = 0;
  std::filesystem::file_time_type used;
};

// Thread safe.
class Cache {
 public:
  // Creates the folder when needed. Errors: io.
  static Result<Cache> open(std::filesystem::path root);

  // Held while something is compiled, so that several builds at once compile it once. Let go on
  // destruction, also by a killed process.
  class Lock {
   public:
    Lock(Lock&& other) noexcept;
    Lock& operator=(Lock&& other) noexcept;
    ~Lock();

   private:
    friend class Cache;
    explicit Lock(int descriptor) : descriptor_(descriptor) {}
    int descriptor_;
  };
  // Waits for other holders, in this process or another. Errors: cancelled, io.
  Result<Lock> lock(const std::string& key, const CancelFlag* cancel);

  // The entry, its files put below `destination` (by hard link where that works) and verified;
  // nothing when there is none. A damaged entry is removed and counts as none. Errors: io,
  // cancelled.
  Result<std::optional<CachedCompile>> fetch(const std::string& key,
                                             const std::filesystem::path& destination,
                                             const CancelFlag* cancel);
  // Errors: io. An entry that is already there stays.
  Status store(const std::string& key, const json::Value& parts, const json::Value& response,
               const std::vector<OutputFile>& files);

  // Whether a compile of these parts would be found, and if not, how they differ from the entry
  // most like them. Reads entries' descriptions, no blobs. Errors: io.
  struct Lookup {
    bool found = false;
    bool ever = false;                 // something was compiled by this backend for this target
    std::vector<std::string> changed;  // "option level: 2 -> 3"; without `found` and with `ever`
  };
  Result<Lookup> look(const KeyParts& parts);

  // In key order. Errors: io.
  Result<std::vector<CacheEntryInfo>> list();
  // Removes entries, longest unused first, until at most `bytes` remain. Returns how many bytes
  // were freed.
  Result<std::uint64_t> prune(std::uint64_t bytes);
  struct Verified {
    std::size_t good = 0;
    std::vector<std::string> damaged;  // keys; removed
  };
  Result<Verified> verify(const CancelFlag* cancel);

  const std::filesystem::path& root() const { return root_; }

 private:
  explicit Cache(std::filesystem::path root) : root_(std::move(root)) {}
  std::filesystem::path entry_folder(const std::string& key) const;
  std::filesystem::path root_;
};

}  // namespace onnxpack::backend
