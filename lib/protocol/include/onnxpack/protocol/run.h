// `run`: execute a variant, or the original graph, on this machine. `probe`: what this machine
// offers.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "onnxpack/protocol/compile.h"
#include "onnxpack/target/compatibility.h"

namespace onnxpack::protocol {

// A tensor as a file of raw little-endian elements, dense, row-major (4-bit and 2-bit types packed
// as in ONNX raw_data).
struct TensorFile {
  std::string name;  // graph input or output
  std::string type;  // "tensor(float)"
  std::vector<std::int64_t> shape;
  std::string path;
  bool operator==(const TensorFile&) const = default;
};
json::Value to_json(const TensorFile& tensor);
Result<TensorFile> tensor_file_from_json(const json::Cursor& cursor);

struct RunPartition {
  std::string scope;
  std::vector<BlobAnswer> blobs;  // paths relative to `root`: "variants/<name>/<path>"
  bool operator==(const RunPartition&) const = default;
};

struct RunVariant {
  std::string name;
  std::string ep;
  std::string device;
  std::string compatibility_string;
  std::string precision;
  Shapes fixed_shapes;
  json::Object executor_info;
  std::vector<RunPartition> partitions;
  bool operator==(const RunVariant&) const = default;
};

struct RunRequest {
  ProtocolVersion protocol = current_version;
  // A folder laid out like the package (components/, variants/), the blobs of the variant present.
  // Relative to the work folder, or "."
  std::string root;
  std::string component_name;
  std::string model;                  // relative to root: "components/model/model.onnx"
  std::optional<RunVariant> variant;  // absent: run the original graph (wire: "original": true)
  std::vector<TensorFile> inputs;     // paths relative to the work folder
  std::string output_dir;             // exists and is empty
  std::string scratch_dir;
  json::Object options;
  std::uint64_t warmup = 0;
  std::uint64_t runs = 1;  // timed runs; the outputs are those of the last
  std::uint64_t threads = 0;
  bool operator==(const RunRequest&) const = default;
};
json::Value to_json(const RunRequest& request);
Result<RunRequest> run_request_from_json(const json::Cursor& cursor);

struct Timings {
  double session_ms = 0;
  double first_run_ms = 0;
  double median_ms = 0;
  double p10_ms = 0;
  double p90_ms = 0;
  std::uint64_t runs = 0;
  bool operator==(const Timings&) const = default;
};

struct RunResponse {
  Answer answer;  // refused: this machine or backend cannot run it (NOT RUN); error: it should have
                  // run
  std::vector<TensorFile> outputs;  // graph output order; paths relative to output_dir
  std::optional<Timings> timings;
  std::string runtime;  // "onnxruntime 1.31.1"
  std::vector<std::string> notes;
  bool operator==(const RunResponse&) const = default;
};
json::Value to_json(const RunResponse& response);
Result<RunResponse> run_response_from_json(const json::Cursor& cursor);

// What the runtime that is on this machine says to a variant's compatibility text.
struct CompatibilityQuestion {
  std::string ep;
  std::string compatibility_string;
  bool operator==(const CompatibilityQuestion&) const = default;
};
json::Value to_json(const CompatibilityQuestion& question);

struct RuntimeVerdict {
  target::Verdict verdict = target::Verdict::not_applicable;
  std::string by;  // who said it: "onnxruntime 1.31.1"; empty: nobody here could be asked
  std::string why;
  bool operator==(const RuntimeVerdict&) const = default;
};
json::Value to_json(const RuntimeVerdict& verdict);

struct ProbeRequest {
  ProtocolVersion protocol = current_version;
  std::vector<CompatibilityQuestion> compatibility = {};  // beyond the facts; usually none
  bool operator==(const ProbeRequest&) const = default;
};
json::Value to_json(const ProbeRequest& request);
Result<ProbeRequest> probe_request_from_json(const json::Cursor& cursor);

struct ProbeResponse {
  Answer answer;
  target::Facts facts;             // merged into `--target host`
  std::vector<std::string> lines;  // for doctor, one per device or runtime
  // One for each question, in order; none from a backend that does not know the question.
  std::vector<RuntimeVerdict> verdicts = {};
  bool operator==(const ProbeResponse&) const = default;
};
json::Value to_json(const ProbeResponse& response);
Result<ProbeResponse> probe_response_from_json(const json::Cursor& cursor);

}  // namespace onnxpack::protocol
