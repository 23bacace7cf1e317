// Scores of a few queries by tiles. Keys are made operands in the order in which they lie: times
// the root of the scale they go through a piece of the stack that stays in the nearest cache, and
// tiles read it there while the next piece is made.
#pragma once

#include "flex_attention/tile_few_amx.h"
#include "flex_attention/tile_fours.h"

namespace {

constexpr std::size_t keys_together = 32;      // two tiles of scores
constexpr std::size_t numbers_together = 256;  // of a row, in one piece

// Eight rows of sixteen as sixteen of eight.
inline void turn_queries(const __m512 (&row)[8], float* to) {
  // fours[q][p] has in its 128 bits j column 4 j + p of rows 4 q to 4 q + 3.
  __m512 fours[2][4];
  turn_fours(row, fours[0]);
  turn_fours(row + 4, fours[1]);
  const __m512i low = _mm512_set_epi64(11, 10, 3, 2, 9, 8, 1, 0);
  const __m512i high = _mm512_set_epi64(15, 14, 7, 6, 13, 12, 5, 4);
#pragma GCC unroll 4
  for (std::size_t p = 0; p < 4; ++p) {
    const __m512d upper = _mm512_castps_pd(fours[0][p]);
    const __m512d lower = _mm512_castps_pd(fours[1][p]);
    const __m512 first = _mm512_castpd_ps(_mm512_permutex2var_pd(upper, low, lower));
    const __m512 second = _mm512_castpd_ps(_mm512_permutex2var_pd(upper, high, lower));
    _mm256_store_ps(to + p * 8, _mm512_castps512_ps256(first));
    _mm256_store_ps(to + (4 + p) * 8, _mm512_extractf32x8_ps(first, 1));
    _mm256_store_ps(to + (8 + p) * 8, _mm512_castps512_ps256(second));
    _mm256_store_ps(to + (12 + p) * 8, _mm512_extractf32x8_ps(second, 1));
  }
}

// The same of sixteen.
inline void turn_queries(__m512 (&row)[16], float* to) {
  turn_square(row);
  for (std::size_t i = 0; i < 16; ++i) _mm512_store_ps(to + i * 16, row[i]);
}

// queries[lane][pair] as steps of [16 pairs][Columns lanes], those that are not there 0.
template <std::size_t Columns>
inline void spread_columns(const float* queries, std::size_t stride, std::size_t count,
                           std::size_t steps, float* to) {
  for (std::size_t step = 0; step < steps; ++step, queries += tile_side) {
    __m512 row[Columns];
#pragma GCC unroll 16
    for (std::size_t lane = 0; lane < Columns; ++lane)
      row[lane] = lane < count ? _mm512_load_ps(queries + lane * stride) : _mm512_setzero_ps();
    turn_queries(row, to + step * tile_side * Columns);
  }
}
inline void spread_queries(const float* queries, std::size_t stride, std::size_t count,
                           std::size_t steps, float* to) {
  if (columns_for(count) == 8) {
    spread_columns<8>(queries, stride, count, steps, to);
  } else {
    spread_columns<16>(queries, stride, count, steps, to);
  }
}

// Sixteen rows of eight as eight of sixteen.
inline void turn_scores(const float* from, __m512 (&to)[8]) {
  // Row j, and row j + 8 behind it.
  __m512 row[8];
#pragma GCC unroll 8
  for (std::size_t j = 0; j < 8; ++j)
    row[j] = _mm512_insertf32x8(_mm512_castps256_ps512(_mm256_load_ps(from + j * 8)),
                                _mm256_load_ps(from + (j + 8) * 8), 1);
  // fours[q][c]: columns c and c + 4 of rows 4 q to 4 q + 3, and of those 8 behind.
  __m512 fours[2][4];
  turn_fours(row, fours[0]);
  turn_fours(row + 4, fours[1]);
  const __m512i left = _mm512_set_epi64(13, 12, 5, 4, 9, 8, 1, 0);
  const __m512i right = _mm512_set_epi64(15, 14, 7, 6, 11, 10, 3, 2);
#pragma GCC unroll 4
  for (std::size_t c = 0; c < 4; ++c) {
    const __m512d upper = _mm512_castps_pd(fours[0][c]);
    const __m512d lower = _mm512_castps_pd(fours[1][c]);
    to[c] = _mm512_castpd_ps(_mm512_permutex2var_pd(upper, left, lower));
    to[4 + c] = _mm512_castpd_ps(_mm512_permutex2var_pd(upper, right, lower));
  }
}

// The same of sixteen.
inline void turn_scores(const float* from, __m512 (&to)[16]) {
#pragma GCC unroll 16
  for (std::size_t j = 0; j < 16; ++j) to[j] = _mm512_load_ps(from + j * 16);
  turn_square(to);
}

// Up to 32 keys, or pieces of them, as operands: rows of `steps` lines, to meet `queries`.
struct KeyPiece {
  alignas(64) std::uint16_t numbers[keys_together * numbers_together];
  std::size_t steps = 0;
  const float* queries = nullptr;
  std::size_t first_key = 0;
  bool starts = false, ends = false;  // the keys' sums
};

// Sums of such keys as tiles give them, [keys][queries], until `taken` of the two are scores.
struct KeySums {
  alignas(64) float numbers[keys_together * most_few];
  std::size_t first_key = 0;
  std::size_t taken = 2;
};

template <std::size_t Columns>
inline void dot_keys(const KeyPiece& piece, std::size_t step) {
  const std::size_t bytes = piece.steps * 64;
  const std::uint16_t* upper = piece.numbers + step * line_numbers;
  if (step == 0 && piece.starts) {
    zero_tile<0>();
    zero_tile<1>();
  }
  load_tile<query_tile>(piece.queries + step * tile_side * Columns, Columns * sizeof(float));
  load_tile<line_tile>(upper, bytes);
  dot_bf16<0, line_tile, query_tile>();
  load_tile<line_tile>(upper + tile_side * bytes / sizeof *upper, bytes);
  dot_bf16<1, line_tile, query_tile>();
}

// Scores of a few queries, [queries][few_tile_stride]. Three pieces are under way: while one is
// made the one before is multiplied and the sums of that before become scores. A product's time,
// the way through the cache to the tiles, and that back from them would else each hold up what is
// read.
//
// `in` says how keys are read. It is not a member: what tiles are loaded from may not stay in
// registers.
template <std::size_t Columns>
class FewScores {
 public:
  FewScores(std::size_t count, std::size_t rows, float* tile)
      : count_(count), rows_(rows), tile_(tile) {}

