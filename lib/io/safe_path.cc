#include "onnxpack/io/safe_path.h"

#include <algorithm>
#include <array>
#include <cstdint>

#include <fmt/format.h>

#include "onnxpack/base/text.h"

namespace onnxpack::io {
namespace {

constexpr std::size_t max_name = 4096;
constexpr std::size_t max_component = 255;

bool is_device_name(std::string_view component) {
  // Windows reserves these with any extension: "nul.txt" is NUL as well.
  constexpr std::array<std::string_view, 4> plain = {"con", "prn", "aux", "nul"};
  std::string stem = to_lower_ascii(component.substr(0, component.find('.')));
  if (std::ranges::find(plain, stem) != plain.end()) return true;
  return stem.size() == 4 && (stem.starts_with("com") || stem.starts_with("lpt")) && stem[3] >= '1' && stem[3] <= '9';
}

// The reason why a component is refused, or nothing.
std::string_view component_fault(std::string_view component) {
  if (component.empty()) return "has an empty component";
  if (component == ".") return "has a '.' component";
  if (component == "..") return "has a '..' component";
  if (component.size() > max_component) return "has a component of more than 255 bytes";
  if (component.back() == '.' || component.back() == ' ') return "has a component that ends in a dot or a space";
  if (is_device_name(component)) return "has a component that Windows reserves for a device";
  return {};
}

std::string_view name_fault(std::string_view name) {
  if (name.empty()) return "is empty";
  if (name.size() > max_name) return "is longer than 4096 bytes";
  if (!is_valid_utf8(name)) return "is not valid UTF-8";
  if (name[0] == '/') return "is absolute";
  if (name.find('\\') != std::string_view::npos) return "has a backslash";
  if (name.find(':') != std::string_view::npos) return "has a colon (a drive letter or a stream on Windows)";
  auto is_control = [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; };
  if (std::ranges::any_of(name, is_control)) return "has a control character";
  for (std::string_view component : split(name, '/')) {
    if (auto fault = component_fault(component); !fault.empty()) return fault;
  }
  return {};
}

std::uint32_t fold_code_point(std::uint32_t c) {
  if (c >= 'A' && c <= 'Z') return c + 32;
  if (c >= 0xC0 && c <= 0xDE && c != 0xD7) return c + 32;        // Latin-1
  if (c >= 0x100 && c <= 0x137 && c != 0x130) return c | 1;      // Latin Extended-A, even upper case
  if (c >= 0x139 && c <= 0x148) return c + (c & 1);              // ... and its odd part
  if (c >= 0x14A && c <= 0x177) return c | 1;
  if (c >= 0x391 && c <= 0x3A9 && c != 0x3A2) return c + 32;     // Greek
  if (c >= 0x410 && c <= 0x42F) return c + 32;                   // Cyrillic
  if (c >= 0x400 && c <= 0x40F) return c + 80;
  return c;
}

}  // namespace

Status check_relative_name(std::string_view name) {
  if (auto fault = name_fault(name); !fault.empty()) {
    return fail(ErrorKind::corrupt, fmt::format("unsafe name '{}': it {}", printable(name), fault));
  }
  return {};
}

Result<std::filesystem::path> join_beneath(const std::filesystem::path& root, std::string_view name) {
  ONNXPACK_CHECK(check_relative_name(name));
  return root / std::filesystem::path(name);
}

std::string fold_case(std::string_view name) {
  std::string out;
  out.reserve(name.size());
  for (std::size_t i = 0; i < name.size();) {
    auto lead = static_cast<unsigned char>(name[i]);
    // Only two-byte sequences hold the scripts folded here; everything else is copied.
    if (lead >= 0xC2 && lead <= 0xDF && i + 1 < name.size()) {
      std::uint32_t c = ((lead & 0x1FU) << 6) | (static_cast<unsigned char>(name[i + 1]) & 0x3FU);
      c = fold_code_point(c);
      out += static_cast<char>(0xC0 | (c >> 6));
      out += static_cast<char>(0x80 | (c & 0x3F));
      i += 2;
    } else {
      out += lead < 0x80 ? static_cast<char>(fold_code_point(lead)) : name[i];
      ++i;
    }
  }
  return out;
}

}  // namespace onnxpack::io
