// A content that is put together from segments, as a file that is read at random.
#pragma once

#include <memory>
#include <vector>

#include "onnxpack/io/segment.h"

namespace onnxpack::io {

// Borrows what the segments borrow; `keep` holds on to their owners as long as the file lives.
// Thread safe as far as the segments' files are. read_at costs a binary search and one read for
// each segment that it touches. The file has no descriptor. `path` is what errors name.
std::unique_ptr<ReadableFile> segment_file(std::vector<Segment> segments, fs::path path,
                                           std::vector<std::shared_ptr<const void>> keep = {});

}  // namespace onnxpack::io
