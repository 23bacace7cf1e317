#include "onnxpack/protocol/serve.h"

#include <fcntl.h>
#include <unistd.h>

#include <catch2/catch_test_macros.hpp>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <stdexcept>

namespace onnxpack::protocol {
namespace {

namespace fs = std::filesystem;

class TestBackend : public Backend {
 public:
  Result<DescribeResponse> describe() override {
    DescribeResponse out;
    out.name = "test";
    out.verbs = {Verb::describe, Verb::compile};
    out.serves = {{.family = "t",
                   .names = {"t"},
                   .requirements = {},
                   .absent = {},
                   .wants_backend_options = false}};
    return out;
  }
  Result<CompileResponse> compile(const CompileRequest& request, EventEmitter& events) override {
    events.progress("compile", 0.5);
    if (request.variant_name == "throws") throw std::runtime_error("vendor library gave up");
    if (request.variant_name == "unsupported")
      return fail(ErrorKind::unsupported, "operator Loop is not supported", "unroll it");
    if (request.variant_name == "io") return fail(ErrorKind::io, "disk full");
    CompileResponse out;
    out.answer = no_gain("as fast as the original");
    return out;
  }
};

struct Served {
  fs::path folder = fs::temp_directory_path() / ("onnxpack-serve-" + std::to_string(::getpid()));
  Served() { fs::create_directories(folder); }
  ~Served() { fs::remove_all(folder); }

  int call(const std::string& verb, const std::string& request) {
    std::ofstream(folder / "request.json") << request;
    fs::remove(folder / "response.json");
    std::string in = folder / "request.json";
    std::string out = folder / "response.json";
    std::string program = "test";
    std::string verb_text = verb;
    char* argv[] = {program.data(), verb_text.data(), in.data(), out.data(), nullptr};
    TestBackend backend;
    return serve(4, argv, backend);
  }
  std::string response() const {
    std::ifstream file(folder / "response.json");
    return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  }
  Answer compile(const std::string& variant_name, const std::string& target = "t") {
    CompileRequest request;
    request.component = {
        .name = "model", .model = "components/model/model.onnx", .original_sha256 = ""};
    request.target.name = target;
    request.output_dir = "out";
    request.variant_name = variant_name;
    REQUIRE(call("compile", json::canonical(to_json(request))) == 0);
    auto value = json::parse(response());
    REQUIRE(value);
    auto answer = compile_response_from_json(json::Cursor(*value));
    if (!answer) FAIL(answer.error().message());
    return answer->answer;
  }
};

TEST_CASE("serve answers, and turns errors and exceptions into answers") {
  Served served;
  REQUIRE(served.call("describe", R"({"protocol": "1.0", "verb": "describe"})") == 0);
  auto value = json::parse(served.response());
  REQUIRE(value);
  CHECK(describe_response_from_json(json::Cursor(*value))->name == "test");
  CHECK_FALSE(fs::exists(served.folder / "response.json.part"));

  CHECK(served.compile("x") == no_gain("as fast as the original"));
  CHECK(served.compile("unsupported") == refused("operator Loop is not supported", "unroll it"));
  CHECK(served.compile("io") == failed("disk full"));
  CHECK(served.compile("throws") == failed("unexpected exception: vendor library gave up"));
}

TEST_CASE("targets that describe does not serve are refused") {
  Served served;
  CHECK(served.compile("x", "toaster") ==
        refused("target toaster is not served: t: needs a target named t"));
}

TEST_CASE("verbs that a backend does not have are refused") {
  Served served;
  REQUIRE(served.call("probe", R"({"protocol": "1.0", "verb": "probe"})") == 0);
  CHECK(served.response().find("this backend has no verb probe") != std::string::npos);
}

TEST_CASE("what is no request gets an exit code and no answer") {
  Served served;
  CHECK(served.call("dance", "{}") == 2);
  CHECK(served.call("describe", "not json") == 3);
  CHECK(served.call("describe", R"({"protocol": "2.0", "verb": "describe"})") == 3);
  CHECK(served.call("compile", R"({"protocol": "1.0", "verb": "compile"})") == 3);
  CHECK(served.response().empty());
}

TEST_CASE("events go line by line, and a host that went away does no harm") {
  int ends[2];
  REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
  EventEmitter events(ends[1]);
  events.progress("import", 0.5);
  events.heartbeat();
  char buffer[256] = {};
  REQUIRE(::read(ends[0], buffer, sizeof buffer - 1) > 0);
  CHECK(std::string(buffer) ==
        "{\"event\":\"progress\",\"fraction\":0.5,\"stage\":\"import\"}\n{\"event\":\"heartbeat\"}"
        "\n");
  ::close(ends[0]);
  events.heartbeat();  // would die of SIGPIPE
  events.heartbeat();
  ::close(ends[1]);
}

}  // namespace
}  // namespace onnxpack::protocol
