// What a user may write after --target: a profile's name, `host`, or a JSON file.
#include <fmt/format.h>

#include "onnxpack/base/text.h"
#include "onnxpack/package/backends.h"
#include "onnxpack/package/build.h"

namespace onnxpack::package {
namespace {

constexpr std::uint64_t max_target_file = std::uint64_t{1} << 20;

bool looks_like_path(const std::string& text) {
  return text.ends_with(".json") || text.find('/') != std::string::npos;
}

Result<target::Target> read_target_file(io::FileSystem& files, const std::filesystem::path& path) {
  ONNXPACK_TRY(std::string text, files.read_text(path, max_target_file));
  auto parse = [&]() -> Result<target::Target> {
    ONNXPACK_TRY(auto value, json::parse(text));
    return target::target_from_json(value);
  };
  return in(parse(), printable(path.string()));
}

}  // namespace

Result<target::Target> resolve_target(const Environment& environment, const std::string& text,
                                      Probes probes) {
  auto resolve = [&]() -> Result<target::Target> {
    if (text == "host") return host_target(environment, probes);
    if (looks_like_path(text)) return read_target_file(*environment.files, text);
    return target::find_profile(text);
  };
  ONNXPACK_TRY(auto out, resolve());
  ONNXPACK_TRY(auto replaced, target::apply_overrides(out, environment.variables));
  for (const auto& feature : replaced) {
    environment.watcher->warning(
        fmt::format("target {}: {} comes from the environment", out.name, feature));
  }
  return out;
}

}  // namespace onnxpack::package
