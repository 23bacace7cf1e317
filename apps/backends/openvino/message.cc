#include "message.h"

#include <algorithm>
#include <array>
#include <string>
#include <vector>

#include "onnxpack/base/text.h"

namespace onnxpack::openvino_backend {
namespace {

// Lines that say where in OpenVINO, not what.
bool is_place(std::string_view line) {
  return line.starts_with("Exception from ") || line.starts_with("FrontEnd API failed with ") ||
         line == "Loading input model" || line == "Summary:" ||
         (line.starts_with("Check '") && line.find("' failed at ") != std::string_view::npos &&
          line.ends_with(':'));
}

// One line without marks of lists and tags, in words of its subject.
std::string clean(std::string_view line) {
  for (const std::string_view mark : {"-- ", "[GENERAL_ERROR] "}) {
    if (line.starts_with(mark)) line.remove_prefix(mark.size());
  }
  while (line.ends_with('.') || line.ends_with(':')) line.remove_suffix(1);
  constexpr std::string_view external =
      "Invalid usage of method for externally stored data in file ";
  if (line.starts_with(external)) {
    return "external data is missing or too short: " + std::string(line.substr(external.size()));
  }
  return std::string(line);
}

}  // namespace

std::string tidy_message(std::string_view text) {
  std::vector<std::string> kept;
  for (const std::string_view raw : split(text, '\n')) {
    const std::string_view line = trim(raw);
    if (line.empty() || is_place(line)) continue;
    std::string text_of_line = clean(line);
    if (std::ranges::find(kept, text_of_line) == kept.end())
      kept.push_back(std::move(text_of_line));
  }
  if (kept.empty()) return printable(trim(text));
  return printable(join(kept, "; "));
}

Error to_error(std::string_view text) {
  constexpr std::array<std::string_view, 4> signs = {
      "No conversion rule found for operations", "ot supported", "nsupported", "ot implemented"};
  const bool unsupported = std::ranges::any_of(
      signs, [&](std::string_view sign) { return text.find(sign) != std::string_view::npos; });
  return Error(unsupported ? ErrorKind::unsupported : ErrorKind::internal, tidy_message(text));
}

}  // namespace onnxpack::openvino_backend
