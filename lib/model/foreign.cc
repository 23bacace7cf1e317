// What a file is that is not ONNX: people pass packages, text exports, LFS pointers and other
// frameworks' files.
#include <algorithm>
#include <array>

#include "onnxpack/base/text.h"
#include "onnxpack/model/model_file.h"

namespace onnxpack::model {
namespace {

using namespace std::string_view_literals;

struct Magic {
  std::size_t offset;
  std::string_view bytes;
  std::string_view description;
  std::string_view hint;
};
constexpr std::string_view export_hint = "export it to ONNX first";
constexpr std::array<Magic, 16> magics = {{
    {0, "PK\x03\x04"sv, "a zip archive",
     "a .onnxpkg is given to inspect, select, extract or verify; of another archive, unpack the "
     ".onnx"},
    {0, "PK\x05\x06"sv, "an empty zip archive", ""},
    {0, "\x1F\x8B"sv, "a gzip file", "decompress it first"},
    {0, "\x28\xB5\x2F\xFD"sv, "a zstd file", "decompress it first"},
    {0, "version https://git-lfs"sv, "a Git LFS pointer, not the model itself",
     "run `git lfs pull`"},
    {0, "\x89HDF\r\n"sv, "an HDF5 file (Keras, perhaps)", export_hint},
    {0, "GGUF"sv, "a GGUF file", export_hint},
    {0, "\x93NUMPY"sv, "a NumPy array", ""},
    {0,
     "\x7F"
     "ELF"sv,
     "an ELF program or library", ""},
    {0, "\x89PNG"sv, "a PNG image", ""},
    {0, "\xFF\xD8\xFF"sv, "a JPEG image", ""},
    {0, "%PDF"sv, "a PDF document", ""},
    {0, "\x80\x02"sv, "a Python pickle (PyTorch, perhaps)", export_hint},
    {4, "TFL3"sv, "a TensorFlow Lite model", "convert it with tf2onnx first"},
    {4, "ORTM"sv, "an ORT format model", "give the .onnx that it was made from"},
    {8, "{\""sv, "a safetensors file", "give the .onnx that goes with it"},
}};

bool is_text(std::string_view head) {
  const bool plain = std::ranges::all_of(head, [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte >= 0x20 || byte == '\n' || byte == '\r' || byte == '\t';
  });
  if (!plain) return false;
  // The head may end within a character.
  for (std::size_t cut = 0; cut < 4 && cut < head.size(); ++cut) {
    if (is_valid_utf8(head.substr(0, head.size() - cut))) return true;
  }
  return false;
}

std::optional<ForeignKind> recognise_text(std::string_view head) {
  auto text = head;
  if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
  text = trim(text);
  if (text.empty() || !is_text(text)) return std::nullopt;
  const auto lower = to_lower_ascii(text.substr(0, std::min<std::size_t>(text.size(), 256)));
  const std::string textual_hint =
      "convert it to binary ONNX: onnx.save(onnx.load(FILE), \"model.onnx\")";
  if (lower.starts_with("<!doctype html") || lower.starts_with("<html")) {
    return ForeignKind{"an HTML page", "the download gave a web page, not the model"};
  }
  if (lower.starts_with("<?xml") || lower.starts_with("<net")) {
    return ForeignKind{"an XML file (OpenVINO IR, perhaps)",
                       "give the .onnx that it was made from"};
  }
  if (text.starts_with("<") && lower.find("ir_version") != std::string::npos) {
    return ForeignKind{"ONNX in its text form (.onnxtxt)", textual_hint};
  }
  if (lower.starts_with("ir_version") || lower.starts_with("producer_name") ||
      lower.starts_with("graph {")) {
    return ForeignKind{"ONNX as protobuf text (.textproto)", textual_hint};
  }
  if (text.starts_with("{") || text.starts_with("[")) {
    const bool onnx = lower.find("irversion") != std::string::npos ||
                      lower.find("\"graph\"") != std::string::npos;
    if (onnx) return ForeignKind{"ONNX as JSON", textual_hint};
    return ForeignKind{"a JSON file", ""};
  }
  return ForeignKind{"a text file", ""};
}

}  // namespace

std::optional<ForeignKind> recognise_foreign(ByteView head) {
  const auto text = as_text(head);
  for (const auto& magic : magics) {
    if (text.size() >= magic.offset && text.substr(magic.offset).starts_with(magic.bytes)) {
      return ForeignKind{std::string(magic.description), std::string(magic.hint)};
    }
  }
  return recognise_text(text);
}

}  // namespace onnxpack::model
