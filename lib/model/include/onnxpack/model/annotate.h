// Annotation as a splice on the wire format: bytes are inserted into a model and lengths patched,
// nothing is re-serialised.
//
// annotate: NodeProto.metadata_props (field 9) entries at the end of each annotated node of the
// top-level graph; ModelProto.metadata_props (field 14) entries as the last bytes of the file. So
// the nodes' annotation alone decides where every weight lies, and the table at the end can change
// without moving one. Nodes in bodies of If, Loop, Scan and of functions are left alone.
//
// strip-annotations/1: removes, from the model and from the top-level graph's nodes, every metadata
// entry whose key begins with `org.onnxpack.`, and shortens the lengths around them, each to its
// minimal varint, except those that the entry `org.onnxpack.wide` lists with their width.
// docs/scope-metadata.md has the full text. strip(annotate(x)) == x for every accepted x without
// own entries; annotate proves that for its own result before it returns it, without reading
// weights.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "onnxpack/base/bytes.h"
#include "onnxpack/base/error.h"
#include "onnxpack/io/file.h"
#include "onnxpack/model/model_file.h"

namespace onnxpack::model {

inline constexpr std::string_view strip_transformation = "strip-annotations/1";

// A piece of a spliced file: a range of the file that it was made from, or bytes of its own.
using Segment = std::variant<FileRange, Bytes>;

struct Splice {
  std::vector<Segment> segments;
  std::uint64_t size = 0;
  // Appends; neighbouring ranges and neighbouring bytes are joined, empty ones dropped.
  void append_range(FileRange range);
  void append_bytes(ByteView bytes);
};

// The spliced file, readable at random. Thread safe as far as `source` is. read_at costs a binary
// search. Requires: every range lies within `source`.
std::shared_ptr<const io::ReadableFile> splice_view(std::shared_ptr<const io::ReadableFile> source,
                                                    Splice splice);

// The model that a splice of model.file() makes, its external data where that of `model` is.
// Requires: every range lies within model.file(). Errors: as ModelFile::open.
Result<ModelFile> open_spliced(const ModelFile& model, Splice splice);

// `outer` is made of ranges of a file B, `inner` says how B is made of A: the same bytes as
// `outer`, made of A. Requires: outer's ranges lie within inner.size.
Splice compose(const Splice& outer, const Splice& inner);

struct NodeAnnotation {
  std::size_t node = 0;  // index in ModelFile::nodes()
  std::vector<MetadataEntry> entries;
};

// The splice that annotates `model`'s nodes, before the table is known. Immutable, thread safe.
class AnnotatedModel {
 public:
  // Errors: invalid_argument: a key without the prefix, a node twice or out of range, a model that
  // is annotated already (open it with OpenAs::original); unsupported: the result would exceed what
  // protobuf readers take (2 GiB).
  static Result<AnnotatedModel> make(const ModelFile& model, std::span<const NodeAnnotation> nodes);

  // Where the byte at `original` of the model stands in the annotated file, whatever the table.
  // Requires: original < the model's size, and no byte of a patched length (bytes of tensors never
  // are).
  std::uint64_t annotated_offset(std::uint64_t original) const;
  // The annotated file with `table` at its end (see scope_table.h); every key begins with the
  // prefix. Segments refer to model.file(). Proves that strip() undoes it. Errors: as make;
  // internal, if the proof fails.
  Result<Splice> with_table(std::span<const MetadataEntry> table) const;

 private:
  AnnotatedModel() = default;
  std::shared_ptr<const io::ReadableFile> file_;
  Splice nodes_;
  std::string
      wide_;  // value of the entry org.onnxpack.wide; empty when every patched length was minimal
  struct Shift {
    std::uint64_t original;
    std::uint64_t annotated;
  };
  std::vector<Shift> shifts_;  // begins of kept ranges
};

// strip-annotations/1 of `annotated`, as segments of it. A model without annotation gives one
// range: itself. Weights are skipped, not read. Errors: corrupt when the bytes are no model.
Result<Splice> strip(const io::ReadableFile& annotated);

}  // namespace onnxpack::model
