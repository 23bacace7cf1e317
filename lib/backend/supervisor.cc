#include "onnxpack/backend/supervisor.h"

#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <utility>

#include "event_lines.h"
#include "log_capture.h"
#include "onnxpack/base/text.h"
#include "onnxpack/io/file.h"
#include "onnxpack/io/process.h"

namespace onnxpack::backend {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr const char* request_name = "request.json";
constexpr const char* response_name = "response.json";
constexpr std::uint64_t max_response = std::uint64_t{64} << 20;
constexpr milliseconds poll_period{50};  // how soon a cancel flag is seen
constexpr milliseconds patience{2000};   // from SIGKILL until we stop waiting
constexpr std::size_t shown_lines = 5;

milliseconds since(Clock::time_point then) {
  return std::chrono::duration_cast<milliseconds>(Clock::now() - then);
}

// Sizes of all files below a folder, as a sign of life. Files that vanish meanwhile do not matter.
std::uint64_t folder_bytes(const fs::path& folder) {
  std::uint64_t out = 0;
  std::error_code error;
  fs::recursive_directory_iterator it(folder, fs::directory_options::skip_permission_denied, error);
  for (; !error && it != fs::recursive_directory_iterator(); it.increment(error)) {
    std::error_code gone;
    if (it->is_regular_file(gone) && !it->is_symlink(gone)) {
      auto size = it->file_size(gone);
      if (!gone) out += size;
    }
  }
  return out;
}

// Answers that are not ok.
std::optional<OutcomeKind> kind_of(std::string_view status) {
  if (status == "refused") return OutcomeKind::refused;
  if (status == "no-gain") return OutcomeKind::no_gain;
  if (status == "error") return OutcomeKind::error;
  return std::nullopt;
}

// One running backend: the poll loop and what it learnt.
class Watch {
 public:
  Watch(const Invocation& invocation, io::Process process)
      : invocation_(invocation),
        limits_(invocation.limits),
        process_(std::move(process)),
        log_(invocation.log_file, invocation.limits.log_bytes),
        folder_bytes_(folder_bytes(invocation.work_folder)) {}

  // Until all is gone, or cannot be killed.
  void loop() {
    while (true) {
      wait_for_news();
      if (read_pipe(process_.output(), output_open_, &Watch::take_output)) alive_ = Clock::now();
      if (read_pipe(process_.events(), events_open_, &Watch::take_events)) alive_ = Clock::now();
      exit_ = process_.try_wait();
      if (exit_) break;
      if (!stop_) check_limits();
      if (stop_ && !press_on()) break;
    }
    // Everybody is dead: what the pipes still hold is all there will be.
    while (output_open_ && read_some(process_.output(), output_open_, &Watch::take_output)) {
    }
    while (events_open_ && read_some(process_.events(), events_open_, &Watch::take_events)) {
    }
  }

  Result<Outcome> conclude();

 private:
  using Take = bool (Watch::*)(std::string_view);

  void wait_for_news() {
    std::array<pollfd, 3> wait = {pollfd{output_open_ ? process_.output() : -1, POLLIN, 0},
                                  pollfd{events_open_ ? process_.events() : -1, POLLIN, 0},
                                  pollfd{process_.status(), POLLIN, 0}};
    ::poll(wait.data(), wait.size(), static_cast<int>(poll_period.count()));
  }

  // Reads at most a megabyte, so that a flood on one pipe starves neither the other nor the limits.
  // True for a sign of life.
  bool read_pipe(int descriptor, bool& open, Take take) {
    sign_of_life_ = false;
    for (int round = 0; round < 16 && open; ++round) {
      if (!read_some(descriptor, open, take)) break;
    }
    return sign_of_life_;
  }

  // False when there is nothing now.
  bool read_some(int descriptor, bool& open, Take take) {
    std::array<char, 64 * 1024> buffer;
    ssize_t got = ::read(descriptor, buffer.data(), buffer.size());
    if (got > 0) {
      sign_of_life_ |= (this->*take)({buffer.data(), static_cast<std::size_t>(got)});
      return true;
    }
    if (got == 0) open = false;
    return got < 0 && errno == EINTR;
  }

  bool take_output(std::string_view bytes) { return log_.append(bytes); }

