// One compile from question to checked files, through the cache when there is one.
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "onnxpack/backend/cache.h"
#include "onnxpack/backend/discovery.h"
#include "onnxpack/backend/outputs.h"
#include "onnxpack/backend/supervisor.h"
#include "onnxpack/protocol/compile.h"

namespace onnxpack::backend {

struct CompileCall {
  const Backend* backend = nullptr;
  protocol::CompileRequest request;  // output_dir and scratch_dir are filled in here
  // Holds components/ as the request names it; backends only read it. It becomes visible in the
  // work folder as a link, so that a large model is laid out once for many compiles. Empty:
  // work_folder holds components/ already.
  std::filesystem::path components_root;
  std::filesystem::path work_folder;  // exists, this compile's own; the outputs stay there
  std::filesystem::path log_file;
  Limits limits;
  const CancelFlag* cancel = nullptr;
  std::function<void(const protocol::Event&)> on_event;
  std::map<std::string, std::string> environment = backend_environment();
  // For the cache key: every file of the component as the user gave it -> SHA-256.
  std::map<std::string, std::string> content;
  Cache* cache = nullptr;
};

struct Compiled {
  Outcome outcome;
  bool from_cache = false;
  std::string key;                     // the cache key, also without a cache
  protocol::CompileResponse response;  // typed; when the outcome is ok, refused, no_gain or error
  std::vector<OutputFile> files;       // when ok
};

// What compile() looks the call up by.
KeyParts key_parts(const CompileCall& call);

// Blocks. Thread safe. Errors: io of the host's own; everything that the backend does is in the
// outcome.
Result<Compiled> compile(const CompileCall& call);

}  // namespace onnxpack::backend
