// The finder against its promise: what it gives puts the blob together again, and it overlooks
// nothing that covers two sites.
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/generators/catch_generators_range.hpp>

#include "helpers.h"
#include "onnxpack/extents/content.h"
#include "onnxpack/extents/finder.h"

namespace onnxpack::extents::testing {
namespace {

Bytes transpose(ByteView matrix, const Matrix& shape) {
  Bytes out(matrix.size());
  for (std::uint64_t i = 0; i < shape.rows; ++i)
    for (std::uint64_t j = 0; j < shape.columns; ++j)
      for (std::uint64_t b = 0; b < shape.element; ++b)
        out[(j * shape.rows + i) * shape.element + b] =
            matrix[(i * shape.columns + j) * shape.element + b];
  return out;
}

// The blob that the extents describe.
Bytes rebuild(const std::vector<Extent>& extents, const Bytes& blob,
              const std::vector<Bytes>& sources) {
  Bytes residual;
  std::uint64_t at = 0;
  for (const Extent& extent : extents) {
    if (extent.source == residual_source) append(residual, ByteView(blob).subspan(at, extent.size));
    at += extent.size;
  }
  Bytes out;
  for (const Extent& extent : extents) {
    ByteView from = extent.source == residual_source ? residual : sources[extent.source - 1];
    ByteView bytes = from.subspan(extent.offset, extent.size);
    if (extent.transformation == Transformation::transpose) {
      append(out, transpose(bytes, matrix_of(extent.size, extent.parameters)));
    } else {
      append(out, bytes);
    }
  }
  return out;
}

std::uint64_t residual_of(const std::vector<Extent>& extents) {
  std::uint64_t out = 0;
  for (const Extent& extent : extents) out += extent.source == residual_source ? extent.size : 0;
  return out;
}

Finder finder_of(const std::vector<Bytes>& sources) {
  std::uint64_t total = 0;
  for (const Bytes& source : sources) total += source.size();
  Finder finder(total);
  for (const Bytes& source : sources) {
    const Range all{0, source.size()};
    REQUIRE(finder.add_source(file_of(source), std::span(&all, 1)));
  }
  return finder;
}

}  // namespace

TEST_CASE("any mixture of pieces and noise is put together again, and no long piece is missed") {
  auto seed = GENERATE(range(0U, 40U));
  Noise noise(seed);
  std::vector<Bytes> sources;
  for (int i = 0; i < 3; ++i) sources.push_back(noise.bytes(20000 + noise.below(40000)));
  Finder finder = finder_of(sources);
  const std::uint64_t least = 2 * finder.sampling_distance() + least_match;
  Bytes blob;
  std::uint64_t literal = 0;
  for (int piece = 0; piece < 30; ++piece) {
    // Odd sizes, so that pieces land at any alignment.
    if (noise.below(2) == 0) {
      std::uint64_t size = noise.below(700);
      append(blob, noise.bytes(size));
      literal += size;
    } else {
      const Bytes& source = sources[noise.below(sources.size())];
      std::uint64_t size = least + noise.below(source.size() - least);
      append(blob, ByteView(source).subspan(noise.below(source.size() - size + 1), size));
    }
  }
  auto extents = finder.find(*file_of(blob));
  REQUIRE(extents);
  CHECK(rebuild(*extents, blob, sources) == blob);
  // A piece's edges may fall to its neighbour by chance, never stay out.
  CHECK(residual_of(*extents) <= literal);

  const std::uint64_t sizes[] = {sources[0].size(), sources[1].size(), sources[2].size()};
  Bytes map = encode(*extents);
  map.resize(map.size() + residual_of(*extents));
  auto parsed = parse(*file_of(std::move(map)), blob.size(), sizes);
  REQUIRE(parsed);
  CHECK(*parsed == *extents);
}

TEST_CASE("small tensors are found when their ranges are given, however far apart sites are") {
  Noise noise(7);
  Bytes source = noise.bytes(300000);
  // A finder for a source of 100 GB: sites are 800 KB apart.
  Finder finder(std::uint64_t{100} << 30);
  CHECK(finder.sampling_distance() > 500000);
  const Range tensors[] = {{1001, 200}, {5000, 128}, {200000, 4000}};
  REQUIRE(finder.add_source(file_of(source), tensors));
  Bytes blob = noise.bytes(333);
  for (const Range& tensor : tensors) {
    append(blob, ByteView(source).subspan(tensor.offset, tensor.size));
    append(blob, noise.bytes(50));
  }
  auto extents = finder.find(*file_of(blob));
  REQUIRE(extents);
  CHECK(rebuild(*extents, blob, {source}) == blob);
  CHECK(residual_of(*extents) == 333 + 150);
}

TEST_CASE("transposed tensors are found whole, at any alignment and element size") {
  auto element = GENERATE(1U, 2U, 4U, 8U);
  auto shift = GENERATE(range(0U, 9U));
  Noise noise(element * 16 + shift);
  const Matrix shape{element, 37, 113};
  Bytes source = noise.bytes(100 + shape.size() + 100);
  Finder finder(source.size());
  const Range tensor{100, shape.size(), shape};
  REQUIRE(finder.add_source(file_of(source), std::span(&tensor, 1)));
  Bytes turned = transpose(ByteView(source).subspan(100, shape.size()), shape);
  Bytes blob = noise.bytes(64 + shift);
  append(blob, turned);
  append(blob, noise.bytes(10));
  auto extents = finder.find(*file_of(blob));
  REQUIRE(extents);
  CHECK(rebuild(*extents, blob, {source}) == blob);
  CHECK(residual_of(*extents) == 64 + shift + 10);

  // One wrong element, and it is no transpose.
  blob[64 + shift + turned.size() - 1] ^= std::byte{1};
  extents = finder.find(*file_of(blob));
  REQUIRE(extents);
  CHECK(rebuild(*extents, blob, {source}) == blob);
}

TEST_CASE("a transposed file reads the same from anywhere") {
  Noise noise(3);
  const Matrix shape{4, 700, 3001};  // 8.4 MB: more than one band
  Bytes bytes = noise.bytes(50 + shape.size());
  auto file = file_of(bytes);
  auto turned = transposed(*file, 50, shape);
  Bytes expected = transpose(ByteView(bytes).subspan(50), shape);
  REQUIRE(turned->size() == expected.size());
  CHECK(*turned->read(0, expected.size()) == expected);
  for (int i = 0; i < 50; ++i) {
    std::uint64_t offset = noise.below(expected.size());
    std::uint64_t size = noise.below(std::min<std::uint64_t>(expected.size() - offset, 40000) + 1);
    CHECK(
        std::ranges::equal(*turned->read(offset, size), ByteView(expected).subspan(offset, size)));
  }
  CHECK_FALSE(turned->read(expected.size(), 1));
}

TEST_CASE("fills, repetition and short blobs do no harm") {
  Bytes zeros(5000);
  Bytes pattern;
  for (int i = 0; i < 2000; ++i) append(pattern, "abcdefg");
  Finder finder = finder_of({zeros, pattern});
  for (const Bytes& blob : {Bytes(100000), Bytes(), Bytes(31), Bytes(200, std::byte{7})}) {
    auto extents = finder.find(*file_of(blob));
    REQUIRE(extents);
    CHECK(rebuild(*extents, blob, {zeros, pattern}) == blob);
  }
  Bytes more;
  for (int i = 0; i < 9000; ++i) append(more, "abcdefg");
  auto extents = finder.find(*file_of(more));
  REQUIRE(extents);
  CHECK(rebuild(*extents, more, {zeros, pattern}) == more);
  CHECK(residual_of(*extents) < 1000);
}

TEST_CASE("finding stops when it is told to, and reading errors come through") {
  Noise noise(1);
  Bytes source = noise.bytes(10000);
  Finder finder = finder_of({source});
  CancelFlag cancel;
  cancel.set();
  auto stopped = finder.find(*file_of(source), &cancel);
  REQUIRE_FALSE(stopped);
  CHECK(stopped.error().kind() == ErrorKind::cancelled);
}

}  // namespace onnxpack::extents::testing
