// `compile`: one component for one target into blobs below output_dir. `plan`: the same question
// without the work.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "onnxpack/protocol/common.h"
#include "onnxpack/target/requirement.h"
#include "onnxpack/target/target.h"

namespace onnxpack::protocol {

struct CompileRequest {
  ProtocolVersion protocol = current_version;
  ComponentInput component;
  target::Target target;
  std::vector<ScopeInput> scopes;
  json::Object options;  // this backend's own, checked by the backend
  std::map<std::string, std::int64_t> free_dimensions;  // symbolic dimension -> value
  Shapes input_shapes;
  std::uint64_t threads = 0;  // 0: the backend decides. Must not change the blobs
  std::string output_dir;     // exists and is empty; blobs go here
  std::string scratch_dir;    // exists and is empty; removed afterwards
  // Blobs are stored as variants/<variant_name><suffix>/<path>: for executor_info and references
  // between blobs.
  std::string variant_name;
  // The component's files will not be in the package (a source model of this target alone), so no
  // blob may refer to them. Written only when true.
  bool self_contained = false;
  bool operator==(const CompileRequest&) const = default;
};
json::Value to_json(const CompileRequest& request);
Result<CompileRequest> compile_request_from_json(const json::Cursor& cursor);

struct BlobAnswer {
  std::string path;  // relative to output_dir
  std::string role;  // "model", "weights", "context", "ir", ...; the first blob of a partition is
                     // the entry point
  // Optional claims. The host hashes every file itself; a claim that does not match is a protocol
  // error.
  std::optional<std::uint64_t> size;
  std::string sha256;
  bool operator==(const BlobAnswer&) const = default;
};

struct PartitionAnswer {
  std::string scope = "model";
  std::vector<BlobAnswer> blobs;
  std::vector<Port> inputs;  // where the blob fixes type, shape or layout
  std::vector<Port> outputs;
  bool operator==(const PartitionAnswer&) const = default;
};

struct CoverageAnswer {
  std::uint64_t covered_nodes = 0;
  std::uint64_t total_nodes = 0;
  bool operator==(const CoverageAnswer&) const = default;
};

struct VariantAnswer {
  std::string suffix;  // "" unless the backend makes several variants of one request; then unique,
                       // [a-z0-9-]*
  std::string ep;      // "CPUExecutionProvider", "onnxpack.iree", ...
  std::string device;  // "cpu", "gpu", "npu"
  std::string compatibility_string;
  std::string precision;  // declared: "fp32", "fp16", ...
  std::vector<target::Requirement>
      requirements;  // what the blob needs of the device, the runtime included
  Shapes fixed_shapes;
  json::Object executor_info;  // by runtime namespace
  std::vector<PartitionAnswer> partitions;
  std::vector<std::string> references;  // files of the work folder that its blobs read at run time:
                                        // weights left in "components/model/model.onnx"
  CoverageAnswer coverage;
  Versions tools;
  std::string license;  // the vendor's, where the blob has one
  bool operator==(const VariantAnswer&) const = default;
};

struct CompileResponse {
  Answer answer;
  std::vector<VariantAnswer> variants;  // at least one when ok
  std::vector<std::string> notes;       // for the report
  bool operator==(const CompileResponse&) const = default;
};
json::Value to_json(const CompileResponse& response);
// Errors also: corrupt for ok without variants, a variant without partitions, a partition without
// blobs, two variants of one suffix, coverage above the total. Paths are checked by the host
// against the files (backend/outputs.h).
Result<CompileResponse> compile_response_from_json(const json::Cursor& cursor);

// The same fields as a compile request, without folders.
struct PlanRequest {
  ProtocolVersion protocol = current_version;
  ComponentInput component;
  target::Target target;
  std::vector<ScopeInput> scopes;
  json::Object options;
  std::map<std::string, std::int64_t> free_dimensions;
  Shapes input_shapes;
  std::string scratch_dir;
  bool operator==(const PlanRequest&) const = default;
};
json::Value to_json(const PlanRequest& request);
Result<PlanRequest> plan_request_from_json(const json::Cursor& cursor);

struct PlannedPartition {
  std::string scope;  // one that was asked for, or a new name for a partition of the backend's own
  std::vector<std::string> node_outputs;  // first output of each node; empty: the whole asked scope
  bool operator==(const PlannedPartition&) const = default;
};
struct Refusal {
  std::string what;  // operator or node: "Loop", "/decoder/Loop_3 (Loop)"
  std::string why;
  bool operator==(const Refusal&) const = default;
};
struct PlanResponse {
  Answer answer;
  std::vector<PlannedPartition> partitions;
  CoverageAnswer coverage;
  std::vector<Refusal> refusals;
  std::optional<std::uint64_t> memory_bytes;  // estimated peak of the compile
  std::optional<double> seconds;              // estimated time of the compile
  bool operator==(const PlanResponse&) const = default;
};
json::Value to_json(const PlanResponse& response);
Result<PlanResponse> plan_response_from_json(const json::Cursor& cursor);

}  // namespace onnxpack::protocol
