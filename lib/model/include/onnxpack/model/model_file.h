// A standard ONNX model as the packager sees it: the graph's facts and where the weights lie, never
// the weights themselves.
//
// Reads the protobuf wire format of onnx.proto (onnx 1.23, IR versions 1 to 14) in one buffered
// pass. Opening costs time and memory with the number of nodes, not with the size of the weights;
// external data files are looked at (name, size), not read.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "onnxpack/base/error.h"
#include "onnxpack/io/file.h"
#include "onnxpack/model/data_type.h"

namespace onnxpack::model {

inline constexpr std::int64_t newest_ir_version = 14;  // what onnx 1.23 knows
// Every metadata key that onnx-pack writes into a model begins so; see docs/scope-metadata.md.
inline constexpr std::string_view metadata_prefix = "org.onnxpack.";

struct FileRange {
  std::uint64_t offset = 0;
  std::uint64_t size = 0;
  std::uint64_t end() const { return offset + size; }
  bool operator==(const FileRange&) const = default;
};

struct MetadataEntry {
  std::string key;
  std::string value;
  bool operator==(const MetadataEntry&) const = default;
};

// One dimension: a size, a name, or neither. Negative sizes, which some exporters write, count as
// neither.
struct Dimension {
  std::optional<std::int64_t> size;
  std::string name;
  bool operator==(const Dimension&) const = default;
};
using Shape = std::vector<Dimension>;
// "[1, 3, H, ?]"; "?" for a dimension without size and name.
std::string to_string(const Shape& shape);

struct ValueInfo {
  std::string name;
  std::string type;  // "tensor(float)", "seq(tensor(int64))", "map(string,tensor(float))", ...;
                     // empty if absent
  DataType element_type = DataType::undefined;  // tensors and sparse tensors only
  std::optional<Shape> shape;  // tensors and sparse tensors only; nothing when the rank is unknown
  bool operator==(const ValueInfo&) const = default;
};

struct Node {
  std::string name;  // often empty
  std::string op_type;
  std::string domain;  // as written: "" and "ai.onnx" are the same
  std::string overload;
  std::vector<std::string> inputs;
  std::vector<std::string> outputs;
  std::vector<MetadataEntry> metadata;
};

struct OpsetImport {
  std::string domain;
  std::int64_t version = 0;
  bool operator==(const OpsetImport&) const = default;
};

enum class ConstantSource : std::uint8_t {
  initializer,
  sparse_initializer_values,
  sparse_initializer_indices,
  attribute,  // of a Constant node, or any other tensor attribute
  sparse_attribute_values,
  sparse_attribute_indices,
};
std::string_view to_string(ConstantSource source);

// Raw little-endian bytes in the .onnx itself: raw_data, or a packed float_data or double_data,
// which look the same.
struct InlineData {
  FileRange range;
};
// As resolved: `file` indexes ModelFile::external_files().
struct ExternalData {
  std::size_t file = 0;
  FileRange range;
};
// Values in int32_data, int64_data, uint64_data, string_data, or in unpacked or split fields: the
// bytes of the tensor do not stand in the file as such. `message` is the TensorProto;
// read_constant() converts.
struct TypedData {
  FileRange message;
};
// No data at all: right for tensors without elements only.
struct NoData {};

struct Constant {
  std::string name;   // of the initializer; empty for attributes without one
  std::string where;  // "graph", "node 3 (If) then_branch", "function my:F", for messages
  ConstantSource source = ConstantSource::initializer;
  DataType type = DataType::undefined;
  std::vector<std::int64_t> dims;
  std::uint64_t size = 0;  // as raw little-endian bytes; for strings, of the TensorProto
  FileRange message;       // the TensorProto
  std::variant<NoData, InlineData, ExternalData, TypedData> data;
  // The index of the top-level node that holds it, itself or in a body; nothing for initializers of
  // the graph and for functions.
  std::optional<std::size_t> node;
};

// One distinct external data file.
struct ExternalFile {
  std::string location;  // as the model spells it, a leading "./" removed: relative, '/' between
                         // parts, beneath the model's folder
  io::fs::path path;
  std::uint64_t size = 0;  // 0 when absent
  bool present = true;
};

struct LocalFunction {
  std::string domain;
  std::string name;
  std::string overload;
  std::size_t node_count = 0;
};

// required: a missing or short external file is an error of open(). described: it is listed as not
// present, for commands that only show the graph; a location that leaves the folder is an error all
// the same.
enum class ExternalFiles : std::uint8_t { required, described };
// as_is: the file as it lies there. original: of a model that onnx-pack annotated, what was there
// before (strip-annotations/1).
enum class OpenAs : std::uint8_t { as_is, original };

struct OpenOptions {
  ExternalFiles external = ExternalFiles::required;
  OpenAs as = OpenAs::as_is;
};

// Immutable, cheap to copy, thread safe.
class ModelFile {
 public:
  // Errors, all naming the path:
  //   corrupt           not ONNX (says what it looks like), truncated, wire format broken, no
  //   graph, no ir_version, external data
  //                     without location or shorter than its tensor needs, external data file too
  //                     short (tensor, sizes)
  //   unsupported       ir_version above newest_ir_version, textual ONNX
  //   not_found         no such file; an external data file is missing
  //   untrusted         external data by an absolute path, one with '..', or through a symbolic
  //   link io                as io::FileSystem
  static Result<ModelFile> open(io::FileSystem& file_system, const io::fs::path& path,
                                OpenOptions options = {});
  // The same of a file that is not on the disk as such (a member of a package, a splice); external
  // data is looked for in `folder`.
  static Result<ModelFile> open(io::FileSystem& file_system,
                                std::shared_ptr<const io::ReadableFile> file,
                                const io::fs::path& folder, OpenOptions options = {});

