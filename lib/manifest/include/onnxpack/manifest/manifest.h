// manifest.json: everything a package IS. Immutable: a slim package carries the same bytes, so
// package id = SHA-256 of them stays. Field meanings and history: docs/format.md,
// schemas/manifest.schema.json. Names that mean what ONNX Runtime's Model Package means (ep,
// device, compatibility_string, executor_info, component_name) are its names.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "onnxpack/base/error.h"
#include "onnxpack/json/value.h"
#include "onnxpack/target/requirement.h"

namespace onnxpack::manifest {

// Fields of an unknown minor version are kept here, verbatim, and written back. Within a known
// minor version an unknown field is an error.
using Unknown = json::Object;

struct FormatVersion {
  int major = 1;
  int minor = 0;
  auto operator<=>(const FormatVersion&) const = default;
};
inline constexpr FormatVersion current_version{1, 0};

// One file of the package. Digests are lower-case hex SHA-256.
struct Member {
  std::string name;
  std::uint64_t size = 0;
  std::string sha256;
  // For members of two chunks and more: the member holding the 4 MiB chunk digests (32 bytes each,
  // in order) and its own digest.
  std::string chunk_digests;
  Unknown unknown = {};
  bool operator==(const Member&) const = default;
};

// A graph input or output. A dimension is a number (>= 0), a symbolic name, or unknown (both
// empty).
struct Dimension {
  std::optional<std::int64_t> value;
  std::string name;
  bool operator==(const Dimension&) const = default;
};
struct ValueInfo {
  std::string name;
  std::string type;  // "tensor(float)", "sequence(tensor(int64))", ... as ONNX spells them
  std::optional<std::vector<Dimension>> shape;  // absent: rank unknown
  std::string layout = {};                      // "NCHW", "NHWC": where a backend fixed it
  Unknown unknown = {};
  bool operator==(const ValueInfo&) const = default;
};

struct Scope {
  std::string name;    // unique within the component; "model" is the whole graph
  std::string digest;  // "scope-digest/1:<hex>"
  std::uint64_t node_count = 0;
  std::vector<std::string> inputs;  // boundary values, graph order
  std::vector<std::string> outputs;
  std::vector<std::string> node_outputs;  // first output of each node, to find the scope when
                                          // metadata is gone; empty for the whole graph
  Unknown unknown = {};
  bool operator==(const Scope&) const = default;
};

// The original model file as a transformation of the packaged, annotated one.
struct Original {
  std::string file_name;       // as given to build: "ch_PP-OCRv4_det_infer.onnx"
  std::string transformation;  // "strip-annotations/1"
  std::uint64_t size = 0;
  std::string sha256;
  Unknown unknown = {};
  bool operator==(const Original&) const = default;
};

struct ExternalData {
  std::string member;    // "components/model/weights.bin"
  std::string location;  // as the model names it: "weights.bin"
  Unknown unknown = {};
  bool operator==(const ExternalData&) const = default;
};

struct Component {
  std::string name;   // "model" unless the caller named it
  std::string model;  // member: "components/<name>/model.onnx"
  Original original;
  std::vector<ExternalData> external_data;
  std::int64_t ir_version = 0;
  std::map<std::string, std::int64_t> opset_imports;  // domain ("" is ai.onnx) -> version
  std::string producer;
  std::vector<ValueInfo> inputs;
  std::vector<ValueInfo> outputs;
  std::vector<Scope> scopes;
  Unknown unknown = {};
  bool operator==(const Component&) const = default;
};

struct Attachment {
  std::string member;  // "attachments/<name>"
  Unknown unknown = {};
  bool operator==(const Attachment&) const = default;
};

struct Blob {
  std::string member;  // "variants/<variant>/<name>"
  std::string role;  // "model", "weights", "context", "ir", ... ; the first blob of a partition is
                     // the entry point
  Unknown unknown = {};
  bool operator==(const Blob&) const = default;
};

struct Partition {
  std::string scope;
  std::vector<Blob> blobs;
  std::vector<ValueInfo>
      inputs;  // element type, shape and layout per port where the backend fixed them
  std::vector<ValueInfo> outputs;
  Unknown unknown = {};  // replacement node lists and passed constants come with partial scopes
  bool operator==(const Partition&) const = default;
};

// One step from one model to another, by a named and versioned transformation of onnx-pack's.
struct AppliedTransformation {
  std::string name;              // "lower-flex-attention/1"
  json::Object parameters = {};  // all of them, defaults too
  Unknown unknown = {};
  bool operator==(const AppliedTransformation&) const = default;
};

// For people: "lower-flex-attention/1, form operators".
std::string to_text(const AppliedTransformation& step);

// What a variant was compiled from when that was not the component's own model: a quantised export
// for an NPU, say, or what transformations made of it. It is not in the package.
struct SourceModel {
  std::string file_name;  // of a derived one: of the model that it was derived from
  std::uint64_t size = 0;
  std::string sha256;
  std::map<std::string, std::string> external_data;  // location -> SHA-256
  std::string derived_from = {};  // SHA-256 of the model that the first transformation was given
  std::vector<AppliedTransformation> transformations = {};  // in the order of their application
  Unknown unknown = {};
  bool operator==(const SourceModel&) const = default;
};

struct Provenance {
  std::map<std::string, std::string> tools;  // name -> version
  std::string backend_digest;                // SHA-256 of the backend program
  json::Object options;                      // as passed
  std::string build_key;                     // the cache key
  std::string license;                       // vendor licence of the blob, where it has one
  bool deterministic = false;                // as the backend declared
  std::optional<SourceModel> source = {};    // of a target with a source model of its own
  Unknown unknown = {};
  bool operator==(const Provenance&) const = default;
};

struct Coverage {
  std::uint64_t covered_nodes = 0;
  std::uint64_t total_nodes = 0;
  Unknown unknown = {};
  bool operator==(const Coverage&) const = default;
};

struct Variant {
  std::string name;  // unique label, "<target>-<backend>" unless the backend made several
  std::string component;
  std::string backend;
  std::string ep;      // "CPUExecutionProvider", "QNNExecutionProvider", "onnxpack.iree", ...
  std::string device;  // "cpu", "gpu", "npu"
  std::string target;  // as asked: profile name
  json::Object target_facts;  // the facts of that target at build time
  std::vector<target::Requirement> requirements;
  std::string compatibility_string;
  std::string compatibility_hash;  // SHA-256 of the string; empty when there is none
  std::string precision;           // declared: "fp32", "fp16", "bf16", "int8", ...
  std::map<std::string, std::vector<std::int64_t>>
      fixed_shapes;  // input -> shape this variant was compiled for; empty: all shapes of the graph
  json::Object executor_info;  // per runtime namespace, e.g. {"ort": {"model_file": ...,
                               // "session_options": {...}}}
  std::vector<Partition> partitions;
  std::vector<std::string> references;  // members outside the variant that its blobs read: weights
                                        // left in components/model/model.onnx
  Coverage coverage;
  Provenance provenance;
  Unknown unknown = {};
  bool operator==(const Variant&) const = default;
};

struct PackageInfo {
  std::string name;
  std::string version;
  std::string description;
  std::vector<std::string> licenses;
  Unknown unknown = {};
  bool operator==(const PackageInfo&) const = default;
};

struct Manifest {
  FormatVersion version = current_version;
  PackageInfo package;
  std::vector<Component> components;    // in name order
  std::vector<Attachment> attachments;  // in member order
  std::vector<Variant> variants;        // in name order
  std::vector<Member>
      members;  // in file order: everything but manifest.json and layout.json themselves
  Unknown unknown = {};

