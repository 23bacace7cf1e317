// Shows what goes on while a verb works. On a terminal: live lines at the bottom, one per task,
// with stage, rate and remaining time. Elsewhere: one plain line when a task starts and one when it
// ends.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "console.h"
#include "onnxpack/package/environment.h"

namespace onnxpack::cli {

struct ProgressOptions {
  bool live = false;           // a terminal that understands cursor movement
  std::size_t width = 80;      // of the terminal
  std::size_t most_lines = 8;  // further tasks are counted on one more line
  // The clock and the redraw thread are arguments, so that tests move time by hand.
  std::function<std::chrono::steady_clock::time_point()> now = std::chrono::steady_clock::now;
  bool ticker = true;
};

// Thread safe. While one lives, nothing else writes to the console's err.
class Progress final : public package::Watcher {
 public:
  Progress(const Console& console, ProgressOptions options);
  ~Progress() override;

  void started(std::string_view task, std::uint64_t total) override;
  void advanced(std::string_view task, std::uint64_t done) override;
  void stage(std::string_view task, std::string_view text) override;
  void finished(std::string_view task, std::string_view outcome) override;
  void warning(std::string_view text) override;

  // Takes the live lines away; what is written to err afterwards stands below what was said.
  void stop();

 private:
  using Time = std::chrono::steady_clock::time_point;
  struct Task {
    std::string name;
    std::string stage;
    std::uint64_t total = 0;
    std::uint64_t done = 0;
    Time since;
  };

  Task* find(std::string_view name);
  void say(std::string_view text);
  void redraw(bool now);
  void erase();
  std::string line_of(const Task& task, Time now) const;
  void tick(std::stop_token stop);

  const Console& console_;
  ProgressOptions options_;
  std::mutex mutex_;
  std::condition_variable_any wake_;
  std::vector<Task> tasks_;
  std::size_t drawn_ = 0;  // live lines on the screen
  Time last_draw_;
  bool stopped_ = false;
  std::jthread ticker_;
};

// Terminal columns: of the terminal behind err, else $COLUMNS, else 80.
std::size_t terminal_width(const std::map<std::string, std::string>& variables);

}  // namespace onnxpack::cli