  bool take_events(std::string_view bytes) {
    return events_.append(bytes, [this](const protocol::Event& event) {
      if (const auto* progress = std::get_if<protocol::Progress>(&event)) {
        stage_ = printable(std::string_view(progress->stage).substr(0, 100));
      } else if (const auto* line = std::get_if<protocol::LogLine>(&event);
                 line != nullptr && line->level == "warning") {
        warned_ = printable(std::string_view(line->text).substr(0, 1000));
      }
      if (invocation_.on_event) invocation_.on_event(event);
    });
  }

  void check_limits() {
    if (invocation_.cancel != nullptr && invocation_.cancel->is_set()) {
      stop(OutcomeKind::cancelled, "interrupted");
    } else if (limits_.total && since(begin_) > *limits_.total) {
      stop(OutcomeKind::timeout, fmt::format("not done after {}", human_duration(*limits_.total)));
    } else if (since(alive_) > limits_.quiet && !files_grew()) {
      stop(OutcomeKind::hang, fmt::format("no sign of life for {}", human_duration(limits_.quiet)));
    } else if (since(measured_) > limits_.memory_period) {
      check_memory();
    }
  }

  bool files_grew() {
    std::uint64_t now = folder_bytes(invocation_.work_folder);
    if (now <= folder_bytes_) return false;
    folder_bytes_ = now;
    alive_ = Clock::now();
    return true;
  }

  void check_memory() {
    std::uint64_t now = process_.usage().resident_bytes;
    measured_ = Clock::now();
    peak_ = std::max(peak_, now);
    if (limits_.memory_bytes != 0 && now > limits_.memory_bytes) {
      stop(OutcomeKind::memory, fmt::format("{} in use, the limit is {}", human_size(now),
                                            human_size(limits_.memory_bytes)));
    }
  }

  void stop(OutcomeKind kind, std::string reason) {
    stop_ = kind;
    stop_reason_ = std::move(reason);
    stopped_ = Clock::now();
    process_.terminate();
  }

  // From SIGTERM to SIGKILL to giving up. False: stop waiting.
  bool press_on() {
    if (!killed_ && since(stopped_) > limits_.grace) {
      killed_ = true;
      process_.kill();
    }
    return since(stopped_) < limits_.grace + patience;
  }

  void judge_exit(Outcome& out) const;
  void judge_answer(Outcome& out) const;

