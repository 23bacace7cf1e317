// Small ONNX models written field by field, and a folder that goes away after the test.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "onnxpack/base/bytes.h"
#include "onnxpack/base/cancel.h"
#include "onnxpack/io/file.h"
#include "onnxpack/package/environment.h"

namespace onnxpack::package::testing {

struct ModelSpec {
  std::int64_t ir_version = 8;
  std::uint64_t elements = 16;    // of the weight: y = x + w, float
  std::string external_location = {};  // empty: weights inline
  std::uint64_t external_offset = 0;
  std::string op_type = "Add";
  std::string domain = {};
  float scale = 1.0F;  // w[i] = scale * i
};

// The .onnx bytes, and for external weights the data file's bytes.
Bytes model_bytes(const ModelSpec& spec);
Bytes weight_bytes(const ModelSpec& spec);
// Writes the model (and its data file beside it).
void write_model(const std::filesystem::path& path, const ModelSpec& spec = {});

class Folder {
 public:
  Folder();
  std::filesystem::path operator/(const std::string& name) const {
    return directory_.path() / name;
  }
  const std::filesystem::path& path() const { return directory_.path(); }

 private:
  io::TemporaryDirectory directory_;
};

Bytes read_file(const std::filesystem::path& path);
void write_file(const std::filesystem::path& path, ByteView bytes);

// A quiet environment without backends, cancelled by nobody.
Environment quiet_environment();

}  // namespace onnxpack::package::testing