  const io::fs::path& path() const;
  // The bytes that every range and offset here refers to. With OpenAs::original of an annotated
  // model, a view without annotation.
  const io::ReadableFile& file() const;
  std::shared_ptr<const io::ReadableFile> shared_file() const;
  // Where external data is opened; outlives this.
  io::FileSystem& file_system() const;

  std::int64_t ir_version() const;
  const std::vector<OpsetImport>& opset_imports() const;
  const std::string& producer_name() const;
  const std::string& producer_version() const;
  const std::string& domain() const;
  std::int64_t model_version() const;
  const std::string& graph_name() const;

  // What a caller must feed: graph inputs that no initializer gives a value.
  const std::vector<ValueInfo>& inputs() const;
  // Graph inputs that an initializer gives a default (all weights, up to IR 3).
  const std::vector<ValueInfo>& defaulted_inputs() const;
  const std::vector<ValueInfo>& outputs() const;

  // Nodes of the top-level graph, in file order. Bodies of If, Loop, Scan and of functions are
  // counted, not listed.
  const std::vector<Node>& nodes() const;
  std::size_t nested_node_count() const;
  const std::vector<LocalFunction>& functions() const;

  // All tensors with values: initializers, attributes, sparse ones, those in bodies and functions;
  // in file order.
  const std::vector<Constant>& constants() const;
  std::uint64_t constant_bytes() const;
  const std::vector<ExternalFile>& external_files() const;
  // Model metadata without onnx-pack's own entries, and those alone.
  const std::vector<MetadataEntry>& metadata() const;
  const std::vector<MetadataEntry>& own_metadata() const;

  // Whether the bytes of file() hold onnx-pack's annotation.
  bool is_annotated() const;
  // Whether OpenAs::original took an annotation away.
  bool was_annotated() const;

  // An external file for reading. Errors: as FileSystem::open. Requires: index <
  // external_files().size().
  Result<std::unique_ptr<io::ReadableFile>> open_external(std::size_t index) const;

  struct Facts;

 private:
  explicit ModelFile(std::shared_ptr<const Facts> facts) : facts_(std::move(facts)) {}
  std::shared_ptr<const Facts> facts_;
};

// What foreign bytes look like, by their beginning: "a zip archive", "a Git LFS pointer", ...;
// nothing when they look like nothing known.
struct ForeignKind {
  std::string description;
  std::string hint;
};
std::optional<ForeignKind> recognise_foreign(ByteView head);

}  // namespace onnxpack::model
