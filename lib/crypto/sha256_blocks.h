// SHA-256's compression function over whole blocks, by the processor's instructions. Private to
// running_sha256.cc, which asks first whether there are any.
#pragma once

#include "running_sha256.h"

namespace onnxpack::crypto {

// Requires: blocks.size() is a multiple of RunningSha256::block_size.
void sha256_blocks(RunningSha256::State& state, ByteView blocks);
// Two hashes of the same blocks.
void sha256_blocks(RunningSha256::State& first, RunningSha256::State& second, ByteView blocks);

}  // namespace onnxpack::crypto