  // Numbers [e, e + numbers_together) of up to 32 rows of `size` from `first_key` on, which are at
  // `from`. Rows of a piece without a key hold anything: a row is in no sum but its own.
  template <typename In>
  void add(const In& in, const std::uint16_t* from, std::size_t first_key, std::size_t size,
           std::size_t e, const float* queries, const Reading& reading) {
    const std::size_t count = size - e < numbers_together ? size - e : numbers_together;
    const std::size_t rows = rows_ - first_key < keys_together ? rows_ - first_key : keys_together;
    KeyPiece& piece = pieces_[now_];
    piece.steps = (count + line_numbers - 1) / line_numbers;
    std::uint16_t* to = piece.numbers;
    for (std::size_t k = 0; k < rows; k += keys_between) {
      const std::size_t some = rows - k < keys_between ? rows - k : keys_between;
      // In the order of what is read when a row is one piece, or nearly so.
      TwoStages asking =
          reading.ahead<TwoStages>(((first_key + k) * size + some * e) * sizeof *from);
      make(in, from + k * size, some, size, count, to, asking);
      to += some * piece.steps * line_numbers;
      multiply((k + keys_between) * pieces_[1 - now_].steps / keys_together);
      if (k / keys_between % 2 == 1) take_half(in);
    }
    end_before(in);
    piece.queries = queries + e / 2 * Columns;
    piece.first_key = first_key;
    piece.starts = e == 0;
    piece.ends = e + count == size;
    now_ = 1 - now_;
  }

