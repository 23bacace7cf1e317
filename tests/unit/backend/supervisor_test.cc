#include <sys/resource.h>

#include <chrono>
#include <thread>

#include "support.h"

namespace onnxpack::backend::test {
namespace {

using namespace std::chrono_literals;
using Lines = std::vector<std::string>;

TEST_CASE("an honest answer arrives, with its events") {
  Call call("good");
  std::vector<std::string> stages;
  call.invocation.on_event = [&](const protocol::Event& event) {
    if (const auto* progress = std::get_if<protocol::Progress>(&event))
      stages.push_back(progress->stage);
  };
  Outcome outcome = call.run();
  CHECK(outcome.kind == OutcomeKind::ok);
  CHECK(stages == Lines{"compile"});
  CHECK(outcome.response.find("variants") != nullptr);
  CHECK(headline(outcome) == "good compile done");
  CHECK_FALSE(fs::exists(call.folder / "log.txt"));
}

TEST_CASE("a crash is named with signal, stage and the last lines") {
  Call call("segfault");
  Outcome outcome = call.run();
  CHECK(outcome.kind == OutcomeKind::crash);
  CHECK(to_text(outcome) ==
        fmt::format("segfault compile crashed: signal 11 (SIGSEGV) in stage \"import\"\n"
                    "  log: {}\n  | reading the graph\n  | fatal: null tensor",
                    (call.folder / "log.txt").string()));
  CHECK(read_file(call.folder / "log.txt") == "reading the graph\nfatal: null tensor\n");
}

TEST_CASE("a crash after a warning has the warning for a hint") {
  Call call("warns-first");
  Outcome outcome = call.run();
  CHECK(outcome.kind == OutcomeKind::crash);
  CHECK(outcome.hint == "fuse=on is known to crash on Loop; fuse=off is the cure");
}

TEST_CASE("an exit code is a crash, even after an answer") {
  Call exits("exits");
  Outcome outcome = exits.run();
  CHECK(headline(outcome) == "exits compile crashed: exit code 3");
  CHECK(outcome.last_lines == Lines{"license server not reachable"});
  Call after("dies-after-answer");
  CHECK(headline(after.run()) == "dies-after-answer compile crashed: exit code 1");
}

TEST_CASE("a hang is ended after the quiet time") {
  Call call("hang");
  call.invocation.limits.quiet = 2s;
  Outcome outcome = call.run();
  CHECK(outcome.kind == OutcomeKind::hang);
  CHECK(headline(outcome) == "hang compile hung: no sign of life for 2.0 s in stage \"optimize\"");
}

TEST_CASE("a backend that ignores SIGTERM is killed with its children") {
  Call call("stubborn");
  call.invocation.limits.total = 150ms;
  Outcome outcome = call.run();
  CHECK(headline(outcome) == "stubborn compile timed out: not done after 150 ms");
}

TEST_CASE("no answer, no JSON and no status break the protocol") {
  CHECK(headline(Call("silent").run()) ==
        "silent compile broke the protocol: no answer: it ended with exit code 0 and wrote no "
        "response file");
  Outcome garbage = Call("garbage").run();
  CHECK(garbage.kind == OutcomeKind::protocol);
  CHECK(headline(garbage).starts_with(
      "garbage compile broke the protocol: the response is no JSON: "));
  CHECK(headline(Call("future").run()) ==
        "future compile broke the protocol: the response has no status of ok, refused, no-gain or "
        "error");
}

TEST_CASE("refusals and errors carry the backend's own words") {
  Outcome refused = Call("refuses").run();
  CHECK(refused.kind == OutcomeKind::refused);
  CHECK(to_text(refused) ==
        "refuses compile refused: operator Loop (node /decoder/loop) is not supported in stage "
        "\"import\"\n  hint: export without control flow");
  CHECK(headline(Call("fails").run()) ==
        "fails compile failed: license expired in stage \"compile\"");
}

TEST_CASE("flooded output is cut in the log and does no harm") {
  Call call("flood");
  call.invocation.limits.log_bytes = 100'000;
  Outcome outcome = call.run();
  CHECK(outcome.kind == OutcomeKind::ok);
  std::string log = read_file(call.folder / "log.txt");
  CHECK(log.size() < 200'000);
  CHECK(log.starts_with("first line\n"));
  CHECK(log.ends_with("last line\n"));
  CHECK(log.find("[onnx-pack: 28.") != std::string::npos);
}

TEST_CASE("output beyond the log's limit is no sign of life") {
  Call call("flood-forever");
  call.invocation.limits.log_bytes = 1000;
  call.invocation.limits.quiet = 2s;
  Outcome outcome = call.run();
  CHECK(outcome.kind == OutcomeKind::hang);
  CHECK(fs::file_size(call.folder / "log.txt") < 100'000);
}

TEST_CASE("unreadable events are counted, not believed") {
  Outcome outcome = Call("event-noise").run();
  CHECK(outcome.kind == OutcomeKind::ok);
  CHECK(outcome.warnings == Lines{"event-noise sent 3 unreadable event lines"});
}

TEST_CASE("a process in a session of its own does not outlive its backend") {
  Call call("leaves-daemon");
  Outcome outcome = call.run();
  CHECK(outcome.kind == OutcomeKind::ok);
  CHECK(outcome.leftovers >= 1);
  REQUIRE(outcome.warnings.size() == 1);
  CHECK(outcome.warnings[0].starts_with("leaves-daemon left "));
  std::string pid = read_file(call.folder / "daemon.pid");
  pid.pop_back();
  CHECK_FALSE(fs::exists("/proc/" + pid));
}

TEST_CASE("memory and file size are limited") {
  Call memory("eats-memory");
  memory.invocation.limits.memory_bytes = 60'000'000;
  Outcome outcome = memory.run();
  CHECK(outcome.kind == OutcomeKind::memory);
  CHECK(headline(outcome).starts_with("eats-memory compile used too much memory: "));
  CHECK(headline(outcome).ends_with(" in use, the limit is 57.2 MiB"));
  CHECK(outcome.peak_resident_bytes > 60'000'000);

  Call file("big-file");
  file.invocation.limits.file_bytes = 1 << 20;
  CHECK(headline(file.run()) ==
        "big-file compile wrote too much: a file grew beyond the limit of 1.0 MiB");
}

// The bound is looser than the promise: what takes a second on an idle machine takes longer among
// other tests, and a backend that is not ended at all takes a thousand.
TEST_CASE("a cancel flag ends it within a second") {
  Call call("stubborn");
  CancelFlag cancel;
  call.invocation.cancel = &cancel;
  std::jthread later([&] {
    std::this_thread::sleep_for(100ms);
    cancel.set();
  });
  auto begin = std::chrono::steady_clock::now();
  Outcome outcome = call.run();
  CHECK(std::chrono::steady_clock::now() - begin < 5s);
  CHECK(headline(outcome) == "stubborn compile cancelled: interrupted");
}

TEST_CASE("programs that cannot start say why") {
  CHECK(
      headline(Call("no-such").run()) ==
      fmt::format("no-such compile did not start: {}: cannot be started: No such file or directory",
                  hostile("no-such").string()));
  CHECK(headline(Call("no-interpreter").run()) ==
        fmt::format("no-interpreter compile did not start: {}: cannot be started: the interpreter "
                    "named in its first line does not exist",
                    hostile("no-interpreter").string()));
}

TEST_CASE("a stale response is not taken for an answer") {
  Call call("silent");
  write_file(call.folder / "response.json", R"({"status": "ok"})");
  CHECK(call.run().kind == OutcomeKind::protocol);
}

TEST_CASE("several at once leave nothing and mix nothing up") {
  std::vector<std::jthread> threads;
  std::vector<Outcome> outcomes(12);
  const Lines names = {"good", "segfault", "leaves-daemon", "exits"};
  std::vector<std::unique_ptr<Call>> calls;
  for (std::size_t i = 0; i < outcomes.size(); ++i)
    calls.push_back(std::make_unique<Call>(names[i % 4]));
  for (std::size_t i = 0; i < outcomes.size(); ++i) {
    threads.emplace_back([&, i] {
      auto outcome = run_backend(calls[i]->invocation);
      if (outcome) outcomes[i] = std::move(*outcome);
    });
  }
  threads.clear();
  for (std::size_t i = 0; i < outcomes.size(); ++i) {
    INFO(headline(outcomes[i]));
    CHECK(outcomes[i].backend == names[i % 4]);
    CHECK(outcomes[i].ok() == (i % 4 == 0 || i % 4 == 2));
    CHECK(processes_marked(calls[i]->mark) == Lines{});
  }
}

}  // namespace
}  // namespace onnxpack::backend::test
