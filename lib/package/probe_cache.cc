#include "probe_cache.h"

#include <fmt/format.h>

#include <chrono>
#include <fstream>

#include "onnxpack/backend/supervisor.h"
#include "onnxpack/base/text.h"
#include "onnxpack/crypto/digest.h"
#include "onnxpack/json/cursor.h"

namespace onnxpack::package {
namespace {

constexpr std::chrono::minutes max_age{10};
constexpr std::uint64_t max_file = std::uint64_t{1} << 20;

// Another boot may have another device; absent on systems without /proc, where age alone decides.
// (Files there have no size, so that ReadableFile sees nothing in them.)
std::string boot_id() {
  std::ifstream file("/proc/sys/kernel/random/boot_id");
  std::string out;
  std::getline(file, out);
  return out;
}

Result<target::Facts> facts_from_json(const json::Value& value) {
  target::Facts out;
  ONNXPACK_TRY(auto members, json::Cursor(value).members());
  for (const auto& [feature, field] : members) {
    ONNXPACK_TRY(out[feature], field.strings());
  }
  return out;
}

}  // namespace

ProbeCache::ProbeCache(const Environment& environment) : environment_(environment) {
  if (!environment.cache.empty()) folder_ = environment.cache / "probes";
}

std::filesystem::path ProbeCache::file_of(const backend::Program& program) const {
  std::error_code error;
  auto changed = std::filesystem::last_write_time(program.path, error).time_since_epoch().count();
  std::string key = fmt::format("{}\n{}\n{}\n{}\n", program.path.string(), changed,
                                environment_.version, boot_id());
  // What a backend may look at (CUDA_VISIBLE_DEVICES hides a GPU from one), but for what goes with
  // the session.
  for (const auto& [name, value] : environment_.variables) {
    if (backend::reaches_backends(name) && name != "XDG_RUNTIME_DIR")
      key += fmt::format("{}={}\n", name, value);
  }
  return folder_ / fmt::format("{}-{}.json", program.name, crypto::sha256(key).hex().substr(0, 16));
}

std::optional<target::Facts> ProbeCache::find(const backend::Program& program) const {
  if (folder_.empty()) return std::nullopt;
  auto file = file_of(program);
  std::error_code error;
  auto written = std::filesystem::last_write_time(file, error);
  auto age = std::filesystem::file_time_type::clock::now() - written;
  if (error || age > max_age || age < std::chrono::seconds(-1)) return std::nullopt;
  auto text = environment_.files->read_text(file, max_file);
  if (!text) return std::nullopt;
  auto value = json::parse(*text);
  if (!value) return std::nullopt;
  auto facts = facts_from_json(*value);
  if (!facts) return std::nullopt;
  return std::move(*facts);
}

void ProbeCache::keep(const backend::Program& program, const target::Facts& facts) const {
  if (folder_.empty() || !environment_.files->make_directories(folder_)) return;
  json::Object out;
  for (const auto& [feature, values] : facts)
    out[feature] = json::Array(values.begin(), values.end());
  auto file = environment_.files->create(file_of(program));
  if (!file || !(*file)->write(as_bytes(json::canonical(out)))) return;
  static_cast<void>((*file)->publish_unsynced(io::Overwrite::yes));
}

}  // namespace onnxpack::package