  template <typename In>
  void finish(const In& in, Reading& reading) {
    constexpr std::size_t lines = 32;  // what memory gives in that time
    for (std::size_t line = 0; line < lines; ++line) ask_second(reading.another_last());
    end_before(in);
    take_all(in);
  }

 private:
  static constexpr std::size_t keys_between = 8;

  template <typename In>
  static void make(const In& in, const std::uint16_t* from, std::size_t rows, std::size_t size,
                   std::size_t count, std::uint16_t* to, TwoStages& asking) {
    for (; rows > 0; --rows, from += size) {
      std::size_t e = 0;
      for (; e + line_numbers <= count; e += line_numbers, to += line_numbers) {
        store(reinterpret_cast<float*>(to), in.key(from + e));
        ask(asking);
      }
      if (e < count) {
        store(reinterpret_cast<float*>(to), in.key_part(from + e, count - e));
        ask(asking);
        to += line_numbers;
      }
    }
  }
  // The piece before, up to `step`.
  void multiply(std::size_t step) {
    for (; step_ < step; ++step_) dot_keys<Columns>(pieces_[1 - now_], step_);
  }
  template <typename In>
  void end_before(const In& in) {
    KeyPiece& before = pieces_[1 - now_];
    multiply(before.steps);
    step_ = 0;
    before.steps = 0;
    if (!before.ends) return;
    before.ends = false;
    take_all(in);
    sums_.first_key = before.first_key;
    sums_.taken = 0;
    store_tile<0>(sums_.numbers, Columns * sizeof(float));
    store_tile<1>(sums_.numbers + tile_side * Columns, Columns * sizeof(float));
  }
  template <typename In>
  void take_all(const In& in) {
    while (sums_.taken < 2) take_half(in);
  }
  template <typename In>
  void take_half(const In& in) {
    if (sums_.taken == 2) return;
    const std::size_t key = sums_.first_key + sums_.taken * tile_side;
    const float* from = sums_.numbers + sums_.taken++ * tile_side * Columns;
    if (key >= rows_) return;
    __m512 turned[Columns];
    turn_scores(from, turned);
#pragma GCC unroll 16
    for (std::size_t r = 0; r < Columns; ++r)
      if (r < count_)
        store(tile_ + r * few_tile_stride + key, in.stored(reinterpret_cast<Vf>(turned[r])));
  }

  std::size_t count_, rows_;
  float* tile_;
  KeyPiece pieces_[2];
  KeySums sums_;
  std::size_t now_ = 0, step_ = 0;
};

// As few_scores of ProductOps, queries as spread_queries gives them; false where `of` met what it
// has no quick way for, and no score is to be used.
template <std::size_t Columns, typename In>
bool few_tile_scores_of(const In& of, const float* queries, std::size_t count,
                        const std::uint16_t* keys, std::size_t rows, std::size_t size, float* tile,
                        Reading& reading) {
  FewScores<Columns> scores(count, rows, tile);
  const In in = of;
  for (std::size_t k = 0; k < rows; k += keys_together) {
    for (std::size_t e = 0; e < size; e += numbers_together)
      scores.add(in, keys + k * size + e, k, size, e, queries, reading);
  }
  scores.finish(in, reading);
  return in.certain();
}

// As few_scores of ProductOps; `size` is up to most_tile_numbers.
inline void few_tile_scores(const float* queries, std::size_t /*query_stride*/, std::size_t count,
                            const void* keys, std::size_t rows, std::size_t size,
                            const KeyScale& scale, float* tile, Reading& reading) {
  const auto* at = static_cast<const std::uint16_t*>(keys);
  auto run = [&](const auto& in) {
    return columns_for(count) == 8
               ? few_tile_scores_of<8>(in, queries, count, at, rows, size, tile, reading)
               : few_tile_scores_of<16>(in, queries, count, at, rows, size, tile, reading);
  };
  if (!scale.by_steps || !run(SteppedKeys(scale))) run(ScaledKeys(scale));
}

}  // namespace