  const Component* find_component(std::string_view name) const;
  const Variant* find_variant(std::string_view name) const;
  const Member* find_member(std::string_view name) const;  // cost: linear
  bool operator==(const Manifest&) const = default;
};

// Canonical bytes: components, attachments and variants come out in name order whatever their order
// here.
std::string emit(const Manifest& manifest);
// What must hold between the fields, as listed at parse(). Called by it; a builder calls it before
// emit(). Errors: corrupt.
Status validate(const Manifest& manifest);
// Errors: corrupt with the field's path (also for dangling references: a partition naming no scope,
// a blob naming no member, two variants of one name, member names that are unsafe); unsupported for
// another major version.
Result<Manifest> parse(std::string_view text);

// One variant as it stands in a manifest, for documents that describe one alone. Errors: corrupt
// with the field's path; what must hold between it and a package is validate()'s business.
Result<Variant> variant_from_json(const json::Value& value);
json::Value variant_to_json(const Variant& variant);

// layout.json: what THIS file holds and how. extents: as ranges of `sources` and of the residual in
// the member extents/<name>, see onnxpack/extents/extent_map.h.
enum class Storage { stored, extents, absent };
struct LayoutMember {
  std::string name;
  Storage storage = Storage::stored;
  // Only of members that the immutable manifest cannot know: below evidence/ and signatures/, which
  // speak of the finished package, and below extents/, which say how this one file holds another.
  std::optional<std::uint64_t> size = {};
  std::string sha256 = {};
  // Only with Storage::extents: stored members, in the order that the map numbers them from 1.
  std::vector<std::string> sources = {};
  Unknown unknown = {};
  bool operator==(const LayoutMember&) const = default;
};
struct Layout {
  FormatVersion version = current_version;
  std::vector<LayoutMember> members;  // in file order; every manifest member appears, and what
                                      // stands under extents/, evidence/ and signatures/
  Unknown unknown = {};
  const LayoutMember* find(std::string_view name) const;  // cost: linear
  bool operator==(const Layout&) const = default;
};
std::string emit(const Layout& layout);
Result<Layout> parse_layout(std::string_view text);
inline constexpr std::string_view extents_folder = "extents/";

// Layout and manifest speak of the same members; what the layout lists beyond is an annex with size
// and digest, or the extent map of a member. Maps have sources that are stored, maps of other
// members included, but never members that are held as extents themselves: one step, no cycles.
// Errors: corrupt.
Status check_layout(const Layout& layout, const Manifest& manifest);

}  // namespace onnxpack::manifest
