// Reports made by hand, for what no small package brings about.
#include "render.h"

#include <sstream>

#include <catch2/catch_test_macros.hpp>

#include "documents.h"

namespace onnxpack::cli {
namespace {

struct Screen {
  std::ostringstream out;
  std::ostringstream err;
  World world{.arguments = {}, .out = out, .err = err, .variables = {}, .program = {}};
  Console console{world, ColorMode::never, Verbosity::normal, false};
};

package::JobReport job(std::string target, std::string component, package::JobStatus status) {
  package::JobReport out;
  out.target = std::move(target);
  out.component = std::move(component);
  out.backend = "iree";
  out.status = status;
  return out;
}

TEST_CASE("a build of several components names them, and says of every target what became of it") {
  Screen screen;
  package::BuildRequest request;
  request.components = {{"encoder", "e.onnx"}, {"decoder", "d.onnx"}};
  request.output = "m.onnxpkg";
  package::BuildReport report;
  report.jobs = {job("v3", "encoder", package::JobStatus::built),
                 job("v3", "decoder", package::JobStatus::low_coverage)};
  report.jobs[0].variants = {"v3-iree"};
  report.jobs[0].size = 1 << 20;
  report.jobs[0].covered_nodes = 3;
  report.jobs[0].total_nodes = 4;
  report.jobs[0].duration = std::chrono::milliseconds(1500);
  report.jobs[1].reason = "covers 1 of 4 nodes";
  report.jobs[1].hint = "lower --min-coverage";
  report.unserved_targets = {"phone"};
  report.lost_targets = {"v3", "phone"};
  report.package_id = "abcd";
  report.package_size = 3 << 20;
  report.original_size = 2 << 20;
  report.duration = std::chrono::seconds(2);
  render_build(screen.console, request, report);
  CHECK(screen.out.str() ==
        "target  component  backend  status           size   time  coverage\n"
        "v3      encoder    iree     built         1.0 MiB  1.5 s  3 of 4 nodes (75 %)\n"
        "v3      decoder    iree     low-coverage\n"
        "  covers 1 of 4 nodes\n"
        "  hint: lower --min-coverage\n"
        "phone              -        unserved\n"
        "  no backend that is installed and was asked for compiles for this target\n"
        "  hint: onnx-pack backends lists what is here, onnx-pack doctor how to get the others\n"
        "\n"
        "m.onnxpkg: 3.0 MiB, 1 variant and the original (2.0 MiB; the package is 1.50 times that), "
        "in 2.0 s\n"
        "id abcd\n"
        "next: onnx-pack verify m.onnxpkg\n");
  CHECK(screen.err.str() ==
        "warning: lost targets: v3, phone (exit code 6; --allow-missing TARGET accepts that)\n");
}

TEST_CASE("every document says what it is, and its exit code where it has one") {
  json::Value build = build_document({}, "m.onnxpkg", ExitCode::partial);
  CHECK(*build.find("document") == json::Value("build"));
  CHECK(*build.find("version") == json::Value(1));
  CHECK(*build.find("exit_code") == json::Value(6));
  CHECK(*build.find("package") == json::Value(nullptr));  // nothing was written
  CHECK(*verify_document({}).find("document") == json::Value("verify"));
  CHECK(*select_document({}, {}, "").find("output") == json::Value(nullptr));
  CHECK(*extract_document({}, "").find("document") == json::Value("extract"));
  CHECK(*backends_document({}).find("document") == json::Value("backends"));
  CHECK(*targets_document({}).find("document") == json::Value("targets"));
}

TEST_CASE("a backend's missing needs share their line and the step that brings them") {
  Screen screen;
  package::BackendInfo backend;
  backend.name = "iree";
  backend.description = "IREE";
  backend.problem = "no compiler";
  backend.hint = "pip install iree";
  backend.needs = {{"compiler", false, "", "pip install iree"},
                   {"runtime", false, "", "pip install iree"},
                   {"driver", false, "", "apt install mesa"},
                   {"python", true, "/usr/bin/python3", ""}};
  render_backends(screen.console, {backend});
  CHECK(screen.out.str() ==
        "backend  state       what it is\n"
        "iree     not usable  IREE\n"
        "  no compiler\n"
        "  hint: pip install iree\n"
        "  missing: compiler, runtime\n"
        "  missing: driver\n"
        "  hint: apt install mesa\n");
}

TEST_CASE("a backend that only runs what was compiled elsewhere is told from one that is ready") {
  Screen screen;
  package::BackendInfo backend;
  backend.name = "iree";
  backend.description = "IREE";
  backend.usable = true;
  backend.problem = "no compiler";
  render_backends(screen.console, {backend});
  CHECK(screen.out.str() ==
        "backend  state      what it is\n"
        "iree     runs only  IREE\n"
        "  no compiler\n");
}

TEST_CASE("shapes as people write them") {
  using Dimension = manifest::Dimension;
  CHECK(shape_text(std::vector<std::int64_t>{1, 3}) == "[1, 3]");
  CHECK(shape_text(std::vector<std::int64_t>{}) == "[]");
  CHECK(shape_text(std::optional(std::vector<Dimension>{
            {2, ""}, {std::nullopt, "n"}, {std::nullopt, ""}})) == "[2, n, ?]");
  CHECK(shape_text(std::optional<std::vector<Dimension>>()) == "");
}

}  // namespace
}  // namespace onnxpack::cli
