// ternary/1 against plain loops written from docs/ternary-format.md.
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/generators/catch_generators_range.hpp>

#include <atomic>
#include <cstring>
#include <thread>

#include "ternary_plain.h"

namespace onnxpack::extents::testing {

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

TEST_CASE("many files read in turns and by two threads lose their bands, and give the same bytes") {
  Noise noise(31);
  const Trits w = random_trits(noise, 40, 600);
  const auto source = file_of(bytes_of(w, TernaryForm::t5r, false));
  const Bytes wanted = bytes_of(w, TernaryForm::u2, false);
  const Ternary ternary{
      .rows = 40, .columns = 600, .from = TernaryForm::t5r, .to = TernaryForm::u2};
  std::vector<std::unique_ptr<io::ReadableFile>> files;
  for (int i = 0; i < 30; ++i) files.push_back(ternary_file(*source, 0, nullptr, ternary));
  std::atomic<int> wrong = 0;
  const auto read_all = [&](std::size_t step) {
    for (std::uint64_t at = 0; at + 100 <= wanted.size(); at += 97)
      for (std::size_t i = 0; i < files.size(); ++i) {
        auto got = files[i * step % files.size()]->read(at, 100);
        if (!got || std::memcmp(got->data(), wanted.data() + at, 100) != 0) ++wrong;
      }
  };
  std::thread other(read_all, 7);
  read_all(1);
  other.join();
  CHECK(wrong == 0);
  // Gone files are no longer anybody's oldest.
  files.erase(files.begin(), files.begin() + 25);
  read_all(1);
  CHECK(wrong == 0);
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

}  // namespace onnxpack::extents::testing
