// How the reader words a refusal: damage and forgery on one side, zips of another make on the
// other.
#pragma once

#include <string>
#include <string_view>
#include <utility>

#include "onnxpack/base/error.h"
#include "onnxpack/base/text.h"

namespace onnxpack::archive {

inline std::unexpected<Error> corrupt(std::string message) {
  return fail(ErrorKind::corrupt, std::move(message));
}

// Legal zip, but not the canonical form: most often somebody unzipped a package and zipped it
// again.
inline std::unexpected<Error> foreign(std::string message) {
  return fail(ErrorKind::unsupported, std::move(message),
              "other zip tools write another form of zip; use the file as onnx-pack wrote it");
}

template <typename T>
Result<T> in_member(std::string_view name, Result<T>&& result) {
  if (!result) return std::unexpected<Error>(std::move(result.error()).in(printable(name)));
  return std::move(result);
}

}  // namespace onnxpack::archive
