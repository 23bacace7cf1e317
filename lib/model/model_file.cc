#include "onnxpack/model/model_file.h"

#include <fmt/format.h>

#include <algorithm>

#include "facts.h"
#include "onnxpack/base/text.h"
#include "onnxpack/model/annotate.h"

namespace onnxpack::model {
namespace {

std::string shown(const io::fs::path& path) {
  return printable(path.string());
}

std::unexpected<Error> foreign_error(const ForeignKind& kind) {
  const bool textual = kind.description.starts_with("ONNX ");
  return fail(textual ? ErrorKind::unsupported : ErrorKind::corrupt,
              fmt::format("not a binary ONNX model: it looks like {}", kind.description),
              kind.hint);
}

Result<Walked> walk_or_recognise(const io::ReadableFile& file) {
  if (file.size() == 0) return fail(ErrorKind::corrupt, "not an ONNX model: the file is empty");
  ONNXPACK_TRY(Bytes head, file.read(0, std::min<std::uint64_t>(file.size(), 1024)));
  auto walked = walk_model(file);
  const bool good = walked && walked->facts.has_graph && walked->facts.ir_version > 0;
  if (!good) {
    if (auto kind = recognise_foreign(head)) return foreign_error(*kind);
  }
  return walked;
}

Status check_versions(const ModelFile::Facts& facts) {
  if (!facts.has_graph) {
    return fail(ErrorKind::corrupt,
                "no graph in it: not an ONNX model, perhaps another protobuf file");
  }
  if (facts.ir_version <= 0) {
    return fail(ErrorKind::corrupt,
                fmt::format("ir_version is {}, expected 1 to {}",
                            facts.ir_version == 0 ? "absent" : std::to_string(facts.ir_version),
                            newest_ir_version));
  }
  if (facts.ir_version > newest_ir_version) {
    return fail(ErrorKind::unsupported,
                fmt::format("ir_version is {}, the newest known is {} (onnx 1.23)",
                            facts.ir_version, newest_ir_version),
                "save the model with an older onnx, or use a newer onnx-pack");
  }
  return {};
}

}  // namespace

Result<ModelFile> ModelFile::open(io::FileSystem& file_system, const io::fs::path& path,
                                  OpenOptions options) {
  ONNXPACK_TRY(std::unique_ptr<io::ReadableFile> file, file_system.open(path));
  return open(file_system, std::shared_ptr<const io::ReadableFile>(std::move(file)),
              path.parent_path(), options);
}

Result<ModelFile> ModelFile::open(io::FileSystem& file_system,
                                  std::shared_ptr<const io::ReadableFile> file,
                                  const io::fs::path& folder, OpenOptions options) {
  const auto context = shown(file->path());
  ONNXPACK_TRY(Walked walked, in(walk_or_recognise(*file), context));
  bool stripped = false;
  if (options.as == OpenAs::original && walked.facts.is_annotated) {
    ONNXPACK_TRY(Splice splice, in(strip(*file), context));
    file = splice_view(std::move(file), std::move(splice));
    ONNXPACK_TRY(walked, in(walk_model(*file), context));
    stripped = true;
  }
  walked.facts.file = file;
  walked.facts.path = file->path();
  walked.facts.file_system = &file_system;
  walked.facts.was_annotated = stripped;
  ONNXPACK_CHECK(in(check_versions(walked.facts), context));
  ONNXPACK_CHECK(in(resolve_external(walked, folder, options.external), context));
  return ModelFile(std::make_shared<const Facts>(std::move(walked.facts)));
}

const io::fs::path& ModelFile::path() const {
  return facts_->path;
}
const io::ReadableFile& ModelFile::file() const {
  return *facts_->file;
}
std::shared_ptr<const io::ReadableFile> ModelFile::shared_file() const {
  return facts_->file;
}
std::int64_t ModelFile::ir_version() const {
  return facts_->ir_version;
}
const std::vector<OpsetImport>& ModelFile::opset_imports() const {
  return facts_->opset_imports;
}
const std::string& ModelFile::producer_name() const {
  return facts_->producer_name;
}
const std::string& ModelFile::producer_version() const {
  return facts_->producer_version;
}
const std::string& ModelFile::domain() const {
  return facts_->domain;
}
std::int64_t ModelFile::model_version() const {
  return facts_->model_version;
}
const std::string& ModelFile::graph_name() const {
  return facts_->graph_name;
}
const std::vector<ValueInfo>& ModelFile::inputs() const {
  return facts_->inputs;
}
const std::vector<ValueInfo>& ModelFile::defaulted_inputs() const {
  return facts_->defaulted_inputs;
}
const std::vector<ValueInfo>& ModelFile::outputs() const {
  return facts_->outputs;
}
const std::vector<Node>& ModelFile::nodes() const {
  return facts_->nodes;
}
std::size_t ModelFile::nested_node_count() const {
  return facts_->nested_node_count;
}
const std::vector<LocalFunction>& ModelFile::functions() const {
  return facts_->functions;
}
const std::vector<Constant>& ModelFile::constants() const {
  return facts_->constants;
}
const std::vector<ExternalFile>& ModelFile::external_files() const {
  return facts_->external_files;
}
const std::vector<MetadataEntry>& ModelFile::metadata() const {
  return facts_->metadata;
}
const std::vector<MetadataEntry>& ModelFile::own_metadata() const {
  return facts_->own_metadata;
}
bool ModelFile::is_annotated() const {
  return facts_->is_annotated;
}
bool ModelFile::was_annotated() const {
  return facts_->was_annotated;
}

std::uint64_t ModelFile::constant_bytes() const {
  std::uint64_t sum = 0;
  for (const auto& constant : constants()) sum += constant.size;
  return sum;
}

Result<std::unique_ptr<io::ReadableFile>> ModelFile::open_external(std::size_t index) const {
  return facts_->file_system->open(facts_->external_files[index].path);
}

io::FileSystem& ModelFile::file_system() const {
  return *facts_->file_system;
}

std::string_view to_string(ConstantSource source) {
  switch (source) {
    case ConstantSource::initializer:
      return "initializer";
    case ConstantSource::sparse_initializer_values:
      return "sparse initializer values";
    case ConstantSource::sparse_initializer_indices:
      return "sparse initializer indices";
    case ConstantSource::attribute:
      return "attribute";
    case ConstantSource::sparse_attribute_values:
      return "sparse attribute values";
    case ConstantSource::sparse_attribute_indices:
      return "sparse attribute indices";
  }
  return "unknown";
}

std::string to_string(const Shape& shape) {
  std::string out = "[";
  for (const auto& dimension : shape) {
    if (out.size() > 1) out += ", ";
    if (dimension.size) {
      out += std::to_string(*dimension.size);
    } else {
      out += dimension.name.empty() ? "?" : dimension.name;
    }
  }
  return out + "]";
}

}  // namespace onnxpack::model
