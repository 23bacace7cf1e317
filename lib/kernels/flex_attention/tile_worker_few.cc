// A worker with few queries (decode): their scores are rows of few_tile_, and become lanes of tile_
// only for what is written for lanes, the programs.
//
// Memory is what bounds the speed, so it must not wait for what is computed. A core reads fastest
// what it reads in order, by what its caches fetch on their own; that stops where nothing is read,
// and hardly starts where rows are read by columns or K and V in turns. So K and V are gone through
// a few rows at a time, and each line that is read asks for those some thousand bytes later in the
// order in which all is read (Distances, Reading): the keys of a tile, its values, the next tile's
// keys. Asking for much more at once is slower, since then every line waits for memory in the
// nearest cache's few slots. A CPU that fetches by itself what is read line after line gets that
// instead where its loops can (tile_few_order.h).
#include <algorithm>
#include <limits>

#include "flex_attention/tile_worker.h"

namespace onnxpack::kernels::flex {
namespace {

constexpr float minus_infinity = -std::numeric_limits<float>::infinity();

std::size_t size(std::int64_t value) {
  return static_cast<std::size_t>(value);
}

}  // namespace

// Keys of a tile that no program sees: 128 KB or so of K and of V, since between the two memory has
// to be seen to be read in order anew; more where only the CPU sees to that.
std::int64_t Worker::few_rows() const {
  const std::size_t bytes_each = in_order_ ? 262144 : 131072;
  const std::size_t row_bytes =
      size(std::max<std::int64_t>({a_.qk_size, a_.v_size, 1})) * element_bytes_;
  return static_cast<std::int64_t>(std::clamp(bytes_each / row_bytes / most_rows * most_rows,
                                              most_rows,
                                              in_order_ ? most_few_rows : usual_few_rows));
}

// Lanes without a query are computed with, but never written: they see what the last one sees.
void Worker::turn_to_lanes(std::size_t rows) {
  float* tile = tile_.data();
  ops_.transpose(few_tile_.data(), lanes_, rows, few_tile_stride, 1.0F, tile, lanes_);
  for (std::size_t row = 0; row < rows; ++row) {
    float* lanes = tile + row * lanes_;
    std::fill(lanes + few_, lanes + lanes_, lanes[few_ - 1]);
  }
}

void Worker::turn_to_rows(std::size_t rows) {
  float* tile = few_tile_.data();
  ops_.transpose(tile_.data(), rows, lanes_, lanes_, 1.0F, tile, few_tile_stride);
  // Weights may be taken in pairs.
  for (std::size_t row = 0; rows % 2 == 1 && row < few_; ++row)
    tile[row * few_tile_stride + rows] = 0;
}

void Worker::visit_few(std::int64_t begin, std::size_t rows, TileClass what, Pass pass) {
  counts_.scores += rows * lanes_;
  const auto end = begin + static_cast<std::int64_t>(rows);
  const Ahead keys = bytes(a_.k, a_.qk_size, begin, end);
  const Ahead values = bytes(a_.v, a_.v_size, begin, end);
  // The tile that comes next, if it is not skipped.
  const Ahead next = end < last_key_ ? bytes(a_.k, a_.qk_size, end, end) : values;
  // A CPU that sees the order by itself needs some time for it, which short pieces do not give.
  constexpr std::size_t long_bytes = 65536;
  const bool in_order = in_order_ && std::min(keys.bytes(), values.bytes()) >= long_bytes;
  const Lookahead way = in_order ? Lookahead::in_order : asking_way(call_.lookahead, few_);
  Reading first = Reading::of_keys(keys, values.at, way, few_, lead_);
  score_few(begin, rows, what, first);
  Reading second = Reading::of_values(values, next.at, first);
  if (pass == Pass::scores) {
    // A prob_mod sees probabilities as exact as the loops for many give them.
    const bool coarse = pairs_ != nullptr && one_pass_ && !prob_;
    const auto softmax = coarse ? pairs_->few_softmax : ops_.few_softmax;
    softmax(few_tile_.data(), rows, few_, maximum_.data(), sum_.data(), factor_.data(), second);
  }
  lead_ = second.lead_left();
  if (pass == Pass::scores && !one_pass_) return;
  const bool modified = prob_ && prob_->decide(begin, end - 1) != TileClass::full;
  if (pass == Pass::values || modified) {
    turn_to_lanes(rows);
    if (pass == Pass::values) {
      for (float* of_lane : {maximum_.data(), sum_.data()})
        std::fill(of_lane + few_, of_lane + lanes_, of_lane[few_ - 1]);
      ops_.probabilities(tile_.data(), rows, lanes_, lanes_, maximum_.data(), sum_.data());
    }
    if (modified) prob_->apply(tile_.data(), begin, rows);
    turn_to_rows(rows);
  }
  few_products().few_weigh(few_tile_.data(), rows, values.at, size(a_.v_size), few_, factor_.data(),
                           out_.data(), out_stride_, second);
  lead_ = second.lead_left();
}

const ProductOps& Worker::few_products() const {
  if (pairs_ != nullptr || call_.spec.element == Type::f32) return products();
  return call_.spec.element == Type::f16 ? ops_.few_f16 : ops_.few_bf16;
}

void Worker::score_few(std::int64_t begin, std::size_t rows, TileClass what, Reading& keys) {
  float* tile = few_tile_.data();
  if (what == TileClass::empty) {
    std::fill_n(tile, few_ * few_tile_stride, minus_infinity);
    return;
  }
  few_products().few_scores(queries_.data(), few_stride_, few_, keys.begin, rows, size(a_.qk_size),
                            key_scale_, tile, keys);
  const std::size_t rounded = (rows + 15) / 16 * 16;
  for (std::size_t row = 0; row < few_; ++row) round_scores(tile + row * few_tile_stride, rounded);
  if (what != TileClass::partial) return;
  turn_to_lanes(rows);
  score_->apply(tile_.data(), begin, rows);
  turn_to_rows(rows);
}

}  // namespace onnxpack::kernels::flex
