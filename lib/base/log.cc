#include "onnxpack/base/log.h"

#include <memory>
#include <mutex>

#include <fmt/format.h>
#include <spdlog/logger.h>
#include <spdlog/sinks/basic_file_sink.h>

namespace onnxpack::log {
namespace {

std::mutex mutex;
std::shared_ptr<spdlog::logger> logger;

spdlog::level::level_enum spdlog_level(Level level) {
  switch (level) {
    case Level::debug: return spdlog::level::debug;
    case Level::info: return spdlog::level::info;
    case Level::warning: return spdlog::level::warn;
    case Level::error: return spdlog::level::err;
  }
  return spdlog::level::info;
}

std::shared_ptr<spdlog::logger> current() {
  std::scoped_lock lock(mutex);
  return logger;
}

}  // namespace

Status open_file(const std::filesystem::path& file, Level least) {
  try {
    auto sink = std::make_shared<spdlog::sinks::basic_file_sink_mt>(file.string(), /*truncate=*/true);
    auto made = std::make_shared<spdlog::logger>("onnx-pack", sink);
    made->set_level(spdlog_level(least));
    made->flush_on(spdlog::level::warn);
    std::scoped_lock lock(mutex);
    logger = std::move(made);
    return {};
  } catch (const spdlog::spdlog_ex& e) {
    return fail(ErrorKind::io, fmt::format("cannot open log file {}: {}", file.string(), e.what()));
  }
}

void close() {
  std::shared_ptr<spdlog::logger> last;
  {
    std::scoped_lock lock(mutex);
    last.swap(logger);
  }
  if (last) last->flush();
}

void write(Level level, std::string_view text) {
  if (auto sink = current()) sink->log(spdlog_level(level), spdlog::string_view_t(text.data(), text.size()));
}

}  // namespace onnxpack::log
