// Models for tests, from onnx's text syntax, in a file system in memory.
#pragma once

#include <onnx/defs/parser.h>
#include <onnx/onnx_pb.h>

#include <catch2/catch_test_macros.hpp>
#include <memory>
#include <random>
#include <string>
#include <string_view>

#include "onnxpack/base/bytes.h"
#include "onnxpack/io/memory_file_system.h"
#include "onnxpack/model/model_file.h"

namespace onnxpack::model::test {

inline onnx::ModelProto parse_text(const std::string& text) {
  onnx::ModelProto model;
  const auto status = onnx::OnnxParser::Parse(model, text.c_str());
  INFO(status.ErrorMessage());
  REQUIRE(status.IsOK());
  return model;
}

inline Bytes to_file(const onnx::ModelProto& model) {
  return to_bytes(model.SerializeAsString());
}

// Opens `bytes` as /m/model.onnx of `disk`.
inline Result<ModelFile> open_bytes(io::MemoryFileSystem& disk, ByteView bytes,
                                    OpenOptions options = {}) {
  disk.put("/m/model.onnx", bytes);
  return ModelFile::open(disk, "/m/model.onnx", options);
}

inline ModelFile opened(io::MemoryFileSystem& disk, ByteView bytes, OpenOptions options = {}) {
  auto model = open_bytes(disk, bytes, options);
  INFO((model ? std::string("opened") : model.error().message()));
  REQUIRE(model);
  return *model;
}

inline Bytes content(const io::ReadableFile& file) {
  auto bytes = file.read(0, file.size());
  REQUIRE(bytes);
  return *bytes;
}

// A dense layer, an If whose branches capture a value and hold constants, a Constant node and a
// local function.
inline const std::string& rich_text() {
  static const std::string text = R"(
<ir_version: 8, opset_import: ["" : 17, "local" : 1], producer_name: "tests">
rich (float[N, 4] x, bool c, int64[2] ids) => (float[N, 4] y, float[2, 4] e)
<float[4] w = {1.0, 2.0, 3.0, 4.0}, float[3, 4] table = {0,1,2,3,4,5,6,7,8,9,10,11}>
{
  h = Mul (x, w)
  two = Constant <value = float {2.0}> ()
  g = If (c) <
    then_branch = then_graph () => (float[N, 4] t) <float[1] k = {5.0}> { t = Add (h, k) },
    else_branch = else_graph () => (float[N, 4] f) { f = Sub (h, two) }
  >
  d = local.Double (g)
  y = Sub (d, h)
  e = Gather (table, ids)
}
<domain: "local", opset_import: ["" : 17]>
Double (a) => (b) { s = Constant <value = float {2.0}> () b = Mul (a, s) }
)";
  return text;
}

}  // namespace onnxpack::model::test
