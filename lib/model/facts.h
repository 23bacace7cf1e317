// What one walk over a model finds; ModelFile shows it.
#pragma once

#include <memory>
#include <string>
#include <unordered_set>
#include <vector>

#include "onnxpack/model/model_file.h"

namespace onnxpack::model {

struct ModelFile::Facts {
  std::shared_ptr<const io::ReadableFile> file;
  io::FileSystem* file_system = nullptr;
  io::fs::path path;

  std::int64_t ir_version = 0;
  std::vector<OpsetImport> opset_imports;
  std::string producer_name;
  std::string producer_version;
  std::string domain;
  std::int64_t model_version = 0;
  std::string graph_name;
  bool has_graph = false;

  std::vector<ValueInfo> inputs;
  std::vector<ValueInfo> defaulted_inputs;
  std::vector<ValueInfo> outputs;
  std::vector<Node> nodes;
  std::size_t nested_node_count = 0;
  std::vector<LocalFunction> functions;
  std::vector<Constant> constants;
  std::vector<ExternalFile> external_files;
  std::vector<MetadataEntry> metadata;
  std::vector<MetadataEntry> own_metadata;
  bool is_annotated = false;
  bool was_annotated = false;
};

// A tensor's external data as the model spells it.
struct ExternalEntry {
  std::string location;
  std::uint64_t offset = 0;
  std::optional<std::uint64_t> length;
};
// external data of constants[index], still to be resolved.
struct PendingExternal {
  std::size_t constant;
  ExternalEntry entry;
};

struct Walked {
  ModelFile::Facts facts;
  std::vector<PendingExternal> external;
};
// One pass over the wire format. Errors: corrupt, unsupported, io; without the path.
Result<Walked> walk_model(const io::ReadableFile& file);

// Looks the external files up and fills facts.external_files and the constants' data. Errors: as
// ModelFile::open.
Status resolve_external(Walked& walked, const io::fs::path& folder, ExternalFiles mode);

inline bool is_own_key(std::string_view key) {
  return key.starts_with(metadata_prefix);
}

}  // namespace onnxpack::model
