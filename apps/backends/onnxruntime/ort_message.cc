#include "ort_message.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "onnxpack/base/text.h"

namespace onnxpack::ort_backend {
namespace {

constexpr auto none = std::string_view::npos;

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

// Where "file.cc:12 signature(...) " ends when it starts at `begin`: behind the first closing
// parenthesis at depth zero that is followed by a space or the end ("(anonymous namespace)::f" goes
// on), and a trailing const.
std::size_t end_of_signature(std::string_view text, std::size_t begin) {
  int depth = 0;
  for (std::size_t i = begin; i < text.size(); ++i) {
    if (text[i] == '(') ++depth;
    if (text[i] != ')' || --depth > 0) continue;
    if (i + 1 == text.size() || text[i + 1] == ' ') {
      std::size_t end = i + 1;
      if (text.substr(end).starts_with(" const ")) end += 6;
      return end;
    }
  }
  return none;
}

// Removes every "/path/file.cc:12 signature(...)".
std::string without_sources(std::string text) {
  for (const std::string_view extension : {".cc:", ".h:"}) {
    for (std::size_t at = text.find(extension); at != none; at = text.find(extension)) {
      const std::size_t line = at + extension.size();
      if (line >= text.size() || !is_digit(text[line])) break;
      // The path begins at its first slash; what stands before it ("failed:") stays.
      const std::size_t word = text.rfind(' ', at);
      const std::size_t begin = text.find('/', word == none ? 0 : word);
      const std::size_t end = end_of_signature(text, line);
      if (begin == none || begin > at || end == none) break;
      text.replace(begin, end - begin, text[begin == 0 ? 0 : begin - 1] == ':' ? "" : " ");
    }
  }
  return text;
}

std::optional<std::string> number_after(std::string_view text, std::string_view words) {
  const std::size_t at = text.find(words);
  if (at == none) return std::nullopt;
  std::string digits;
  for (std::size_t i = at + words.size(); i < text.size() && is_digit(text[i]); ++i)
    digits.push_back(text[i]);
  if (digits.empty()) return std::nullopt;
  return digits;
}

}  // namespace

std::string tidy_message(std::string_view text) {
  std::string line(text);
  std::ranges::replace(line, '\n', ' ');
  std::ranges::replace(line, '\r', ' ');
  line = without_sources(std::move(line));
  std::string_view trimmed = trim(line);
  while (trimmed.ends_with('.')) trimmed.remove_suffix(1);
  return printable(trimmed);
}

Error explain_version(Error error, std::string_view runtime_version) {
  const std::string& text = error.message();
  const auto has_ir = number_after(text, "Unsupported model IR version: ");
  const auto loads_ir = number_after(text, "max supported IR version: ");
  if (has_ir && loads_ir) {
    return Error(ErrorKind::unsupported,
                 fmt::format("onnxruntime {} loads IR up to {}, the model has {}", runtime_version,
                             *loads_ir, *has_ir))
        .with_hint("use a newer ONNX Runtime, or save the model with an older ir_version");
  }
  const auto has_opset = number_after(text, "Opset ");
  const std::size_t domain_at = text.find("support for domain ");
  const std::size_t till_at = text.find(" is till opset ");
  if (has_opset && domain_at != none && till_at != none && domain_at < till_at) {
    const std::size_t domain_begin = domain_at + std::string_view("support for domain ").size();
    const auto loads = number_after(text, " is till opset ");
    if (loads) {
      return Error(ErrorKind::unsupported,
                   fmt::format("onnxruntime {} loads opset up to {} of domain {}, the model has {}",
                               runtime_version, *loads,
                               text.substr(domain_begin, till_at - domain_begin), *has_opset))
          .with_hint(
              "use a newer ONNX Runtime, or convert the model with onnx's version converter");
    }
  }
  return error;
}

}  // namespace onnxpack::ort_backend
