#include "onnxpack/base/error.h"

#include <fmt/format.h>

namespace onnxpack {

std::string_view to_string(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::invalid_argument: return "invalid-argument";
    case ErrorKind::not_found: return "not-found";
    case ErrorKind::already_exists: return "already-exists";
    case ErrorKind::corrupt: return "corrupt";
    case ErrorKind::unsupported: return "unsupported";
    case ErrorKind::incompatible: return "incompatible";
    case ErrorKind::untrusted: return "untrusted";
    case ErrorKind::unavailable: return "unavailable";
    case ErrorKind::io: return "io";
    case ErrorKind::cancelled: return "cancelled";
    case ErrorKind::partial: return "partial";
    case ErrorKind::internal: return "internal";
  }
  return "internal";
}

Error&& Error::in(std::string_view context) && {
  message_ = fmt::format("{}: {}", context, message_);
  return std::move(*this);
}

Error Error::in(std::string_view context) const& {
  Error copy = *this;
  return std::move(copy).in(context);
}

Error&& Error::with_hint(std::string hint) && {
  hint_ = std::move(hint);
  return std::move(*this);
}

}  // namespace onnxpack
