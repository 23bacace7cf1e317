// ternary/1 against plain loops written from docs/ternary-format.md.
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/generators/catch_generators_range.hpp>

#include <cstring>

#include <fmt/format.h>

#include "helpers.h"
#include "onnxpack/extents/finder.h"
#include "onnxpack/extents/ternary.h"

namespace onnxpack::extents::testing {
namespace {

constexpr TernaryForm all_forms[] = {TernaryForm::u2,      TernaryForm::t5r,
                                     TernaryForm::t5k,     TernaryForm::float32,
                                     TernaryForm::float16, TernaryForm::bfloat16};

struct Trits {
  std::uint64_t rows = 0;
  std::uint64_t columns = 0;
  std::vector<int> values;
  int at(std::uint64_t n, std::uint64_t k) const {
    return n < rows && k < columns ? values[n * columns + k] : 0;
  }
  Trits transposed() const {
    Trits out{columns, rows, std::vector<int>(values.size())};
    for (std::uint64_t n = 0; n < rows; ++n)
      for (std::uint64_t k = 0; k < columns; ++k) out.values[k * rows + n] = at(n, k);
    return out;
  }
};

Trits random_trits(Noise& noise, std::uint64_t rows, std::uint64_t columns) {
  Trits out{rows, columns, std::vector<int>(rows * columns)};
  for (int& value : out.values) value = static_cast<int>(noise.below(3)) - 1;
  return out;
}

Bytes u2_of(const Trits& w) {
  Bytes out((w.values.size() + 3) / 4);
  for (std::size_t i = 0; i < w.values.size(); ++i)
    out[i / 4] |= static_cast<std::byte>((w.values[i] + 1) << (2 * (i % 4)));
  return out;
}
Bytes t5r_of(const Trits& w) {
  const std::uint64_t stride = (w.columns + 63) / 64 * 64;
  Bytes out;
  for (std::uint64_t g = 0; g * 5 < w.rows; ++g)
    for (std::uint64_t k = 0; k < stride; ++k) {
      int byte = 0;
      for (int r = 4; r >= 0; --r)
        byte = byte * 3 + w.at(g * 5 + static_cast<std::uint64_t>(r), k) + 1;
      out.push_back(static_cast<std::byte>(byte));
    }
  return out;
}
Bytes t5k_of(const Trits& w) {
  Bytes out;
  for (std::uint64_t n = 0; n < w.rows; ++n)
    for (std::uint64_t j = 0; j * 5 < w.columns; ++j) {
      int byte = 0;
      for (int i = 4; i >= 0; --i)
        byte = byte * 3 + w.at(n, j * 5 + static_cast<std::uint64_t>(i)) + 1;
      out.push_back(static_cast<std::byte>(byte));
    }
  return out;
}

// Bits of a scale: any positive finite value of the type.
std::uint32_t scale_bits(TernaryForm form, std::uint64_t n, std::uint64_t block) {
  const auto step = static_cast<std::uint32_t>(n * 7 + block * 3);
  return form == TernaryForm::float32   ? 0x3F000001U + step
         : form == TernaryForm::float16 ? 0x3801U + step
                                        : 0x3F01U + step;
}
void append_real(Bytes& out, TernaryForm form, std::uint32_t bits) {
  if (form == TernaryForm::float32) {
    append_le(out, bits);
  } else {
    append_le(out, static_cast<std::uint16_t>(bits));
  }
}

// Of `w` [N, K]; scales by `scales` and `block`, also of `w`.
Bytes real_of(const Trits& w, TernaryForm form, TernaryScales scales, std::uint64_t block) {
  Bytes out;
  const std::uint32_t sign = form == TernaryForm::float32 ? 0x80000000U : 0x8000U;
  for (std::uint64_t n = 0; n < w.rows; ++n)
    for (std::uint64_t k = 0; k < w.columns; ++k) {
      const std::uint64_t row = scales == TernaryScales::tensor ? 0 : n;
      const std::uint64_t part = scales == TernaryScales::block ? k / block : 0;
      const int trit = w.at(n, k);
      const std::uint32_t bits = scale_bits(form, row, part);
      append_real(out, form, trit == 0 ? 0 : trit > 0 ? bits : bits | sign);
    }
  return out;
}
Bytes scales_of(const Trits& w, TernaryForm form, TernaryScales scales, std::uint64_t block) {
  Bytes out;
  const std::uint64_t rows = scales == TernaryScales::tensor ? 1 : w.rows;
  const std::uint64_t parts = scales == TernaryScales::block ? (w.columns + block - 1) / block : 1;
  for (std::uint64_t n = 0; n < rows; ++n)
    for (std::uint64_t b = 0; b < parts; ++b) append_real(out, form, scale_bits(form, n, b));
  return out;
}

Bytes transposed_real(const Bytes& matrix, std::uint64_t rows, std::uint64_t columns,
                      std::size_t width) {
  Bytes out(matrix.size());
  for (std::uint64_t n = 0; n < rows; ++n)
    for (std::uint64_t k = 0; k < columns; ++k)
      std::memcpy(out.data() + (k * rows + n) * width, matrix.data() + (n * columns + k) * width,
                  width);
  return out;
}

std::size_t width_of(TernaryForm form) {
  return form == TernaryForm::float32 ? 4 : 2;
}

// W, or its transpose, in any form. Scales are always of W.
Bytes bytes_of(const Trits& w, TernaryForm form, bool transpose,
               TernaryScales scales = TernaryScales::tensor, std::uint64_t block = 0) {
  if (is_real(form)) {
    Bytes real = real_of(w, form, scales, block);
    return transpose ? transposed_real(real, w.rows, w.columns, width_of(form)) : real;
  }
  const Trits turned = transpose ? w.transposed() : w;
  return form == TernaryForm::u2    ? u2_of(turned)
         : form == TernaryForm::t5r ? t5r_of(turned)
                                    : t5k_of(turned);
}

std::string refusal(const Ternary& ternary) {
  auto sizes = check_ternary(ternary);
  return sizes ? "" : sizes.error().message();
}

constexpr Ternary plain = {.rows = 30,
                           .columns = 70,
                           .from = TernaryForm::t5r,
                           .to = TernaryForm::float32,
                           .scales = TernaryScales::row};

}  // namespace

TEST_CASE("each form comes out of each other one, also transposed, with any scales") {
  Noise noise(11);
  auto [rows, columns] = GENERATE(std::pair<std::uint64_t, std::uint64_t>{1, 1},
                                  std::pair<std::uint64_t, std::uint64_t>{7, 3},
                                  std::pair<std::uint64_t, std::uint64_t>{20, 64},
                                  std::pair<std::uint64_t, std::uint64_t>{43, 130});
  const Trits w = random_trits(noise, rows, columns);
  for (TernaryForm from : all_forms) {
    for (TernaryForm to : all_forms) {
      for (bool transposed : {false, true}) {
        Ternary ternary{
            .rows = rows, .columns = columns, .from = from, .to = to, .transposed = transposed};
        if (from == to && !transposed && !is_real(to)) continue;
        for (auto [scales, block] :
             {std::pair{TernaryScales::tensor, 0U}, std::pair{TernaryScales::row, 0U},
              std::pair{TernaryScales::block, 16U}}) {
          for (bool of_transpose : {false, true}) {
            if (of_transpose && (scales == TernaryScales::tensor || !is_real(to))) continue;
            // The member's matrix is w; its scales may be of the transpose.
            const Trits scaled = of_transpose ? w.transposed() : w;
            Bytes expected = bytes_of(scaled, to, of_transpose, scales, block);
            if (is_real(to)) {
              ternary.scales = scales;
              ternary.block = block;
              ternary.scales_transposed = of_transpose;
            }
            auto source = file_of(bytes_of(w, from, transposed));
            auto values = file_of(is_real(to) ? scales_of(scaled, to, scales, block) : Bytes());
            auto sizes = check_ternary(ternary);
            REQUIRE(sizes);
            CHECK(sizes->source == source->size());
            CHECK(sizes->member == expected.size());
            CHECK(sizes->scales == values->size());
            auto made = ternary_file(*source, 0, values.get(), ternary);
            REQUIRE(made->size() == expected.size());
            CHECK(*made->read(0, expected.size()) == expected);
            CHECK(*parse_descriptor(encode_descriptor(ternary)) == ternary);
          }
        }
      }
    }
  }
}

TEST_CASE("a large matrix reads the same from anywhere, through several bands") {
  Noise noise(5);
  const Trits w = random_trits(noise, 2100, 1301);
  const Ternary down{.rows = 1301,
                     .columns = 2100,
                     .from = TernaryForm::float16,
                     .to = TernaryForm::t5r,
                     .transposed = true};
  auto source = file_of(bytes_of(w, TernaryForm::float16, false));
  const Bytes expected = bytes_of(w, TernaryForm::t5r, true);
  auto made = ternary_file(*source, 0, nullptr, down);
  REQUIRE(made->size() == expected.size());
  for (int i = 0; i < 40; ++i) {
    const std::uint64_t offset = noise.below(expected.size());
    const std::uint64_t size =
        noise.below(std::min<std::uint64_t>(expected.size() - offset, 9000) + 1);
    CHECK(std::ranges::equal(*made->read(offset, size), ByteView(expected).subspan(offset, size)));
  }
  CHECK_FALSE(made->read(expected.size(), 1));
  const Ternary up = inverse(down);
  CHECK(up.rows == 2100);
  CHECK(up.from == TernaryForm::t5r);
}

TEST_CASE("codes that stand for no weights are refused where they are read") {
  Noise noise(6);
  const Trits w = random_trits(noise, 10, 64);
  auto read = [&](TernaryForm from, std::size_t at, unsigned code, bool transposed) {
    Bytes bytes = bytes_of(w, from, transposed);
    bytes[at] = static_cast<std::byte>(code);
    auto source = file_of(bytes);
    const TernaryForm to = from == TernaryForm::u2 ? TernaryForm::t5r : TernaryForm::u2;
    auto made =
        ternary_file(*source, 0, nullptr,
                     {.rows = 10, .columns = 64, .from = from, .to = to, .transposed = transposed});
    auto result = made->read(0, made->size());
    return result ? "" : result.error().message();
  };
  CHECK(read(TernaryForm::t5r, 70, 243, false) ==
        "in memory: byte 70 of ternary codes is 243, which stands for no weights");
  CHECK(read(TernaryForm::t5r, 66, 255, true) ==
        "in memory: byte 66 of ternary codes is 255, which stands for no weights");
  CHECK(read(TernaryForm::t5k, 5, 250, false) ==
        "in memory: byte 5 of ternary codes is 250, which stands for no weights");
  CHECK(read(TernaryForm::u2, 159, 0xC0, false) ==
        "in memory: byte 159 of ternary codes is 192, which stands for no weights");
  CHECK(read(TernaryForm::u2, 2, 0x0C, true) ==
        "in memory: byte 2 of ternary codes is 12, which stands for no weights");
}

TEST_CASE("each way for a ternary descriptor to be wrong has its own refusal") {
  auto with = [](auto change) {
    Ternary ternary = plain;
    change(ternary);
    return refusal(ternary);
  };
  CHECK(refusal(plain).empty());
  CHECK(with([](Ternary& t) { t.from = TernaryForm{4}; }) == "ternary forms 4 to 16 are not known");
  CHECK(with([](Ternary& t) { t.to = TernaryForm{19}; }) == "ternary forms 2 to 19 are not known");
  CHECK(with([](Ternary& t) { t.from = TernaryForm::none; }) ==
        "ternary forms 0 to 16 are not known");
  CHECK(with([](Ternary& t) { t.from = TernaryForm::bfloat16; }).empty());
  CHECK(with([](Ternary& t) {
          t.to = t.from;
          t.scales = TernaryScales::none;
        }) == "the same ternary form on both sides is a copy");
  CHECK(with([](Ternary& t) { t.scales = TernaryScales{4}; }) == "ternary scales 4 are not known");
  CHECK(with([](Ternary& t) { t.to = TernaryForm::u2; }) == "ternary codes with scales");
  CHECK(with([](Ternary& t) { t.scales = TernaryScales::none; }) == "ternary reals without scales");
  for (std::uint32_t block : {0U, 8U, 24U, 2048U, 0x80000000U}) {
    CHECK(with([&](Ternary& t) {
            t.scales = TernaryScales::block;
            t.block = block;
          }) == fmt::format("ternary scale blocks of {} columns", block));
  }
  CHECK(with([](Ternary& t) { t.block = 16; }) == "ternary scale blocks of 16 columns");
  for (auto change :
       {+[](Ternary& t) { t.scale_source = 1; }, +[](Ternary& t) { t.scale_offset = 1; },
        +[](Ternary& t) { t.scales_transposed = true; }}) {
    CHECK(with([&](Ternary& t) {
            t.to = TernaryForm::u2;
            t.scales = TernaryScales::none;
            change(t);
          }) == "a ternary descriptor says more of scales than there is");
  }
  constexpr std::uint64_t most = ~std::uint64_t{0};
  for (auto [rows, columns] : {std::pair<std::uint64_t, std::uint64_t>{0, 70},
                               {30, 0},
                               {30, (1U << 22) + 1},
                               {most, 70},
                               {most / 70, 70},
                               {(std::uint64_t{1} << 40) / 70 + 1, 70}}) {
    CHECK(with([&](Ternary& t) {
            t.rows = rows;
            t.columns = columns;
          }) == fmt::format("a ternary matrix of {} rows and {} columns", rows, columns));
  }
  CHECK(with([](Ternary& t) {
          t.rows = (1U << 22) + 1;
          t.transposed = true;
        }) == "a ternary matrix of 4194305 rows and 70 columns");
  for (auto [at, message] :
       {std::pair{std::size_t{18}, "a ternary descriptor of order 8"},
        std::pair{std::size_t{28}, "a ternary descriptor with 8 instead of 0"}}) {
    Bytes bytes = encode_descriptor(plain);
    bytes[at] |= std::byte{8};
    auto parsed = parse_descriptor(bytes);
    REQUIRE_FALSE(parsed);
    CHECK(parsed.error().message() == message);
  }
}

TEST_CASE("the way back gives every bit of a ternary matrix, and refuses any other") {
  Noise noise(9);
  const Trits w = random_trits(noise, 40, 64);
  for (TernaryForm form : {TernaryForm::float32, TernaryForm::float16, TernaryForm::bfloat16}) {
    for (auto [scales, block] :
         {std::pair{TernaryScales::tensor, 0U}, std::pair{TernaryScales::row, 0U},
          std::pair{TernaryScales::block, 32U}}) {
      for (bool turned : {false, true}) {
        Bytes bytes = bytes_of(w, form, turned, scales, block);
        auto [rows, columns] = turned ? std::pair{64U, 40U} : std::pair{40U, 64U};
        const Ternary down{
            .rows = 40, .columns = 64, .from = form, .to = TernaryForm::t5r, .transposed = turned};
        auto back = exact_inverse(*file_of(bytes), 0, down);
        REQUIRE((back && *back));
        Ternary up = **back;
        CHECK(up.rows == rows);
        CHECK(up.columns == columns);
        CHECK(up.scales == scales);
        CHECK(up.block == block);
        CHECK(up.scales_transposed == (turned && scales != TernaryScales::tensor));
        auto values = read_scales(*file_of(bytes), 0, up);
        REQUIRE(values);
        CHECK(*values == scales_of(w, form, scales, block));
        auto codes = file_of(t5r_of(w));
        auto scale_file = file_of(*values);
        CHECK(*ternary_file(*codes, 0, scale_file.get(), up)->read(0, bytes.size()) == bytes);
        for (unsigned bit : {1U, 0x80U}) {
          // Another magnitude, or the sign of a zero: what was a trit is none.
          Bytes other = bytes;
          std::size_t at = 0;
          while (std::ranges::any_of(std::span(other).subspan(at, width_of(form)),
                                     [](std::byte one) { return one != std::byte{0}; }))
            at += width_of(form);
          other[at + width_of(form) - 1] ^= static_cast<std::byte>(bit);
          back = exact_inverse(*file_of(other), 0, down);
          REQUIRE(back);
          CHECK_FALSE(*back);
        }
      }
    }
  }
  auto codes = exact_inverse(
      *file_of({}), 0, {.rows = 3, .columns = 9, .from = TernaryForm::u2, .to = TernaryForm::t5k});
  REQUIRE((codes && *codes));
  CHECK((*codes)->to == TernaryForm::u2);
}

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

namespace {

// A member of 250 bytes: 10 literals, a real matrix [6, 10] with codes and row scales in the
// residual.
std::vector<Extent> with_codes_inside() {
  std::vector<Extent> out{{.size = 10},
                          {.size = 240,
                           .transformation = Transformation::ternary,
                           .ternary = {.rows = 6,
                                       .columns = 10,
                                       .from = TernaryForm::t5r,
                                       .to = TernaryForm::float32,
                                       .scales = TernaryScales::row}}};
  place_in_residual(out);
  return out;
}

Bytes residual_with(const Ternary& ternary) {
  Bytes out(10);
  append(out, encode_descriptor(ternary));
  out.resize(out.size() + 128 + 24);
  return out;
}

template <typename Change>
std::string map_refusal(Change&& change) {
  auto extents = with_codes_inside();
  change(extents);
  Bytes map = encode(extents);
  append(map, residual_with(extents[1].ternary));
  const std::uint64_t sizes[] = {200};
  auto parsed = parse(*file_of(std::move(map)), 250, sizes);
  return parsed ? "" : parsed.error().message();
}

}  // namespace

TEST_CASE("a map with ternary extents uses its residual in order too") {
  CHECK(map_refusal([](auto&) {}).empty());
  CHECK(map_refusal([](auto& e) { e[1].parameters = 9; }) ==
        "extent 1: the residual goes on at 10, found 9");
  CHECK(map_refusal([](auto& e) { e[1].parameters = ~std::uint64_t{0}; }) ==
        "extent 1: the residual goes on at 10, found 18446744073709551615");
  CHECK(map_refusal([](auto& e) {
          e[0].size = 170;
          e[1].parameters = 170;
        }) == "extent 1: a ternary descriptor at 170 of a residual of 202");
  CHECK(map_refusal([](auto& e) { e[1].offset = 51; }) ==
        "extent 1: the residual goes on at 50, found 51");
  CHECK(map_refusal([](auto& e) { e[1].ternary.scale_offset = 0; }) ==
        "extent 1: the residual goes on at 178, found 0");
  CHECK(map_refusal([](auto& e) { e[1].ternary.scale_source = 2; }) == "extent 1: source 2 of 1");
  CHECK(map_refusal([](auto& e) {
          e[1].ternary.scale_source = 1;
          e[1].ternary.scale_offset = 180;
        }) == "extent 1: bytes 180 to 180+24 of source 1, which has 200");
  CHECK(map_refusal([](auto& e) {
          e[1].ternary.scale_source = 1;
          e[1].ternary.scale_offset = 0;
        }) == "extents use 178 bytes of the residual, which has 202");
  CHECK(map_refusal([](auto& e) {
          e[1].source = 1;
          e[1].offset = 73;
        }) == "extent 1: bytes 73 to 73+128 of source 1, which has 200");
  CHECK(map_refusal([](auto& e) { e[1].ternary.columns = 11; }) ==
        "extent 1: a ternary matrix of 264 bytes in 240");
  CHECK(map_refusal([](auto& e) { e[1].size = 241; }) ==
        "extent 1: a ternary matrix of 240 bytes in 241");
}

}  // namespace onnxpack::extents::testing
