#include "onnxpack/protocol/serve.h"

#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <mutex>
#include <optional>
#include <thread>

#include <sys/resource.h>

#include <fmt/format.h>

#include "codec.h"

namespace onnxpack::protocol {
namespace {

constexpr int exit_usage = 2;
constexpr int exit_request = 3;
constexpr int exit_answer = 4;
constexpr std::uintmax_t max_request = std::uintmax_t{64} << 20;

std::chrono::microseconds cpu_time() {
  auto of = [](int who) {
    rusage usage{};
    getrusage(who, &usage);
    return std::chrono::seconds(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           std::chrono::microseconds(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
  };
  return of(RUSAGE_SELF) + of(RUSAGE_CHILDREN);
}

// Says "still at work" from a thread of its own for as long as the process uses CPU time: vendor
// compilers are silent for minutes, and a deadlocked one must not be kept alive by its wrapper.
class Pulse {
 public:
  explicit Pulse(EventEmitter& events) : thread_([this, &events] { beat(events); }) {}
  ~Pulse() {
    {
      std::scoped_lock lock(mutex_);
      done_ = true;
    }
    wake_.notify_one();
    thread_.join();
  }
  Pulse(const Pulse&) = delete;
  Pulse& operator=(const Pulse&) = delete;

 private:
  static constexpr std::chrono::seconds period{5};
  static constexpr std::chrono::milliseconds least_work{50};

  void beat(EventEmitter& events) {
    auto last = cpu_time();
    std::unique_lock lock(mutex_);
    while (!wake_.wait_for(lock, period, [this] { return done_; })) {
      auto now = cpu_time();
      if (now - last >= least_work) events.heartbeat();
      last = now;
    }
  }

  std::mutex mutex_;
  std::condition_variable wake_;
  bool done_ = false;
  std::thread thread_;  // last: starts when the rest stands
};

Result<json::Value> read_request(const char* path) {
  std::error_code error;
  auto size = std::filesystem::file_size(path, error);
  if (error) return fail(ErrorKind::io, fmt::format("{}: {}", path, error.message()));
  if (size > max_request) {
    return fail(ErrorKind::unsupported, fmt::format("{}: {} bytes are no request", path, size));
  }
  std::ifstream file(path, std::ios::binary);
  std::string text{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  if (!file) return fail(ErrorKind::io, fmt::format("{}: cannot be read", path));
  return in(json::parse(text), path);
}

// A killed backend leaves no half answer: written beside, then renamed.
Status write_response(const char* path, const json::Value& response) {
  std::string temporary = std::string(path) + ".part";
  {
    std::ofstream file(temporary, std::ios::binary | std::ios::trunc);
    file << json::canonical(response);
    file.close();
    if (!file) return fail(ErrorKind::io, fmt::format("{}: cannot be written", temporary));
  }
  std::error_code error;
  std::filesystem::rename(temporary, path, error);
  if (error) return fail(ErrorKind::io, fmt::format("{}: {}", path, error.message()));
  return {};
}

Answer answer_from(const Error& error) {
  switch (error.kind()) {
    case ErrorKind::unsupported:
    case ErrorKind::incompatible:
    case ErrorKind::unavailable:
      return refused(error.message(), error.hint());
    default:
      return failed(error.message(), error.hint());
  }
}

// Whatever the backend returns or throws becomes the answer. `Response` has the member `answer`.
template <typename Response, typename Call>
json::Value respond(Call&& call) {
  auto with = [](Answer answer) {
    Response response;
    response.answer = std::move(answer);
    return to_json(response);
  };
  try {
    Result<Response> response = call();
    return response ? to_json(*response) : with(answer_from(response.error()));
  } catch (const std::bad_alloc&) {
    return with(failed("out of memory"));
  } catch (const std::exception& error) {
    return with(failed(fmt::format("unexpected exception: {}", error.what())));
  }
}

// The host asks only whom `describe` says is served; should it ask all the same, the answer is the
// same rule.
template <typename Response>
std::optional<Response> refuse_unserved(Backend& backend, const target::Target& target) {
  auto description = backend.describe();
  if (!description) return std::nullopt;  // then the verb itself will say what is wrong
  Served served = serves(*description, target);
  if (served.served) return std::nullopt;
  Response out;
  out.answer = refused(fmt::format("target {} is not served: {}", target.name, served.reason));
  return out;
}

Result<json::Value> dispatch(Verb verb, const json::Value& value, Backend& backend,
                             EventEmitter& events) {
  json::Cursor cursor(value);
  switch (verb) {
    case Verb::describe: {
      ONNXPACK_CHECK(describe_request_from_json(cursor));
      return respond<DescribeResponse>([&] { return backend.describe(); });
    }
    case Verb::plan: {
      ONNXPACK_TRY(auto request, plan_request_from_json(cursor));
      return respond<PlanResponse>([&]() -> Result<PlanResponse> {
        if (auto no = refuse_unserved<PlanResponse>(backend, request.target)) return *no;
        return backend.plan(request, events);
      });
    }
    case Verb::compile: {
      ONNXPACK_TRY(auto request, compile_request_from_json(cursor));
      return respond<CompileResponse>([&]() -> Result<CompileResponse> {
        if (auto no = refuse_unserved<CompileResponse>(backend, request.target)) return *no;
        return backend.compile(request, events);
      });
    }
    case Verb::run: {
      ONNXPACK_TRY(auto request, run_request_from_json(cursor));
      return respond<RunResponse>([&] { return backend.run(request, events); });
    }
    case Verb::probe: {
      ONNXPACK_TRY(auto request, probe_request_from_json(cursor));
      return respond<ProbeResponse>([&]() -> Result<ProbeResponse> {
        ONNXPACK_TRY(auto response, backend.probe(events));
        if (request.compatibility.empty()) return response;
        ONNXPACK_TRY(response.verdicts, backend.check(request.compatibility));
        return response;
      });
    }
  }
  return fail(ErrorKind::internal, "no such verb");
}

int complain(int code, std::string_view what) {
  fmt::print(stderr, "{}\n", what);
  return code;
}

std::unexpected<Error> no_verb(Verb verb) {
  return fail(ErrorKind::unsupported, fmt::format("this backend has no verb {}", to_string(verb)));
}

}  // namespace

Result<PlanResponse> Backend::plan(const PlanRequest&, EventEmitter&) {
  return no_verb(Verb::plan);
}
Result<RunResponse> Backend::run(const RunRequest&, EventEmitter&) {
  return no_verb(Verb::run);
}
Result<ProbeResponse> Backend::probe(EventEmitter&) {
  return no_verb(Verb::probe);
}

Result<std::vector<RuntimeVerdict>> Backend::check(const std::vector<CompatibilityQuestion>&) {
  return std::vector<RuntimeVerdict>();
}

int serve(int argc, char** argv, Backend& backend) {
  auto verb = argc == 4 ? verb_from_text(argv[1]) : std::nullopt;
  if (!verb) {
    return complain(exit_usage,
                    "usage: onnx-pack-backend-NAME describe|plan|compile|run|probe REQUEST.json "
                    "RESPONSE.json\na backend of onnx-pack, which calls it; see "
                    "docs/backend-protocol.md");
  }
  auto request = read_request(argv[2]);
  if (!request) return complain(exit_request, request.error().message());

  EventEmitter& events = EventEmitter::from_environment();
  Result<json::Value> response = [&] {
    Pulse pulse(events);
    return dispatch(*verb, *request, backend, events);
  }();
  if (!response) {
    return complain(exit_request, fmt::format("{}: {}", argv[2], response.error().message()));
  }
  if (auto written = write_response(argv[3], *response); !written) {
    return complain(exit_answer, written.error().message());
  }
  return 0;
}

}  // namespace onnxpack::protocol
