// Codes of ternary matrices that stand in a blob.
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/generators/catch_generators_range.hpp>

#include "onnxpack/extents/finder.h"
#include "ternary_plain.h"

namespace onnxpack::extents::testing {

TEST_CASE("codes of the sources' ternary matrices are found in a blob, at any alignment") {
  auto from =
      GENERATE(TernaryForm::float32, TernaryForm::bfloat16, TernaryForm::u2, TernaryForm::t5r);
  auto shift = GENERATE(range(0U, 17U, 3U));
  auto scales = GENERATE(TernaryScales::tensor, TernaryScales::row, TernaryScales::block);
  if (!is_real(from) && scales != TernaryScales::tensor) return;
  Noise noise(shift + 40);
  const Trits w = random_trits(noise, 61, 100);
  for (bool stored_transposed : {false, true}) {
    const Bytes tensor = bytes_of(w, from, stored_transposed, scales, 32);
    Bytes source = noise.bytes(100);
    append(source, tensor);
    append(source, noise.bytes(10));
    Finder finder(source.size());
    Range range{100, tensor.size()};
    range.form = from;
    range.rows = stored_transposed ? 100 : 61;
    range.columns = stored_transposed ? 61 : 100;
    REQUIRE(finder.add_source(file_of(source), std::span(&range, 1)));
    for (TernaryForm to : {TernaryForm::t5r, TernaryForm::t5k, TernaryForm::u2}) {
      for (bool transpose : {false, true}) {
        if (to == from && transpose == stored_transposed) continue;  // a copy
        const Bytes codes = bytes_of(w, to, transpose);
        Bytes blob = noise.bytes(64 + shift);
        append(blob, codes);
        append(blob, noise.bytes(20));
        auto extents = finder.find(*file_of(blob));
        REQUIRE(extents);
        REQUIRE(extents->size() == 3);
        const Extent& found = (*extents)[1];
        CHECK(found.size == codes.size());
        REQUIRE(found.transformation == Transformation::ternary);
        CHECK(residual_bytes((*extents)[0]) == 64 + shift);
        // And the map comes back.
        Bytes map = encode(*extents);
        append(map, ByteView(blob).first(64 + shift));
        append(map, encode_descriptor(found.ternary));
        append(map, ByteView(blob).last(20));
        const std::uint64_t sizes[] = {source.size()};
        auto parsed = parse(*file_of(std::move(map)), blob.size(), sizes);
        REQUIRE(parsed);
        CHECK(*parsed == *extents);
        // One wrong weight, and it is another matrix.
        blob[64 + shift + codes.size() / 2] ^= std::byte{1};
        extents = finder.find(*file_of(blob));
        REQUIRE(extents);
        for (const Extent& extent : *extents) CHECK(extent.transformation == Transformation::copy);
      }
    }
  }
}

}  // namespace onnxpack::extents::testing
