#include "progress.h"

#include <sstream>
#include <thread>

#include <catch2/catch_test_macros.hpp>

namespace onnxpack::cli {
namespace {

using std::chrono::milliseconds;

struct Screen {
  std::ostringstream out;
  std::ostringstream err;
  World world{.arguments = {}, .out = out, .err = err, .variables = {}, .program = {}};
  std::chrono::steady_clock::time_point time{std::chrono::hours(1)};

  std::string take() {
    std::string text = err.str();
    err.str("");
    return text;
  }
  ProgressOptions options(bool live) {
    ProgressOptions out_options;
    out_options.live = live;
    out_options.width = 60;
    out_options.most_lines = 2;
    out_options.ticker = false;
    out_options.now = [this] { return time; };
    return out_options;
  }
};

TEST_CASE("without a terminal there is one line when a task starts and one when it ends") {
  Screen screen;
  Console console(screen.world, ColorMode::never, Verbosity::normal, false);
  Progress progress(console, screen.options(false));
  progress.started("write a", 1000);
  for (std::uint64_t i = 0; i < 1000; ++i) progress.advanced("write a", i);
  progress.stage("write a", "sync");
  progress.finished("write a", "1000 B");
  progress.finished("quick", "");
  CHECK(screen.take() == "write a ...\nwrite a: 1000 B\nquick: done\n");
}

TEST_CASE("quiet leaves warnings in and everything else out") {
  Screen screen;
  Console console(screen.world, ColorMode::never, Verbosity::quiet, false);
  Progress progress(console, screen.options(false));
  progress.started("a", 0);
  progress.warning("beware");
  progress.finished("a", "done");
  CHECK(screen.take() == "warning: beware\n");
}

TEST_CASE("a terminal shows share, rate and remaining time, and takes its lines away") {
  Screen screen;
  Console console(screen.world, ColorMode::never, Verbosity::normal, false);
  Progress progress(console, screen.options(true));
  progress.started("copy", 4096);
  screen.take();
  screen.time += milliseconds(2000);
  progress.advanced("copy", 1024);
  CHECK(screen.take() ==
        "\x1b[1F\x1b[Jcopy [=====               ]  25 %  1.0 KiB of 4.0 KiB  512…\n");
  progress.advanced("copy", 2048);  // too soon after the last one to be drawn
  CHECK(screen.take().empty());
  progress.finished("copy", "4.0 KiB");
  CHECK(screen.take() == "\x1b[1F\x1b[Jcopy: 4.0 KiB  (2.0 s)\n");
  progress.stop();
  CHECK(screen.take().empty());
}

TEST_CASE("more tasks than lines are counted, and a warning stands above the live lines") {
  Screen screen;
  Console console(screen.world, ColorMode::never, Verbosity::normal, false);
  Progress progress(console, screen.options(true));
  for (const char* task : {"a", "b", "c", "d"}) {
    screen.time += milliseconds(200);
    progress.started(task, 0);
  }
  screen.take();
  progress.stage("a", "import");  // drawn at the next redraw
  progress.warning("beware");
  CHECK(screen.take() ==
        "\x1b[3F\x1b[Jwarning: beware\n"
        "a  0 s  import\nb  0 s\n... and 2 more\n");
}

TEST_CASE("many threads may report, and nothing is left on the screen") {
  Screen screen;
  Console console(screen.world, ColorMode::never, Verbosity::normal, false);
  {
    ProgressOptions options = screen.options(true);
    options.now = std::chrono::steady_clock::now;
    options.ticker = true;
    Progress progress(console, options);
    std::vector<std::jthread> threads;
    for (int i = 0; i < 4; ++i) {
      threads.emplace_back([&progress, i] {
        std::string task = std::to_string(i);
        progress.started(task, 100);
        for (std::uint64_t done = 0; done < 100; ++done) progress.advanced(task, done);
        progress.finished(task, "ok");
      });
    }
  }
  std::string text = screen.take();
  for (const char* line : {"0: ok\n", "1: ok\n", "2: ok\n", "3: ok\n"})
    CHECK(text.find(line) != std::string::npos);
}

}  // namespace
}  // namespace onnxpack::cli
