#include "ternary_weights.h"

#include <cstdlib>
#include <cstring>
#include <mutex>
#include <string_view>
#include <unordered_map>

#include <fmt/format.h>

namespace onnxpack::ort_ops {
namespace {

using namespace kernels::ternary;

std::string fault_text(const Fault& fault) {
  switch (fault.kind) {
    case FaultKind::size:
      return fmt::format("the codes have {} bytes, {} expected from encoding, N and K", fault.found,
                         fault.offset);
    case FaultKind::padding:
      return fmt::format("byte {} of the codes is padding and must not be {}", fault.offset,
                         fault.found);
    case FaultKind::invalid_code:
    case FaultKind::not_ternary:
      break;
  }
  return fmt::format("byte {} of the codes is {}, which stands for no ternary weights",
                     fault.offset, fault.found);
}

Result<Layout> read_layout(const KernelInfo& info) {
  auto encoding = info.text("encoding");
  if (!encoding) return std::unexpected(encoding.error());
  const auto format = parse_encoding(*encoding);
  if (!format)
    return std::unexpected(fmt::format(
        "encoding '{}' is not known here; there are: ternary.u2/1, ternary.t5r/1, ternary.t5k/1",
        *encoding));
  auto rows = info.integer("N");
  if (!rows) return std::unexpected(rows.error());
  auto columns = info.integer("K");
  if (!columns) return std::unexpected(columns.error());
  if (*rows < 1 || *columns < 1 || static_cast<std::size_t>(*columns) > most_columns)
    return std::unexpected(fmt::format("N is {} and K is {}, expected at least 1 and K at most {}",
                                       *rows, *columns, most_columns));
  const auto layout =
      layout_of(*format, {static_cast<std::size_t>(*rows), static_cast<std::size_t>(*columns)});
  if (!layout) return std::unexpected(fmt::format("N {} by K {} is too large", *rows, *columns));
  return *layout;
}

Result<ScaleLayout> read_scale_layout(const KernelInfo& info, const Tensor& scales, Shape shape) {
  auto block = info.integer("block_size");
  if (!block) return std::unexpected(block.error());
  ScaleLayout layout;
  if (*block != 0) {
    if (*block < 16 || *block > 1024 || (*block & (*block - 1)) != 0)
      return std::unexpected(
          fmt::format("block_size is {}, expected 0 or a power of two from 16 to 1024", *block));
    layout = {Granularity::block, static_cast<std::size_t>(*block)};
  } else if (scales.type.elements() != 1 || (scales.type.shape.size() == 1 && shape.rows == 1)) {
    layout = {Granularity::row, 0};
  }
  const std::size_t expected = scale_count(layout, shape);
  if (scales.type.elements() != expected)
    return std::unexpected(
        fmt::format("there are {} scales, expected {}", scales.type.elements(), expected));
  return layout;
}

Result<std::vector<float>> widened(const Tensor& scales) {
  ScaleType type = ScaleType::float32;
  switch (scales.type.element) {
    case ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT:
      break;
    case ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT16:
      type = ScaleType::float16;
      break;
    case ONNX_TENSOR_ELEMENT_DATA_TYPE_BFLOAT16:
      type = ScaleType::bfloat16;
      break;
    default:
      return std::unexpected(std::string("scales must be float, float16 or bfloat16"));
  }
  std::vector<float> out(scales.type.elements());
  const auto* bytes = static_cast<const std::uint8_t*>(scales.data);
  for (std::size_t i = 0; i < out.size(); ++i) {
    std::uint32_t bits = 0;
    std::memcpy(&bits, bytes + i * size_of(type), size_of(type));
    out[i] = widen(type, bits);
  }
  return out;
}

std::uint64_t quick_hash(std::span<const std::uint8_t> bytes) {
  std::uint64_t hash = 0xcbf29ce484222325ULL;
  for (std::size_t i = 0; i + 8 <= bytes.size(); i += 8) {
    std::uint64_t word = 0;
    std::memcpy(&word, bytes.data() + i, 8);
    hash = (hash ^ word) * 0x9E3779B97F4A7C15ULL;
    hash ^= hash >> 29;
  }
  return hash;
}

using Made = std::shared_ptr<const std::vector<std::uint8_t>>;

// Transcoded weights of all sessions, while one of them lives. The hash only finds a candidate; it
// is compared byte by byte.
Result<Made> shared_transcode(const Layout& from, std::span<const std::uint8_t> bytes,
                              const Layout& to) {
  static std::mutex mutex;
  static std::unordered_multimap<std::uint64_t, std::weak_ptr<const std::vector<std::uint8_t>>>
      known;
  auto made = std::make_shared<std::vector<std::uint8_t>>(to.bytes);
  if (auto status = transcode(from, bytes, to, *made); !status)
    return std::unexpected(fault_text(status.error()));
  const std::uint64_t hash = quick_hash(*made);
  std::scoped_lock lock(mutex);
  const auto [begin, end] = known.equal_range(hash);
  for (auto at = begin; at != end; ++at)
    if (auto there = at->second.lock(); there && *there == *made) return there;
  std::erase_if(known, [](const auto& entry) { return entry.second.expired(); });
  known.emplace(hash, made);
  return made;
}

}  // namespace

Result<TernaryWeights> read_ternary_weights(const KernelInfo& info, std::size_t codes) {
  auto layout = read_layout(info);
  if (!layout) return std::unexpected(layout.error());
  auto bytes = info.constant(codes);
  if (!bytes) return std::unexpected(bytes.error());
  if (bytes->type.element != ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT8)
    return std::unexpected(std::string("the codes must be uint8"));
  auto scales = info.constant(codes + 1);
  if (!scales) return std::unexpected(scales.error());
  auto scale_layout = read_scale_layout(info, *scales, layout->shape);
  if (!scale_layout) return std::unexpected(scale_layout.error());
  auto values = widened(*scales);
  if (!values) return std::unexpected(values.error());
  const auto* data = static_cast<const std::uint8_t*>(bytes->data);
  if (auto status = check(*layout, {data, bytes->type.elements()}); !status)
    return std::unexpected(fault_text(status.error()));
  return TernaryWeights{*layout, data, *scale_layout, std::move(*values), nullptr};
}

Status make_ready(TernaryWeights& weights, kernels::CpuFeatures features, std::size_t threads) {
  Format form = form_to_run(weights.layout, weights.scale_layout, features, threads);
  const char* variable = std::getenv("ONNXPACK_TERNARY_FORM");
  const std::string_view wish = variable == nullptr ? "" : variable;
  if (wish == "u2r") {
    form = Format::u2r;
  } else if (wish == "stored") {
    const Layout& stored = weights.layout;
    const bool runs =
        stored.format == Format::t5r || (stored.format == Format::u2 && stored.stride != 0);
    if (runs) form = stored.format;
  } else if (!wish.empty()) {
    return std::unexpected(
        fmt::format("ONNXPACK_TERNARY_FORM is '{}', expected stored or u2r", wish));
  }
  if (form == weights.layout.format) return {};
  const Layout to = *layout_of(form, weights.layout.shape);
  auto made = shared_transcode(weights.layout, {weights.bytes, weights.layout.bytes}, to);
  if (!made) return std::unexpected(made.error());
  weights.made = std::move(*made);
  weights.layout = to;
  weights.bytes = weights.made->data();
  return {};
}

}  // namespace onnxpack::ort_ops