  const Invocation& invocation_;
  const Limits& limits_;
  io::Process process_;
  LogCapture log_;
  EventLines events_;
  bool output_open_ = true;
  bool events_open_ = true;
  bool sign_of_life_ = false;
  Clock::time_point begin_ = Clock::now();
  Clock::time_point alive_ = begin_;
  Clock::time_point measured_ = begin_;
  Clock::time_point stopped_ = begin_;
  std::uint64_t folder_bytes_;
  std::uint64_t peak_ = 0;
  std::string stage_;
  std::string warned_;  // the last warning it sent
  std::optional<OutcomeKind> stop_;
  std::string stop_reason_;
  bool killed_ = false;
  std::optional<io::ProcessExit> exit_;
};

void Watch::judge_exit(Outcome& out) const {
  if (!exit_) {
    out.kind = stop_.value_or(OutcomeKind::hang);
    out.reason = fmt::format("{}; it could not be killed", stop_reason_);
    return;
  }
  out.leftovers = exit_->leftovers;
  if (stop_) {
    out.kind = *stop_;
    out.reason = stop_reason_;
    return;
  }
  if (exit_->signal == SIGXFSZ) {
    out.kind = OutcomeKind::file_size;
    out.reason = fmt::format("a file grew beyond the limit of {}", human_size(limits_.file_bytes));
    return;
  }
  if (exit_->signal != 0 || exit_->code != 0) {
    out.kind = OutcomeKind::crash;
    out.reason = io::to_text(*exit_);
    if (exit_->signal == SIGKILL) {
      out.hint =
          "something outside onnx-pack killed it, often the system running out of memory; "
          "try fewer --jobs";
    }
    return;
  }
  judge_answer(out);
}

// Reads response.json as far as all verbs have it in common; the rest is for whoever knows the
// verb.
void Watch::judge_answer(Outcome& out) const {
  fs::path path = invocation_.work_folder / response_name;
  auto& files = io::real_file_system();
  out.kind = OutcomeKind::protocol;
  auto entry = files.status(path);
  if (!entry) {
    out.reason = "no answer: it ended with exit code 0 and wrote no response file";
    return;
  }
  if (entry->type != io::EntryType::file) {
    out.reason = "the response is no regular file";
    return;
  }
  auto text = files.read_text(path, max_response);
  if (!text) {
    out.reason = fmt::format("the response cannot be read: {}", text.error().message());
    return;
  }
  auto value = json::parse(*text);
  if (!value) {
    out.reason = fmt::format("the response is no JSON: {}", printable(value.error().message()));
    return;
  }
  const json::Value* status = value->find("status");
  std::string_view word = status != nullptr && status->is(json::Kind::string)
                              ? std::string_view(status->as_string())
                              : std::string_view();
  auto text_of = [&](std::string_view key) {
    const json::Value* field = value->find(key);
    return field != nullptr && field->is(json::Kind::string) ? printable(field->as_string())
                                                             : std::string();
  };
  if (word == "ok") {
    out.kind = OutcomeKind::ok;
    out.stage.clear();
  } else if (auto kind = kind_of(word); !kind) {
    out.reason = "the response has no status of ok, refused, no-gain or error";
  } else if (text_of("reason").empty()) {
    out.reason = fmt::format("the response says \"{}\" without a reason", word);
  } else {
    out.kind = *kind;
    out.reason = text_of("reason");
    out.hint = text_of("hint");
    if (auto stage = text_of("stage"); !stage.empty()) out.stage = stage;
  }
  out.response = std::move(*value);
}

Result<Outcome> Watch::conclude() {
  ONNXPACK_CHECK(log_.finish());
  Outcome out;
  out.backend = invocation_.backend;
  out.verb = invocation_.verb;
  out.stage = stage_;
  out.log = invocation_.log_file;
  out.wall = since(begin_);
  out.peak_resident_bytes = peak_;
  judge_exit(out);
  // A backend that died cannot answer with a hint any more; what it warned of before is the best
  // there is.
  if (out.response.is(json::Kind::null) && out.kind != OutcomeKind::cancelled && out.hint.empty())
    out.hint = warned_;
  if (!out.ok()) out.last_lines = log_.last_lines(shown_lines);
  if (out.leftovers > 0) {
    out.warnings.push_back(fmt::format("{} left {} behind, killed", out.backend,
                                       out.leftovers == 1
                                           ? std::string("a process")
                                           : fmt::format("{} processes", out.leftovers)));
  }
  if (events_.unreadable() > 0) {
    out.warnings.push_back(
        fmt::format("{} sent {} unreadable event lines", out.backend, events_.unreadable()));
  }
  return out;
}

// Not synced: it is read at once and never again.
Status write_request(const Invocation& invocation) {
  std::string text = json::canonical(invocation.request);
  ONNXPACK_TRY(auto file, io::real_file_system().create(invocation.work_folder / request_name));
  ONNXPACK_CHECK(file->write(as_bytes(text)));
  return file->publish_unsynced(io::Overwrite::yes);
}

Outcome not_started(const Invocation& invocation, const Error& error) {
  Outcome out;
  out.kind = OutcomeKind::not_started;
  out.backend = invocation.backend;
  out.verb = invocation.verb;
  out.reason = error.message();
  out.hint = error.hint();
  return out;
}

}  // namespace

Result<Outcome> run_backend(const Invocation& invocation) {
  auto& files = io::real_file_system();
  ONNXPACK_CHECK(write_request(invocation));
  ONNXPACK_CHECK(files.remove_all(invocation.work_folder / response_name));
  fs::path temporary = invocation.work_folder / "tmp";
  ONNXPACK_CHECK(files.make_directories(temporary));

  io::ProcessSpec spec;
  spec.program = fs::absolute(invocation.program);  // it starts in another folder
  spec.arguments = {std::string(protocol::to_string(invocation.verb)), request_name, response_name};
  spec.working_directory = invocation.work_folder;
  spec.environment = invocation.environment;
  spec.environment["TMPDIR"] = fs::absolute(temporary).string();
  spec.events_variable = protocol::events_variable;
  spec.file_size_limit = invocation.limits.file_bytes;
  auto process = io::Process::start(spec);
  if (!process) return not_started(invocation, process.error());
  Watch watch(invocation, std::move(*process));
  watch.loop();
  return watch.conclude();
}

}  // namespace onnxpack::backend
