// A worker's tile by panels of queries: of each only the rows that it sees are worked on.
#include <algorithm>

#include "flex_attention/tile_worker.h"

namespace onnxpack::kernels::flex {
namespace {

// Rows that a panel is shortened by together.
constexpr std::size_t trim_rows = 16;

std::size_t size(std::int64_t value) {
  return static_cast<std::size_t>(value);
}

}  // namespace

// The rows of one panel without those at both ends that are masked, found by halving.
Worker::Panel Worker::trimmed(std::size_t lane, std::int64_t first, std::size_t rows) {
  Panel out{lane, std::min(panel_lanes, lanes_ - lane), 0, rows};
  auto empty = [&](std::size_t begin, std::size_t end) {
    return score_->probe(lane / panel_lanes, first + static_cast<std::int64_t>(begin),
                         first + static_cast<std::int64_t>(end) - 1) == TileClass::empty;
  };
  const std::size_t steps = (rows + trim_rows - 1) / trim_rows;
  // The most steps that are empty from one end, of [0, steps - taken].
  auto most = [&](std::size_t taken, auto&& is_empty) {
    std::size_t low = 0;
    for (std::size_t high = steps - taken; low < high;) {
      // Where nothing is to be found, the first look says so.
      const std::size_t middle = low == 0 ? 1 : (low + high + 1) / 2;
      if (is_empty(middle)) {
        low = middle;
      } else {
        high = middle - 1;
      }
    }
    return low;
  };
  const std::size_t tail =
      most(0, [&](std::size_t n) { return empty((steps - n) * trim_rows, rows); });
  if (tail > 0) out.end = (steps - tail) * trim_rows;
  if (out.end == 0) return out;
  out.begin = trim_rows *
              most(tail, [&](std::size_t n) { return empty(0, std::min(n * trim_rows, rows)); });
  return out;
}

// Whether there is something left. Masks whose edges are nowhere found are asked ever more seldom.
bool Worker::trim(std::int64_t first, std::size_t rows) {
  const bool look = worth_trimming_ > 0 || --worth_trimming_ % 16 == 0;
  bool found = false;
  for (std::size_t panel = 0; look && panel < panel_count_; ++panel) {
    panels_[panel] = trimmed(panel * panel_lanes, first, rows);
    found = found || panels_[panel].begin > 0 || panels_[panel].end < rows;
  }
  if (look) worth_trimming_ = found ? 8 : worth_trimming_ - 1;
  begin_ = rows, end_ = 0;
  for (const Panel& panel : std::span(panels_).first(panel_count_)) {
    if (panel.begin >= panel.end) continue;
    begin_ = std::min(begin_, panel.begin);
    end_ = std::max(end_, panel.end);
  }
  return begin_ < end_;
}

// Turns scores into weights.
void Worker::fold_panels(Pass pass, bool packs) {
  for (const Panel& panel : std::span(panels_).first(panel_count_)) {
    if (panel.begin >= panel.end) continue;
    const std::size_t rows = panel.end - panel.begin;
    float* tile = tile_.data() + panel.begin * lanes_ + panel.lane;
    float* maximum = maximum_.data() + panel.lane;
    float* sum = sum_.data() + panel.lane;
    float* factor = factor_.data() + panel.lane;
    if (packs) {
      pairs_->softmax(tile, rows, lanes_, panel.count, maximum, sum, factor,
                      packed_.data() + panel.lane);
    } else if (pass == Pass::scores) {
      ops_.softmax(tile, rows, lanes_, panel.count, maximum, sum, factor);
    } else {
      ops_.probabilities(tile, rows, lanes_, panel.count, maximum, sum);
    }
  }
}

// One panel of those that see the same keys, if that is faster.
void Worker::join_panels() {
  if (!products().panels_joined) return;
  for (const Panel& panel : std::span(panels_).first(panel_count_))
    if (panel.begin != panels_[0].begin || panel.end != panels_[0].end) return;
  panels_[0].count = lanes_;
  panel_count_ = 1;
}

// What a program sees but nobody reads is set to something harmless.
void Worker::clear_unseen() {
  for (const Panel& panel : std::span(panels_).first(panel_count_)) {
    for (std::size_t row = begin_; row < end_; ++row) {
      if (row < panel.begin || row >= panel.end)
        std::fill_n(tile_.data() + row * lanes_ + panel.lane, panel.count, 0.0F);
    }
  }
}

// Scores, or, where nothing is to be done with them, weights.
void Worker::score_panels(std::int64_t begin, std::int64_t end, bool weights) {
  const Rows keys = keys_of(begin, size(end - begin));
  Ahead ahead = bytes(a_.v, a_.v_size, begin, end);
  for (const Panel& panel : std::span(panels_).first(panel_count_)) {
    if (panel.begin >= panel.end) continue;
    fetch_later(ahead, begin);
    const std::size_t rows = panel.end - panel.begin;
    const std::size_t lane = panel.lane;
    const float* queries = queries_.data() + lane;
    const float* first = keys.data + (panel.begin - begin_) * keys.stride;
    counts_.scores += rows * panel.count;
    if (weights) {
      pairs_->attend(queries, first, keys.stride, rows, depth(), lanes_, panel.count,
                     maximum_.data() + lane, sum_.data() + lane, factor_.data() + lane,
                     packed_.data() + lane);
    } else {
      products().scores(queries, first, keys.stride, rows, depth(), lanes_, panel.count,
                        tile_.data() + panel.begin * lanes_ + lane, ahead);
    }
  }
}

void Worker::weigh(std::int64_t first, bool packed) {
  const auto begin = first + static_cast<std::int64_t>(begin_);
  const Rows values = values_of(begin, end_ - begin_);
  const auto next = first + static_cast<std::int64_t>(most_rows);
  Ahead ahead;
  if (next < last_key_)
    ahead = bytes(a_.k, a_.qk_size, next,
                  std::min(next + static_cast<std::int64_t>(most_rows), last_key_));
  for (const Panel& panel : std::span(panels_).first(panel_count_)) {
    if (panel.begin >= panel.end) continue;
    std::size_t rows = panel.end - panel.begin;
    std::size_t skipped = panel.begin - begin_;
    const float* tile = tile_.data() + panel.begin * lanes_ + panel.lane;
    if (pairs_ != nullptr) {
      if (!packed) pairs_->pack(tile, rows, lanes_, panel.count, packed_.data() + panel.lane);
      tile = packed_.data() + panel.lane;
      rows = (rows + 1) / 2;
      skipped /= 2;
    }
    fetch_later(ahead, first);
    products().weigh(tile, rows, values.data + skipped * values.step, values.stride,
                     size(a_.v_size), lanes_, panel.count, factor_.data() + panel.lane,
                     out_.data() + panel.lane, ahead);
  }
}

}  // namespace onnxpack::kernels::flex
