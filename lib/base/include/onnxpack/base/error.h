// Errors are values. A small closed set of kinds tells the caller what he can do; the text gains context on
// the way up, innermost last, so that a message reads "package.onnxpkg: variants/a/model.onnx: crc ...".
#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <utility>

namespace onnxpack {

// Chosen by what the caller can do about it; each maps to one exit code in cli/exit_code.h.
enum class ErrorKind : std::uint8_t {
  invalid_argument,  // the request itself is wrong: change the command line or the input file's text
  not_found,         // a named thing does not exist: check the name
  already_exists,    // would overwrite: choose another name or ask for it (--force)
  corrupt,           // bytes are damaged or break the format: fetch the file again
  unsupported,       // well-formed, but this version cannot do it: use another version or feature
  incompatible,      // nothing in the package suits the target: build for it, or allow the fallback
  untrusted,         // a digest or a signature does not match: do not use the bytes
  unavailable,       // a tool, runtime or device is missing or did not answer: install it or try again
  io,                // the operating system refused: free space, fix permissions, try again
  cancelled,         // the user or a deadline stopped it
  partial,           // finished, but not all that was asked (a lost target): see the report
  internal,          // a bug here: report it
};

std::string_view to_string(ErrorKind kind);

class [[nodiscard]] Error {
 public:
  Error(ErrorKind kind, std::string message) : kind_(kind), message_(std::move(message)) {}

  ErrorKind kind() const { return kind_; }
  // The whole text, outermost context first.
  const std::string& message() const { return message_; }
  // What the reader should try next; empty when the message says it all. Kept apart so that a terminal can show it on its own line.
  const std::string& hint() const { return hint_; }

  // Puts "context: " in front. Called by whoever knows it: file, member, field.
  Error&& in(std::string_view context) &&;
  Error in(std::string_view context) const&;
  Error&& with_hint(std::string hint) &&;

 private:
  ErrorKind kind_;
  std::string message_;
  std::string hint_;
};

template <typename T>
using Result = std::expected<T, Error>;
using Status = std::expected<void, Error>;

// Shorthand for `return fail(ErrorKind::corrupt, "...")`.
[[nodiscard]] inline std::unexpected<Error> fail(ErrorKind kind, std::string message) {
  return std::unexpected<Error>(Error(kind, std::move(message)));
}
[[nodiscard]] inline std::unexpected<Error> fail(ErrorKind kind, std::string message, std::string hint) {
  return std::unexpected<Error>(Error(kind, std::move(message)).with_hint(std::move(hint)));
}

// Adds context to a failed result and passes a good one through: `return in(read(...), path);`
template <typename T>
[[nodiscard]] Result<T> in(Result<T>&& result, std::string_view context) {
  if (!result) return std::unexpected<Error>(std::move(result.error()).in(context));
  return std::move(result);
}

}  // namespace onnxpack

// libstdc++ 12 has std::expected without and_then, so early return is spelt with two macros. `var` may declare: TRY(auto x, f()).
#define ONNXPACK_CONCAT_INNER(a, b) a##b
#define ONNXPACK_CONCAT(a, b) ONNXPACK_CONCAT_INNER(a, b)
#define ONNXPACK_TRY_IMPL(tmp, var, ...)                                    \
  auto tmp = (__VA_ARGS__);                                                 \
  if (!tmp) return std::unexpected<::onnxpack::Error>(std::move(tmp.error())); \
  var = std::move(*tmp)
#define ONNXPACK_TRY(var, ...) ONNXPACK_TRY_IMPL(ONNXPACK_CONCAT(onnxpack_try_, __COUNTER__), var, __VA_ARGS__)
#define ONNXPACK_CHECK_IMPL(tmp, ...) \
  if (auto tmp = (__VA_ARGS__); !tmp) return std::unexpected<::onnxpack::Error>(std::move(tmp.error()))
#define ONNXPACK_CHECK(...)                                                                \
  do {                                                                                     \
    ONNXPACK_CHECK_IMPL(ONNXPACK_CONCAT(onnxpack_check_, __COUNTER__), __VA_ARGS__);       \
  } while (false)
