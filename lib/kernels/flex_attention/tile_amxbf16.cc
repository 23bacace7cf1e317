// The products of bf16 by tiles. As AVX-512 BF16 has them, a tile of scores is [keys][queries], and
// so is the output, [numbers of V][queries]: pairs of Q and of probabilities, [pairs][queries], are
// the second operand of TDPBF16PS as they are, and so are rows of K the first. Only V, which comes
// as [pairs of keys][numbers], is turned round, 32 numbers at a time.
//
// Tiles are configured and released in each call, as in ternary/gemm_amxint8.cc: a call has up to
// 48 queries by 128 keys, with 64 numbers 48 products.
//
// A few queries (decode) take AVX-512 BF16's loops: memory bounds them.
#include "common/amx_blocks.h"
#include "flex_attention/tile_products.h"

namespace onnxpack::kernels::flex {
namespace {

struct Halves {
  template <int Sums, int A, int B>
  static void dot() {
    dot_bf16<Sums, A, B>();
  }
};

constexpr std::size_t rows_of_block = 2 * tile_side;
constexpr std::size_t most_pairs = most_rows / 2;

// Scores as rounded to bf16.
void round_to_bf16(float* row, std::size_t count) {
  for (std::size_t lane = 0; lane < count; lane += 16) {
    const auto half = reinterpret_cast<__m256i>(_mm512_cvtneps_pbh(_mm512_load_ps(row + lane)));
    _mm512_store_si512(row + lane, _mm512_slli_epi32(_mm512_cvtepu16_epi32(half), 16));
  }
}

// As scores of ProductOps; `size` is a multiple of 16 pairs, as PairOps::scale gives them.
void tile_scores(const float* queries, const float* keys, std::size_t stride, std::size_t rows,
                 std::size_t size, std::size_t lanes, std::size_t count, float* tile,
                 Ahead& ahead) {
  const TileProduct all{.a = keys,
                        .a_stride = stride * sizeof(float),
                        .b = queries,
                        .b_stride = lanes * sizeof(float),
                        .steps = size / tile_side,
                        .sums = tile,
                        .sums_stride = lanes * sizeof(float)};
  const std::size_t lines = lines_each(ahead, (rows + rows_of_block - 1) / rows_of_block);
  down_rows(rows, [&]<bool TwoDown>(std::size_t k) {
    fetch(ahead, lines);
    across_columns<Halves, Sums::set, TwoDown>(all.at(k, 0), count);
    const std::size_t end = k + rows_of_block < rows ? k + rows_of_block : rows;
    for (std::size_t row = k; row < end; ++row) round_to_bf16(tile + row * lanes, count);
  });
}

// Sixteen by sixteen: rows[j][i] becomes rows[i][j].
void turn(__m512i (&rows)[16]) {
  __m512i next[16];
  for (std::size_t i = 0; i < 16; i += 2) {
    next[i] = _mm512_unpacklo_epi32(rows[i], rows[i + 1]);
    next[i + 1] = _mm512_unpackhi_epi32(rows[i], rows[i + 1]);
  }
  // rows[4 q + j]: in each 128 bits column j of rows 4 q to 4 q + 3.
  for (std::size_t q = 0; q < 16; q += 4)
    for (std::size_t j = 0; j < 2; ++j) {
      rows[q + 2 * j] = _mm512_unpacklo_epi64(next[q + j], next[q + 2 + j]);
      rows[q + 2 * j + 1] = _mm512_unpackhi_epi64(next[q + j], next[q + 2 + j]);
    }
  for (std::size_t q = 0; q < 16; q += 8)
    for (std::size_t j = 0; j < 4; ++j) {
      next[q + j] = _mm512_shuffle_i32x4(rows[q + j], rows[q + 4 + j], 0x88);
      next[q + 4 + j] = _mm512_shuffle_i32x4(rows[q + j], rows[q + 4 + j], 0xDD);
    }
  for (std::size_t j = 0; j < 8; ++j) {
    rows[j] = _mm512_shuffle_i32x4(next[j], next[8 + j], 0x88);
    rows[8 + j] = _mm512_shuffle_i32x4(next[j], next[8 + j], 0xDD);
  }
}

// V's pairs [rows][count], count up to 32, as [count][most_pairs]; pairs from `rows` up to a
// multiple of 16 are 0.
void turn_values(const float* values, std::size_t stride, std::size_t rows, std::size_t count,
                 float* to) {
  for (std::size_t e = 0; e < count; e += 16) {
    const auto mask = static_cast<__mmask16>(count - e >= 16 ? 0xFFFFU : (1U << (count - e)) - 1U);
    for (std::size_t k = 0; k < rows; k += 16) {
      __m512i square[16];
      for (std::size_t i = 0; i < 16; ++i)
        square[i] = _mm512_maskz_loadu_epi32(k + i < rows ? mask : __mmask16{0},
                                             values + (k + i < rows ? k + i : 0) * stride + e);
      turn(square);
      for (std::size_t i = 0; i < 16; ++i)
        _mm512_store_si512(to + (e + i) * most_pairs + k, square[i]);
    }
  }
}

// As weigh of ProductOps; `rows` counts pairs, up to most_pairs.
void tile_weigh(const float* tile, std::size_t rows, const float* values, std::size_t stride,
                std::size_t size, std::size_t lanes, std::size_t count, const float* factor,
                float* out, Ahead& ahead) {
  alignas(64) float turned[rows_of_block * most_pairs];
  alignas(64) float last[tile_side * most_lanes];
  // What is behind the probabilities may be NaN, so the last of them get zeros behind.
  const std::size_t left = rows % tile_side;
  for (std::size_t k = 0; left > 0 && k < tile_side; ++k)
    for (std::size_t lane = 0; lane < count; lane += 16)
      store(last + k * most_lanes + lane,
            k < left ? load(tile + (rows - left + k) * lanes + lane) : Vf{});
  for (std::size_t e = 0; e < size; ++e)
    for (std::size_t lane = 0; lane < count; lane += 16) {
      float* at = out + e * lanes + lane;
      store(at, load(at) * load(factor + lane));
    }
  const TileProduct whole{.a = turned,
                          .a_stride = most_pairs * sizeof(float),
                          .b = tile,
                          .b_stride = lanes * sizeof(float),
                          .steps = rows / tile_side,
                          .sums = out,
                          .sums_stride = lanes * sizeof(float)};
  TileProduct end = whole;
  end.a = turned + (rows - left);
  end.b = last;
  end.b_stride = most_lanes * sizeof(float);
  end.steps = 1;
  const std::size_t lines = lines_each(ahead, (size + rows_of_block - 1) / rows_of_block);
  down_rows(size, [&]<bool TwoDown>(std::size_t e) {
    fetch(ahead, lines);
    turn_values(values + e, stride, rows, size - e < rows_of_block ? size - e : rows_of_block,
                turned);
    const auto add = [&](TileProduct part) {
      part.sums = static_cast<float*>(part.sums) + e * lanes;
      across_columns<Halves, Sums::add, TwoDown>(part, count);
    };
    if (whole.steps > 0) add(whole);
    if (left > 0) add(end);
  });
}

}  // namespace

// All but these two products is AVX-512 BF16's.
const TileOps& tile_ops_amxbf16() {
  static const PairOps pairs = [] {
    PairOps out = *tile_ops_avx512bf16().pairs;
    out.products.scores = tile_scores;
    out.products.weigh = tile_weigh;
    return out;
  }();
  static const TileOps ops = [] {
    TileOps out = tile_ops_avx512bf16();
    out.isa = Isa::amx_bf16;
    out.pairs = &pairs;
    return out;
  }();
  return ops;
}

}  // namespace onnxpack::kernels::flex
