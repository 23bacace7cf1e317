// What records of ternary/1 must not say.
#include <fmt/format.h>
#include <catch2/catch_test_macros.hpp>

#include "onnxpack/extents/extent_map.h"
#include "ternary_plain.h"

namespace onnxpack::extents::testing {
namespace {

std::string refusal(const Ternary& ternary) {
  auto sizes = check_ternary(ternary);
  return sizes ? "" : sizes.error().message();
}

constexpr Ternary plain = {.rows = 30,
                           .columns = 70,
                           .from = TernaryForm::t5r,
                           .to = TernaryForm::float32,
                           .scales = TernaryScales::row};

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
