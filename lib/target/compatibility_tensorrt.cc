// TensorRT's text: the first 64 bytes of the engine in hexadecimal (onnxruntime pull request
// 26774). TensorRT itself judges them with getEngineValidity; NVIDIA has published only where the
// version stands (TensorRT issue 3073): bytes 24 to 27 are major, minor, patch and build. So off
// the device this rule can say that an engine is newer than the runtime, which never loads, or that
// the text is damaged; whether an engine suits the GPU stays not-applicable and is for the runtime
// to say.
#include <fmt/format.h>

#include "compatibility_rules.h"
#include "onnxpack/base/text.h"
#include "version.h"

namespace onnxpack::target {
namespace {

constexpr std::size_t header_size = 64;
constexpr std::size_t version_at = 24;

}  // namespace

std::optional<CompatibilityAnswer> validate_tensorrt(std::string_view ep, std::string_view text,
                                                     const Target& target) {
  bool rtx = ep == "NvTensorRTRTXExecutionProvider" || ep == "NvTensorRtRtx";
  if (!rtx && ep != "TensorrtExecutionProvider") return std::nullopt;
  std::string validator = rtx ? "tensorrt-rtx/header" : "tensorrt/header";
  auto header = from_hex(text);
  if (!header || header->size() != header_size) {
    return CompatibilityAnswer{
        Verdict::unsupported,
        fmt::format("damaged compatibility text: expected {} bytes in hexadecimal, found {}",
                    header_size, header ? fmt::format("{} bytes", header->size()) : "other text"),
        validator};
  }
  // The published place is TensorRT's own; TensorRT-RTX numbers its releases anew and has published
  // none.
  std::string_view runtime = "runtime.tensorrt";
  auto stated = rtx ? std::nullopt : single_fact(target, runtime);
  auto has = stated ? Version::parse(*stated) : fail(ErrorKind::not_found, "not stated");
  auto byte = [&](std::size_t i) { return std::to_integer<unsigned>((*header)[version_at + i]); };
  std::string made = fmt::format("{}.{}.{}", byte(0), byte(1), byte(2));
  if (has && *Version::parse(made) > *has) {
    return CompatibilityAnswer{Verdict::unsupported,
                               fmt::format("made with TensorRT {}, target has {}", made, *stated),
                               validator};
  }
  return CompatibilityAnswer{
      Verdict::not_applicable,
      "whether an engine suits a GPU is not published; only TensorRT on the device can say",
      validator};
}

}  // namespace onnxpack::target
