// What is resolved gives the same bytes, and refers to nothing that is not stored.
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/generators/catch_generators_range.hpp>

#include "helpers.h"
#include "onnxpack/extents/content.h"
#include "onnxpack/extents/finder.h"
#include "onnxpack/extents/resolve.h"

namespace onnxpack::extents::testing {
namespace {

constexpr std::uint64_t rows = 60;
constexpr std::uint64_t columns = 90;
constexpr std::uint32_t held_source = 1;
constexpr std::uint32_t base_source = 2;
constexpr std::uint32_t map_source = 3;

Bytes read_all(const io::ReadableFile& file) {
  auto bytes = file.read(0, file.size());
  REQUIRE(bytes);
  return *bytes;
}

// Trits times a scale for each row, exactly ternary.
Bytes random_real(Noise& noise) {
  Bytes out;
  for (std::uint64_t r = 0; r < rows; ++r)
    for (std::uint64_t c = 0; c < columns; ++c) {
      const std::uint64_t trit = noise.below(3);
      const auto scale = static_cast<std::uint32_t>(0x3F000000U + r);
      append_le(out, trit == 1 ? 0U : trit == 0 ? scale | 0x80000000U : scale);
    }
  return out;
}

struct Stored {
  std::vector<Bytes> files;  // by number; 0 is none
};

// The bytes of a member whose residual's bytes are taken from the member itself.
Bytes rebuild(const std::vector<Extent>& extents, const Bytes& member, const Stored& stored) {
  Bytes out;
  std::uint64_t at = 0;
  for (const Extent& extent : extents) {
    if (extent.source == residual_source && extent.transformation == Transformation::copy) {
      append(out, ByteView(member).subspan(at, extent.size));
    } else {
      auto file = file_of(stored.files[extent.source]);
      auto scales = file_of(stored.files[extent.ternary.scale_source]);
      if (extent.transformation == Transformation::copy) {
        append(out, *file->read(extent.offset, extent.size));
      } else if (extent.transformation == Transformation::transpose) {
        append(out, read_all(*transposed(*file, extent.offset,
                                         matrix_of(extent.size, extent.parameters))));
      } else {
        append(out, read_all(*ternary_file(*file, extent.offset, scales.get(), extent.ternary)));
      }
    }
    at += extent.size;
  }
  return out;
}

}  // namespace

TEST_CASE("what refers to a member that is held as extents refers to what these are made of") {
  auto seed = GENERATE(range(0U, 12U));
  Noise noise(seed + 100);
  const Bytes real = random_real(noise);
  const Bytes noise_before = noise.bytes(3000);
  const Bytes shared = noise.bytes(4000);

  // The base has codes and `shared`; the held member is noise, the reals, `shared`.
  const Ternary down{.rows = columns,
                     .columns = rows,
                     .from = TernaryForm::float32,
                     .to = TernaryForm::t5r,
                     .transposed = true};
  const Bytes codes = read_all(*ternary_file(*file_of(real), 0, nullptr, down));
  Bytes base = noise.bytes(64);
  const std::uint64_t codes_at = base.size();
  append(base, codes);
  const std::uint64_t shared_at = base.size();
  append(base, shared);
  Bytes held = noise_before;
  append(held, real);
  append(held, shared);

  auto up = exact_inverse(*file_of(real), 0, down);
  REQUIRE((up && *up));
  HeldAs how{{{.size = noise_before.size()},
              {.size = real.size(),
               .offset = codes_at,
               .source = base_source,
               .transformation = Transformation::ternary,
               .ternary = **up},
              {.size = shared.size(), .offset = shared_at, .source = base_source}},
             map_source};
  place_in_residual(how.extents);
  auto scales = read_scales(*file_of(real), 0, **up);
  REQUIRE(scales);
  Bytes map = encode(how.extents);
  append(map, noise_before);
  append(map, encode_descriptor(how.extents[1].ternary));
  append(map, *scales);
  const std::uint64_t sizes[] = {held.size(), base.size()};
  REQUIRE(parse(*file_of(map), held.size(), sizes));

  // A blob with parts of the held member in every way.
  Finder finder(held.size());
  Range ranges[] = {{0, noise_before.size()},
                    {noise_before.size(), real.size(), {4, rows, columns}},
                    {noise_before.size() + real.size(), shared.size()}};
  ranges[1].form = TernaryForm::float32;
  ranges[1].rows = rows;
  ranges[1].columns = columns;
  REQUIRE(finder.add_source(file_of(held), ranges));
  Bytes blob = noise.bytes(40 + seed);
  std::uint64_t literal = blob.size();
  const auto put = [&](ByteView bytes) {
    append(blob, bytes);
    append(blob, noise.bytes(50));
    literal += 50;
  };
  put(held);                                                          // all of it
  put(ByteView(held).subspan(500, 2000));                             // of the residual
  put(read_all(*transposed(*file_of(real), 0, {4, rows, columns})));  // reals, transposed
  put(codes);
  Ternary other = down;
  other.to = TernaryForm::u2;
  put(read_all(*ternary_file(*file_of(real), 0, nullptr, other)));
  other = {.rows = rows, .columns = columns, .from = TernaryForm::float32, .to = TernaryForm::t5k};
  put(read_all(*ternary_file(*file_of(real), 0, nullptr, other)));
  put(ByteView(real).subspan(1000, 5000));  // a part of the reals, which no extent can say
  literal += 5000;

  auto found = finder.find(*file_of(blob));
  REQUIRE(found);
  auto resolved = resolve(*found, {{held_source, how}});
  for (const Extent& extent : resolved) {
    CHECK(extent.source != held_source);
    CHECK(extent.ternary.scale_source != held_source);
  }
  const Stored stored{{{}, {}, base, map}};
  CHECK(rebuild(resolved, blob, stored) == blob);
  std::uint64_t residual = 0;
  for (const Extent& extent : resolved)
    residual += extent.transformation == Transformation::copy ? residual_bytes(extent) : 0;
  CHECK(residual <= literal + 64);
  // And as a map of its own it is accepted.
  Bytes own = encode(resolved);
  std::uint64_t at = 0;
  for (const Extent& extent : resolved) {
    if (extent.transformation == Transformation::ternary)
      append(own, encode_descriptor(extent.ternary));
    if (extent.transformation == Transformation::copy && extent.source == residual_source)
      append(own, ByteView(blob).subspan(at, extent.size));
    at += extent.size;
  }
  const std::uint64_t all[] = {0, base.size(), map.size()};
  auto parsed = parse(*file_of(std::move(own)), blob.size(), all);
  REQUIRE(parsed);
  CHECK(*parsed == resolved);
}

}  // namespace onnxpack::extents::testing
