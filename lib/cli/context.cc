#include "context.h"

#include <algorithm>
#include <chrono>

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <unistd.h>

#include "onnxpack/base/log.h"
#include "onnxpack/package/build.h"

namespace onnxpack::cli {
namespace {

constexpr std::size_t logs_kept = 20;

std::string variable(const std::map<std::string, std::string>& variables, const char* name) {
  auto found = variables.find(name);
  return found == variables.end() ? "" : found->second;
}

std::filesystem::path xdg_folder(const std::map<std::string, std::string>& variables,
                                 const char* xdg, const char* below_home) {
  std::filesystem::path base = variable(variables, xdg);
  // The specification: a relative value is to be ignored.
  if (base.is_absolute()) return base / "onnx-pack";
  std::filesystem::path home = variable(variables, "HOME");
  if (home.is_absolute()) return home / below_home / "onnx-pack";
  return {};
}

void remove_old_logs(io::FileSystem& files, const std::filesystem::path& folder,
                     const std::string& stem) {
  auto names = files.list(folder);
  if (!names) return;
  std::erase_if(*names, [&](const std::string& name) {
    return !name.starts_with(stem + "-") || !name.ends_with(".log");
  });
  for (std::size_t i = 0; i + logs_kept < names->size(); ++i) {
    // A log that another process holds or that is gone already: no reason to stop a build.
    static_cast<void>(files.remove_all(folder / (*names)[i]));
  }
}

}  // namespace

std::filesystem::path cache_folder(const std::map<std::string, std::string>& variables) {
  std::filesystem::path own = variable(variables, "ONNX_PACK_CACHE");
  return own.empty() ? xdg_folder(variables, "XDG_CACHE_HOME", ".cache") : own;
}

std::filesystem::path state_folder(const std::map<std::string, std::string>& variables) {
  return xdg_folder(variables, "XDG_STATE_HOME", ".local/state");
}

void CommonFlags::declare(Flags& flags, Needs needs) {
  flags.heading("Common flags");
  flags.on("--json", "print one JSON document (docs/json-output.md)", json);
  flags.choice<ColorMode>(
      "--color", "colour the output; also NO_COLOR, CLICOLOR_FORCE",
      {{"auto", ColorMode::automatic}, {"always", ColorMode::always}, {"never", ColorMode::never}},
      color);
  flags.on("--verbose,-v", "say more", verbose);
  flags.on("--quiet,-q", "no progress and no notes", quiet);
  if (needs == Needs::nothing) return;
  flags.path("--log-file", "FILE", "write a log there", log_file);
  if (needs != Needs::backends) return;
  flags.each("--backend-path", "FOLDER", "look for backends here as well",
             [this](const std::string& folder) -> Status {
               backend_path.emplace_back(folder);
               return {};
             });
}

Context::Context(const World& world, const CommonFlags& common, const CancelFlag& cancel)
    : world_(world),
      common_(common),
      cancel_(cancel),
      console_(world, common.color,
               common.quiet     ? Verbosity::quiet
               : common.verbose ? Verbosity::verbose
                                : Verbosity::normal,
               common.json) {
  ProgressOptions options;
  options.live =
      world.err_is_terminal && variable(world.variables, "TERM") != "dumb" && !console_.quiet();
  options.width = terminal_width(world.variables);
  progress_ = std::make_unique<Progress>(console_, std::move(options));
  environment_.cancel = &cancel_;
  environment_.watcher = progress_.get();
  environment_.variables = world.variables;
  environment_.version = ONNXPACK_VERSION;
  // bin/onnx-pack and libexec/onnx-pack/ stand side by side, in the build tree as in an install.
  if (!world.program.empty()) {
    environment_.libexec =
        (world.program.parent_path() / ".." / "libexec" / "onnx-pack").lexically_normal();
  }
  environment_.backend_path = common.backend_path;
  environment_.cache = cache_folder(world.variables);
  if (auto state = state_folder(world.variables); !state.empty())
    environment_.logs = state / "logs";
}

Error as_usage(const Error& error) {
  if (error.kind() != ErrorKind::corrupt) return error;
  return Error(ErrorKind::invalid_argument, error.message()).with_hint(error.hint());
}

Result<target::Target> Context::target(const std::string& text, package::Probes probes) {
  auto out = package::resolve_target(environment_, text, probes);
  if (!out) return std::unexpected(as_usage(out.error()));
  return out;
}

void Context::end_progress() {
  progress_->stop();
}

void Context::print(const json::Value& document) const {
  out() << json::canonical(document);
}

Status Context::open_log(const std::string& stem) {
  if (!log_file_.empty()) return {};
  if (!common_.log_file.empty()) {
    log_file_ = common_.log_file;
    return in(log::open_file(log_file_, log::Level::debug), "--log-file");
  }
  if (stem.empty() || environment_.logs.empty() || !files().make_directories(environment_.logs))
    return {};
  remove_old_logs(files(), environment_.logs, stem);
  auto now = std::chrono::system_clock::to_time_t(std::chrono::system_clock::now());
  log_file_ = environment_.logs /
              fmt::format("{}-{:%Y%m%d-%H%M%S}-{}.log", stem, fmt::gmtime(now), ::getpid());
  if (!log::open_file(log_file_, log::Level::debug)) log_file_.clear();
  return {};
}

}  // namespace onnxpack::cli
