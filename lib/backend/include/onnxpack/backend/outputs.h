// The files a backend says it wrote, believed only after a look: no absolute or ".." paths, no
// links, nothing outside the output folder, not empty, sizes and digests as claimed where it
// claimed any. Digests are the host's own.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "onnxpack/base/cancel.h"
#include "onnxpack/base/error.h"
#include "onnxpack/protocol/compile.h"

namespace onnxpack::backend {

struct OutputFile {
  std::string path;            // relative to the output folder, as the answer names it
  std::filesystem::path file;  // where it is now
  std::uint64_t size = 0;
  std::string sha256;
};

// Every blob once, in order of first mention. Call it after the backend and all its children are
// gone, so that nobody still writes. Errors: corrupt, with the answer's field
// ("variants[0].partitions[0].blobs[1]: ../x: ..."); cancelled; io.
Result<std::vector<OutputFile>> check_outputs(const protocol::CompileResponse& response,
                                              const std::filesystem::path& output_folder,
                                              const CancelFlag* cancel = nullptr);

// The answer fits the question: scopes that were asked for, each at most once in a variant;
// references that exist below the work folder. Errors: corrupt.
Status check_answer(const protocol::CompileResponse& response,
                    const protocol::CompileRequest& request,
                    const std::filesystem::path& work_folder);

}  // namespace onnxpack::backend
