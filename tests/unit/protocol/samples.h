// One complete sample of each message: every field filled.
#pragma once

#include "onnxpack/protocol/compile.h"
#include "onnxpack/protocol/describe.h"
#include "onnxpack/protocol/run.h"

namespace onnxpack::protocol::test {

inline target::Target some_target() {
  target::Target out;
  out.name = "x86-64-v3";
  out.facts = {
      {"os.name", {"linux"}}, {"x86_64.level", {"v1", "v2", "v3"}}, {"nvidia.sm_arch", {}}};
  out.backend_options["iree"] = json::object({{"flags", json::Array{"-O3"}}});
  return out;
}

inline CompileRequest full_compile_request() {
  CompileRequest out;
  out.component = {
      .name = "model", .model = "components/model/model.onnx", .original_sha256 = "ab"};
  out.target = some_target();
  out.scopes = {{.name = "model",
                 .node_count = 3,
                 .inputs = {"x"},
                 .outputs = {"y"},
                 .node_outputs = {"a", "b"}}};
  out.options["level"] = 3;
  out.free_dimensions["batch"] = 1;
  out.input_shapes["x"] = {1, 3, 48, 192};
  out.threads = 2;
  out.output_dir = "out";
  out.scratch_dir = "scratch";
  out.variant_name = "x86-64-v3-iree";
  out.self_contained = true;
  return out;
}

inline VariantAnswer full_variant() {
  VariantAnswer out;
  out.suffix = "-fp16";
  out.ep = "onnxpack.iree";
  out.device = "cpu";
  out.compatibility_string = "onnx-pack/1;a=b";
  out.precision = "fp32";
  out.requirements = {{"x86_64.level", target::Test::any_of, {"v3"}}};
  out.fixed_shapes["x"] = {1, 0};
  out.executor_info["iree"] = json::object({{"module", "m.vmfb"}});
  out.partitions = {{.scope = "model",
                     .blobs = {{.path = "m.vmfb", .role = "model", .size = 12, .sha256 = ""}},
                     .inputs = {{.name = "x",
                                 .type = "tensor(float)",
                                 .shape = {{{1, ""}, {std::nullopt, "n"}, {}}},
                                 .layout = "NHWC"}},
                     .outputs = {{.name = "y", .type = "", .shape = std::nullopt, .layout = ""}}}};
  out.references = {"components/model/model.onnx"};
  out.coverage = {.covered_nodes = 2, .total_nodes = 3};
  out.tools = {{"iree", "3.13"}};
  out.license = "Apache-2.0";
  return out;
}

inline RunRequest full_run_request() {
  RunRequest out;
  out.root = ".";
  out.component_name = "model";
  out.model = "components/model/model.onnx";
  out.variant = RunVariant{
      .name = "v",
      .ep = "onnxpack.iree",
      .device = "cpu",
      .compatibility_string = "c",
      .precision = "fp32",
      .fixed_shapes = {{"x", {1}}},
      .executor_info = {},
      .partitions = {
          {.scope = "model",
           .blobs = {
               {.path = "variants/v/m", .role = "model", .size = std::nullopt, .sha256 = ""}}}}};
  out.inputs = {{.name = "x", .type = "tensor(float)", .shape = {}, .path = "in/x.bin"}};
  out.output_dir = "out";
  out.scratch_dir = "scratch";
  out.options["a"] = true;
  out.warmup = 1;
  out.runs = 5;
  out.threads = 1;
  return out;
}

inline DescribeResponse full_describe_response() {
  DescribeResponse out;
  out.name = "iree";
  out.description = "IREE compiler";
  out.verbs = {Verb::describe, Verb::compile};
  out.versions = {{"iree", "3.13"}};
  out.ep = "onnxpack.iree";
  out.serves = {{.family = "CPUs",
                 .names = {"x86*"},
                 .requirements = {{"os.name", target::Test::any_of, {"linux"}}},
                 .absent = {"qualcomm.soc"},
                 .wants_backend_options = true,
                 .domains = {"org.onnxpack"}}};
  out.options = {
      {.name = "level", .description = "how hard", .schema = json::object({{"type", "integer"}})}};
  out.needs = {{.name = "iree-compile", .found = false, .where = "/opt/iree", .how = "install it"}};
  out.deterministic = true;
  out.available = false;
  out.compiles = false;
  out.reason = "iree-compile was not found";
  out.hint = "install it";
  return out;
}

inline PlanRequest full_plan_request() {
  CompileRequest same = full_compile_request();
  PlanRequest out;
  out.component = same.component;
  out.target = same.target;
  out.scopes = same.scopes;
  out.options = same.options;
  out.free_dimensions = same.free_dimensions;
  out.input_shapes = same.input_shapes;
  out.scratch_dir = same.scratch_dir;
  return out;
}

inline PlanResponse full_plan_response() {
  return PlanResponse{.answer = {},
                      .partitions = {{.scope = "model", .node_outputs = {"y"}}},
                      .coverage = {1, 2},
                      .refusals = {{.what = "Loop", .why = "control flow"}},
                      .memory_bytes = 5,
                      .seconds = 1.5};
}

inline RunResponse full_run_response() {
  return RunResponse{
      .answer = {},
      .outputs = {{.name = "y", .type = "tensor(float)", .shape = {2, 0}, .path = "y.bin"}},
      .timings = Timings{.session_ms = 1,
                         .first_run_ms = 2,
                         .median_ms = 3,
                         .p10_ms = 2.5,
                         .p90_ms = 4,
                         .runs = 7},
      .runtime = "onnxruntime 1.31.1",
      .notes = {"n"}};
}

}  // namespace onnxpack::protocol::test
