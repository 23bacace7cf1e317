// The bytes of constant tensors, streamed: for digests and for whoever looks for weights inside
// blobs.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "onnxpack/base/bytes.h"
#include "onnxpack/base/cancel.h"
#include "onnxpack/base/error.h"
#include "onnxpack/model/model_file.h"

namespace onnxpack::model {

// XXH3-128 in canonical (big-endian) order. Finds edits; it is no proof against an adversary.
struct ContentHash {
  std::array<std::uint8_t, 16> bytes{};
  bool operator==(const ContentHash&) const = default;
  auto operator<=>(const ContentHash&) const = default;
  std::string hex() const;
};

// Hands the tensor's bytes to `use` in pieces, as raw_data would hold them (little endian, sub-byte
// elements packed), whatever field or file they stand in. Strings come as 8 bytes of length, little
// endian, and the text, each. Memory: one piece. Errors: corrupt (too few or too many values for
// type and shape), as reading.
Status read_constant(const ModelFile& model, const Constant& constant,
                     const std::function<Status(ByteView)>& use);

// Hashes of what read_constant() gives, for every constant, in the order of model.constants().
// Equal tensors hash equal in whatever form they are stored. Runs on `threads` threads (at least
// one); the result does not depend on it. Errors also: cancelled.
Result<std::vector<ContentHash>> hash_constants(const ModelFile& model, unsigned threads = 1,
                                                const CancelFlag* cancel = nullptr);

}  // namespace onnxpack::model
