// From the graph that ONNX Runtime saved to the one that goes into the package: its weights point
// into what the package holds anyway.
#pragma once

#include <filesystem>
#include <map>
#include <set>
#include <string>

#include "onnxpack/io/file.h"
#include "source_index.h"

namespace onnxpack::ort_backend {

struct RewriteRequest {
  ByteView model;                // ModelProto as saved
  std::filesystem::path folder;  // where its own external data files lie
  std::string weights_location;  // member name of the file for what is found nowhere else
};

struct Rewritten {
  Bytes model;
  std::uint64_t shared_bytes = 0;    // now ranges of the component's files
  std::uint64_t own_bytes = 0;       // written to `weights`
  std::set<std::string> references;  // members that the shared bytes stand in
};

// Initializers of SourceIndex::least_bytes and more become external data, here and in subgraphs;
// everything else is copied through byte for byte. Locations are relative to the package's root.
// `weights` is created at the first tensor that needs it and left unpublished; null stays null when
// all is shared. Errors: corrupt, io.
Result<Rewritten> rewrite_initializers(const RewriteRequest& request, const SourceIndex& sources,
                                       io::FileSystem& file_system,
                                       const std::filesystem::path& weights_path,
                                       std::unique_ptr<io::WritableFile>& weights);

}  // namespace onnxpack::ort_backend
