// links: kernels
//
// Bytes of stored ternary matrices from outside: whatever they are, no access astray; what is
// accepted has one meaning, and every form is the same function of it. First byte: form (bits 0, 1)
// and rows (the rest); second: columns; then the matrix.
#include <cstdint>
#include <cstdlib>
#include <span>
#include <vector>

#include "onnxpack/kernels/ternary/foreign.h"
#include "onnxpack/kernels/ternary/format.h"

namespace {

using namespace onnxpack::kernels::ternary;

void require(bool holds) {
  if (!holds) std::abort();
}

void try_stored(const Layout& layout, std::span<const std::uint8_t> bytes) {
  const std::size_t elements = layout.shape.rows * layout.shape.columns;
  std::vector<std::int8_t> trits(elements);
  if (bytes.size() == layout.bytes) decode_rows(layout, bytes, 0, layout.shape.rows, trits);
  if (!decode(layout, bytes, trits)) return;
  std::vector<std::uint8_t> again(layout.bytes);
  require(encode(layout, trits, again).has_value());
  require(std::equal(again.begin(), again.end(), bytes.begin(), bytes.end()));
  for (Format format : {Format::u2, Format::t5r, Format::t5k, Format::u2r}) {
    const auto other = layout_of(format, layout.shape);
    require(other.has_value());
    std::vector<std::uint8_t> there(other->bytes);
    require(transcode(layout, bytes, *other, there).has_value());
    require(transcode(*other, there, layout, again).has_value());
    require(std::equal(again.begin(), again.end(), bytes.begin(), bytes.end()));
  }
}

void try_foreign(std::span<const std::uint8_t> bytes) {
  for (Blocks form : {Blocks::tq1_0, Blocks::tq2_0, Blocks::q2_0, Blocks::i2_s}) {
    const auto facts = facts_of(form);
    const std::size_t blocks = bytes.size() / facts.bytes;
    std::vector<std::int8_t> trits(blocks * facts.elements);
    std::vector<std::uint16_t> scales(facts.scale_bytes != 0 ? blocks : 0);
    const auto used = bytes.first(blocks * facts.bytes);
    if (!unpack_blocks(form, used, trits, scales)) continue;
    std::vector<std::uint8_t> again(used.size());
    require(pack_blocks(form, trits, scales, again).has_value());
    require(std::equal(again.begin(), again.end(), used.begin(), used.end()));
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const Shape shape{data[0] / 4U, data[1]};
  const auto layout = layout_of(static_cast<Format>(data[0] % 4), shape);
  if (layout) try_stored(*layout, std::span(data + 2, size - 2));
  try_foreign(std::span(data + 2, size - 2));
  return 0;
}
