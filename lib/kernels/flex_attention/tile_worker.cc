#include "flex_attention/tile_worker.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "flex_attention/half.h"

namespace onnxpack::kernels::flex {
namespace {

constexpr std::size_t lane_step = 16;
// Rows that a panel is shortened by together.
constexpr std::size_t trim_rows = 16;
constexpr float minus_infinity = -std::numeric_limits<float>::infinity();

std::size_t padded(std::size_t count) {
  return (count + lane_step - 1) / lane_step * lane_step;
}
std::size_t size(std::int64_t value) {
  return static_cast<std::size_t>(value);
}

}  // namespace

Worker::Worker(const Call& call, const TileOps& ops, const TileProgram* score,
               const TileProgram* prob, bool one_pass)
    : call_(call),
      a_(call.arguments),
      ops_(ops),
      pairs_(call.spec.element == Type::bf16 ? ops.pairs : nullptr),
      element_bytes_(call.spec.element == Type::f32 ? 4 : 2),
      one_pass_(one_pass),
      pair_stride_(padded((size(a_.qk_size) + 1) / 2)),
      few_stride_(pairs_ != nullptr ? pair_stride_ : padded(size(a_.qk_size))),
      out_stride_(padded(size(a_.v_size))),
      queries_(few_stride_ * most_lanes),
      tile_(most_rows * most_lanes),
      out_(out_stride_ * most_lanes),
      maximum_(most_lanes),
      sum_(most_lanes),
      factor_(most_lanes) {
  if (score != nullptr) score_.emplace(*score);
  if (prob != nullptr) {
    prob_.emplace(*prob);
    zero_stays_ = prob->keeps_zero();
  }
  if (call.spec.element == Type::f32) return;
  rows_ = Floats(std::max(few_stride_, out_stride_) * most_lanes);
  keys_ = Floats((pairs_ != nullptr ? pair_stride_ : size(a_.qk_size)) * most_rows);
  values_ = Floats(size(a_.v_size) * most_rows / (pairs_ != nullptr ? 2 : 1));
  if (pairs_ != nullptr) packed_ = Floats(most_rows / 2 * most_lanes);
}

std::size_t Worker::row_number(const QueryTile& tile, std::int64_t lane) const {
  const std::int64_t group = a_.q_heads / a_.kv_heads;
  const std::int64_t first_head = tile.batch * a_.q_heads + tile.kv_head * group;
  return size(first_head * a_.q_length + tile.row + lane);
}

float Worker::root() const {
  const double exact = std::sqrt(static_cast<double>(call_.scale));
  return static_cast<float>(
      round_to(call_.spec.element, {static_cast<double>(static_cast<float>(exact)), 0}).f);
}

Worker::State Worker::state() {
  if (few_ > 0) return {few_, out_stride_, 1, maximum_.data(), sum_.data(), out_.data()};
  return {lanes_, 1, lanes_, maximum_.data(), sum_.data(), out_.data()};
}

void Worker::start(const QueryTile& tile, const QueryTile* next) {
  lanes_ = padded(size(tile.count));
  few_ = size(tile.count) <= most_few ? size(tile.count) : 0;
  kv_ = (a_.kv_batch == 1 ? 0 : tile.batch) * a_.kv_heads + tile.kv_head;
  load_queries(tile);
  fetch_next(tile, next);
  std::fill_n(out_.data(), out_stride_ * std::max(lanes_, few_), 0.0F);
  std::fill_n(maximum_.data(), lanes_, minus_infinity);
  std::fill_n(sum_.data(), lanes_, 0.0F);
  start_programs(tile);
}

void Worker::start_programs(const QueryTile& tile) {
  if (!score_ && !prob_) return;
  std::array<std::int32_t, most_lanes> q{};
  std::array<std::int32_t, most_lanes> h{};
  const std::int64_t group = a_.q_heads / a_.kv_heads;
  for (std::size_t lane = 0; lane < lanes_; ++lane) {
    const std::int64_t row = tile.row + std::min(static_cast<std::int64_t>(lane), tile.count - 1);
    q[lane] = static_cast<std::int32_t>(row % a_.q_length);
    h[lane] = static_cast<std::int32_t>(tile.kv_head * group + row / a_.q_length);
  }
  const std::span<const std::int32_t> qs(q.data(), lanes_);
  const std::span<const std::int32_t> hs(h.data(), lanes_);
  if (score_) score_->start(tile.batch, qs, hs, lanes_);
  if (prob_) prob_->start(tile.batch, qs, hs, lanes_);
}

// queries[e][lane], times the scale for f32, else times its root rounded to the type as the body
// does. Lanes without a query repeat the last one.
void Worker::load_queries(const QueryTile& tile) {
  const std::size_t e_size = size(a_.qk_size);
  const std::size_t count = size(tile.count);
  const auto* from =
      static_cast<const std::byte*>(a_.q) + row_number(tile, 0) * e_size * element_bytes_;
  if (few_ > 0) return load_few_queries(from, count);
  float* to = queries_.data();
  std::size_t deep = e_size;
  if (call_.spec.element == Type::f32) {
    ops_.transpose(reinterpret_cast<const float*>(from), count, e_size, e_size, call_.scale, to,
                   lanes_);
  } else if (pairs_ != nullptr) {
    pairs_->scale(from, count, e_size, root(), rows_.data(), pair_stride_);
    deep = (e_size + 1) / 2;
    ops_.transpose(rows_.data(), count, deep, pair_stride_, 1.0F, to, lanes_);
  } else {
    ops_.widen(from, call_.spec.element, count * e_size, root(), rows_.data());
    ops_.transpose(rows_.data(), count, e_size, e_size, 1.0F, to, lanes_);
  }
  for (std::size_t e = 0; count < lanes_ && e < deep; ++e) {
    for (std::size_t lane = count; lane < lanes_; ++lane)
      std::memcpy(to + e * lanes_ + lane, to + e * lanes_ + count - 1, sizeof *to);
  }
}

void Worker::load_few_queries(const std::byte* from, std::size_t count) {
  const std::size_t e_size = size(a_.qk_size);
  float* to = queries_.data();
  if (pairs_ != nullptr) return pairs_->scale(from, count, e_size, root(), to, pair_stride_);
  std::fill_n(to, few_stride_ * count, 0.0F);
  for (std::size_t row = 0; row < count; ++row) {
    if (call_.spec.element == Type::f32) {
      const float* at = reinterpret_cast<const float*>(from) + row * e_size;
      for (std::size_t e = 0; e < e_size; ++e) to[row * few_stride_ + e] = at[e] * call_.scale;
    } else {
      ops_.widen(from + row * e_size * element_bytes_, call_.spec.element, e_size, root(),
                 to + row * few_stride_);
    }
  }
}

Ahead Worker::bytes(const void* base, std::int64_t row_size, std::int64_t first,
                    std::int64_t last) const {
  const auto* at = static_cast<const char*>(base);
  const std::size_t row_bytes = size(row_size) * element_bytes_;
  const std::size_t row = size(kv_ * a_.kv_length);
  return {at + (row + size(first)) * row_bytes, at + (row + size(last)) * row_bytes};
}

// Queries, and the first keys where they are another head's, which nothing else would see coming.
void Worker::fetch_next(const QueryTile& tile, const QueryTile* next) const {
  if (next == nullptr || few_ > 0) return;
  auto fetch = [](const char* at, std::size_t count) {
    for (std::size_t byte = 0; byte < count; byte += 64) __builtin_prefetch(at + byte, 0, 2);
  };
  const std::size_t row_bytes = size(a_.qk_size) * element_bytes_;
  fetch(static_cast<const char*>(a_.q) + row_number(*next, 0) * row_bytes,
        size(next->count) * row_bytes);
  if (next->kv_head == tile.kv_head && next->batch == tile.batch) return;
  const std::int64_t kv = (a_.kv_batch == 1 ? 0 : next->batch) * a_.kv_heads + next->kv_head;
  fetch(static_cast<const char*>(a_.k) + size(kv * a_.kv_length) * row_bytes,
        std::min(most_rows, size(a_.kv_length)) * row_bytes);
}

void Worker::attend(std::int64_t first_key, std::int64_t last_key) {
  last_key_ = last_key;
  walk(first_key, last_key, Pass::scores);
  const std::size_t lanes = few_ > 0 ? few_ : lanes_;
  const bool masked =
      std::ranges::any_of(std::span(sum_.data(), lanes), [](float sum) { return sum == 0; });
  // A probability that is NaN, or 0 by our option, is prob_mod's to see, however homogeneous it
  // is.
  final_ = !one_pass_ || (prob_ && masked);
  if (!final_) return;
  const bool zeros = call_.spec.zero_masked_rows;
  for (std::size_t lane = 0; zeros && lane < lanes_; ++lane) {
    if (sum_.data()[lane] == 0) sum_.data()[lane] = std::numeric_limits<float>::infinity();
  }
  skip_masked_ = zero_stays_ && (zeros || !masked);
  std::fill_n(out_.data(), out_stride_ * std::max(lanes_, few_), 0.0F);
  std::fill_n(factor_.data(), lanes_, 1.0F);
  walk(first_key, last_key, Pass::values);
}

void Worker::write(const QueryTile& tile) {
  const auto count = size(tile.count);
  const std::size_t v_size = size(a_.v_size);
  alignas(64) std::array<float, most_lanes> divisor{};
  divisor.fill(1.0F);
  for (std::size_t lane = 0; lane < count && !final_; ++lane) {
    const float sum = sum_.data()[lane];
    divisor[lane] = sum;
    const bool masked = maximum_.data()[lane] == minus_infinity && sum == 0;
    if (!masked) continue;
    // No key, or none that is not masked: NaN by the operator's body, which has no row to divide
    // where S is 0.
    const bool zeros = a_.kv_length == 0 || call_.spec.zero_masked_rows;
    divisor[lane] = zeros ? 1.0F : std::numeric_limits<float>::quiet_NaN();
  }
  const std::size_t base = row_number(tile, 0) * v_size;
  const bool wide = call_.spec.element == Type::f32;
  float* rows = wide ? static_cast<float*>(a_.y) + base : rows_.data();
  if (few_ > 0) {
    for (std::size_t i = 0; i < count * v_size; ++i)
      rows[i] = out_.data()[i / v_size * out_stride_ + i % v_size] / divisor[i / v_size];
  } else {
    ops_.divide(out_.data(), v_size, lanes_, divisor.data());
    ops_.transpose(out_.data(), v_size, count, lanes_, 1.0F, rows, v_size);
  }
  if (wide) return;
  const bool half = call_.spec.element == Type::f16;
  auto* y = static_cast<std::uint16_t*>(a_.y) + base;
  for (std::size_t i = 0; i < count * v_size; ++i)
    y[i] = half ? float_to_half(rows[i]) : float_to_bfloat(rows[i]);
}

// Halves a range of keys until it is empty, needs no program, or is one tile.
void Worker::walk(std::int64_t first, std::int64_t last, Pass pass) {
  constexpr auto rows = static_cast<std::int64_t>(most_rows);
  if (first >= last) return;
  const TileClass what = score_ ? score_->decide(first, last - 1) : TileClass::full;
  const bool masked = what == TileClass::empty;
  if (masked && (pass == Pass::scores || skip_masked_)) {
    ++counts_.empty;
    return;
  }
  if (masked || what == TileClass::full || last - first <= rows) {
    for (std::int64_t k = first; k < last; k += rows)
      visit(k, size(std::min(rows, last - k)), what, pass);
    return;
  }
  const std::int64_t middle = first + ((last - first) / 2 + rows - 1) / rows * rows;
  walk(first, std::min(middle, last), pass);
  walk(std::min(middle, last), last, pass);
}

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

void Worker::visit(std::int64_t first, std::size_t rows, TileClass what, Pass pass) {
  panel_count_ = 0;
  for (std::size_t lane = 0; lane < lanes_; lane += panel_lanes)
    panels_[panel_count_++] = {lane, std::min(panel_lanes, lanes_ - lane), 0, rows};
  begin_ = 0, end_ = rows;
  if (what == TileClass::partial && score_->cuts() && (pass == Pass::scores || skip_masked_) &&
      !trim(first, rows)) {
    ++counts_.empty;
    return;
  }
  ++(what == TileClass::full ? counts_.full : counts_.partial);
  score(first, what);
  for (const Panel& panel : std::span(panels_).first(panel_count_)) {
    if (panel.begin >= panel.end) continue;
    float* tile = tile_.data() + panel.begin * lanes_ + panel.lane;
    float* maximum = maximum_.data() + panel.lane;
    float* sum = sum_.data() + panel.lane;
    if (pass == Pass::scores) {
      ops_.softmax(tile, panel.end - panel.begin, lanes_, panel.count, maximum, sum,
                   factor_.data() + panel.lane);
    } else {
      ops_.probabilities(tile, panel.end - panel.begin, lanes_, panel.count, maximum, sum);
    }
  }
  if (pass == Pass::scores && !one_pass_) return;
  const auto begin = first + static_cast<std::int64_t>(begin_);
  const auto end = first + static_cast<std::int64_t>(end_);
  if (prob_ && prob_->decide(begin, end - 1) != TileClass::full) {
    clear_unseen();
    prob_->apply(tile_.data() + begin_ * lanes_, begin, end_ - begin_);
  }
  weigh(first);
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

Worker::Rows Worker::keys_of(std::int64_t first, std::size_t rows) {
  const std::size_t e_size = size(a_.qk_size);
  const char* from = bytes(a_.k, a_.qk_size, first, first).at;
  if (call_.spec.element == Type::f32) return {reinterpret_cast<const float*>(from), e_size};
  if (pairs_ != nullptr) {
    pairs_->scale(from, rows, e_size, root(), keys_.data(), pair_stride_);
    return {keys_.data(), pair_stride_};
  }
  ops_.widen(from, call_.spec.element, rows * e_size, root(), keys_.data());
  return {keys_.data(), e_size};
}

Worker::Rows Worker::values_of(std::int64_t first, std::size_t rows) {
  const std::size_t v_size = size(a_.v_size);
  const char* from = bytes(a_.v, a_.v_size, first, first).at;
  if (call_.spec.element == Type::f32) return {reinterpret_cast<const float*>(from), v_size};
  if (pairs_ != nullptr) {
    pairs_->interleave(from, rows, v_size, values_.data());
  } else {
    ops_.widen(from, call_.spec.element, rows * v_size, 1.0F, values_.data());
  }
  return {values_.data(), v_size};
}

void Worker::round_scores(std::size_t rows) {
  if (call_.spec.element == Type::f32 || pairs_ != nullptr) return;
  VmCall call;
  call.lanes = rows * lanes_;
  call.a = {tile_.data() + begin_ * lanes_, 0, 1};
  call.result = tile_.data() + begin_ * lanes_;
  const auto extra = call_.spec.element == Type::f16 ? VmExtra::round_f16 : VmExtra::round_bf16;
  ops_.function({.extra = extra})(call);
}

// The tile's scores, modified, in rows begin_ to end_.
void Worker::score(std::int64_t first, TileClass what) {
  const std::size_t rows = end_ - begin_;
  float* tile = tile_.data() + begin_ * lanes_;
  if (what == TileClass::empty) {
    std::fill_n(tile, rows * lanes_, minus_infinity);
    return;
  }
  const auto begin = first + static_cast<std::int64_t>(begin_);
  const auto end = first + static_cast<std::int64_t>(end_);
  const Rows keys = keys_of(begin, rows);
  const ProductOps& products = pairs_ != nullptr ? pairs_->products : ops_.products;
  const std::size_t deep = pairs_ != nullptr ? (size(a_.qk_size) + 1) / 2 : size(a_.qk_size);
  if (few_ > 0) {
    std::fill_n(tile, rows * lanes_, 0.0F);
    products.few_scores(queries_.data(), few_stride_, few_, keys.data, keys.stride, rows, deep,
                        lanes_, tile);
  } else {
    Ahead ahead = bytes(a_.v, a_.v_size, begin, end);
    for (const Panel& panel : std::span(panels_).first(panel_count_)) {
      if (panel.begin >= panel.end) continue;
      const std::size_t skipped = panel.begin - begin_;
      products.scores(queries_.data() + panel.lane, keys.data + skipped * keys.stride, keys.stride,
                      panel.end - panel.begin, deep, lanes_, panel.count,
                      tile + skipped * lanes_ + panel.lane, ahead);
    }
  }
  if (what == TileClass::partial) clear_unseen();
  round_scores(rows);
  if (what == TileClass::partial) score_->apply(tile, begin, rows);
}

void Worker::weigh(std::int64_t first) {
  const auto begin = first + static_cast<std::int64_t>(begin_);
  const Rows values = values_of(begin, end_ - begin_);
  const ProductOps& products = pairs_ != nullptr ? pairs_->products : ops_.products;
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
      pairs_->pack(tile, rows, lanes_, panel.count, packed_.data() + panel.lane);
      tile = packed_.data() + panel.lane;
      rows = (rows + 1) / 2;
      skipped /= 2;
    }
    const float* from = values.data + skipped * values.stride;
    if (few_ > 0) {
      products.few_weigh(tile, rows, from, values.stride, size(a_.v_size), few_, lanes_,
                         factor_.data(), out_.data(), out_stride_);
    } else {
      products.weigh(tile, rows, from, values.stride, size(a_.v_size), lanes_, panel.count,
                     factor_.data() + panel.lane, out_.data() + panel.lane, ahead);
    }
  }
}

}  // namespace onnxpack::kernels::flex
