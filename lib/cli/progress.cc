#include "progress.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "flags.h"
#include "onnxpack/base/log.h"
#include "onnxpack/base/text.h"

namespace onnxpack::cli {
namespace {

constexpr auto redraw_every = std::chrono::milliseconds(100);
constexpr auto tick_every = std::chrono::milliseconds(500);
constexpr std::size_t bar_cells = 20;

// Finer than a second would only flicker.
std::string whole_seconds(double seconds) {
  if (seconds < 59.5) return fmt::format("{:.0f} s", seconds);
  return human_duration(std::chrono::seconds(static_cast<std::int64_t>(seconds + 0.5)));
}

std::string bar(double share) {
  auto filled = static_cast<std::size_t>(share * static_cast<double>(bar_cells));
  return "[" + std::string(filled, '=') + std::string(bar_cells - filled, ' ') + "]";
}

}  // namespace

Progress::Progress(const Console& console, ProgressOptions options)
    : console_(console), options_(std::move(options)) {
  if (options_.live && options_.ticker)
    ticker_ = std::jthread([this](std::stop_token stop) { tick(stop); });
}

Progress::~Progress() {
  stop();
}

void Progress::stop() {
  if (ticker_.joinable()) {
    ticker_.request_stop();
    ticker_.join();
  }
  std::lock_guard lock(mutex_);
  erase();
  stopped_ = true;
}

void Progress::tick(std::stop_token stop) {
  std::unique_lock lock(mutex_);
  while (!stop.stop_requested()) {
    wake_.wait_for(lock, stop, tick_every, [] { return false; });
    if (!stop.stop_requested()) redraw(true);
  }
}

Progress::Task* Progress::find(std::string_view name) {
  auto found = std::ranges::find(tasks_, name, &Task::name);
  return found == tasks_.end() ? nullptr : &*found;
}

void Progress::started(std::string_view task, std::uint64_t total) {
  std::lock_guard lock(mutex_);
  Task* known = find(task);
  log::info(fmt::format("{}: started", task));
  if (known == nullptr) {
    tasks_.push_back({std::string(task), "", total, 0, options_.now()});
    if (!options_.live) say(fmt::format("{} ...", task));
  } else {
    known->total = total;
    known->done = 0;
    known->since = options_.now();
  }
  redraw(false);
}

void Progress::advanced(std::string_view task, std::uint64_t done) {
  std::lock_guard lock(mutex_);
  if (Task* known = find(task)) known->done = done;
  redraw(false);
}

void Progress::stage(std::string_view task, std::string_view text) {
  std::lock_guard lock(mutex_);
  log::debug(fmt::format("{}: {}", task, text));
  if (Task* known = find(task)) known->stage = text;
  if (!options_.live && console_.verbose()) say(fmt::format("{}: {}", task, text));
  redraw(false);
}

void Progress::finished(std::string_view task, std::string_view outcome) {
  std::lock_guard lock(mutex_);
  log::info(fmt::format("{}: {}", task, outcome));
  std::string text =
      outcome.empty() ? fmt::format("{}: done", task) : fmt::format("{}: {}", task, outcome);
  if (Task* known = find(task)) {
    auto took = options_.now() - known->since;
    // Times would make the plain form differ from run to run; a terminal shows those that somebody
    // waited for.
    if (options_.live && took >= std::chrono::seconds(1))
      text += fmt::format("  ({})", human_duration(took));
    tasks_.erase(tasks_.begin() + (known - tasks_.data()));
  }
  say(text);
  redraw(true);
}

void Progress::warning(std::string_view text) {
  std::lock_guard lock(mutex_);
  log::warning(text);
  erase();
  console_.warn(text);
  redraw(true);
}

void Progress::say(std::string_view text) {
  erase();
  console_.note(text);
}

void Progress::erase() {
  if (drawn_ == 0) return;
  // Up to the first live line, then clear to the end of the screen.
  console_.err() << fmt::format("\x1b[{}F\x1b[J", drawn_) << std::flush;
  drawn_ = 0;
}

void Progress::redraw(bool now) {
  if (!options_.live || stopped_ || console_.quiet()) return;
  Time time = options_.now();
  if (!now && time - last_draw_ < redraw_every) return;
  last_draw_ = time;
  std::string text;
  if (drawn_ > 0) text = fmt::format("\x1b[{}F\x1b[J", drawn_);
  std::size_t shown = std::min(tasks_.size(), options_.most_lines);
  for (std::size_t i = 0; i < shown; ++i) {
    text +=
        console_.err_paint()(Style::dim, fit(line_of(tasks_[i], time), options_.width - 1)) + "\n";
  }
  if (tasks_.size() > shown) text += fmt::format("... and {} more\n", tasks_.size() - shown);
  drawn_ = shown + (tasks_.size() > shown ? 1 : 0);
  console_.err() << text << std::flush;
}

std::string Progress::line_of(const Task& task, Time now) const {
  double seconds = std::chrono::duration<double>(now - task.since).count();
  std::string out = printable(task.name);
  if (task.total > 0) {
    double share = std::min(1.0, static_cast<double>(task.done) / static_cast<double>(task.total));
    out += fmt::format(" {} {:3.0f} %  {} of {}", bar(share), share * 100, human_size(task.done),
                       human_size(task.total));
    // A rate from the first instants says nothing.
    if (seconds > 0.5 && task.done > 0) {
      double rate = static_cast<double>(task.done) / seconds;
      double left = static_cast<double>(task.total - std::min(task.done, task.total)) / rate;
      out += fmt::format("  {}/s  {} left", human_size(static_cast<std::uint64_t>(rate)),
                         whole_seconds(left));
    }
  } else {
    out += "  " + whole_seconds(std::floor(seconds));
  }
  if (!task.stage.empty()) out += "  " + printable(task.stage);
  return out;
}

std::size_t terminal_width(const std::map<std::string, std::string>& variables) {
  winsize size{};
  if (::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col >= 20) return size.ws_col;
  auto columns = variables.find("COLUMNS");
  if (columns != variables.end()) {
    if (auto number = parse_whole(columns->second, 20, 10'000))
      return static_cast<std::size_t>(*number);
  }
  return 80;
}

}  // namespace onnxpack::cli
