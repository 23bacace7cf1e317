#include "flex_attention/tile_worker.h"

#include <algorithm>
#include <limits>

namespace onnxpack::kernels::flex {
namespace {

constexpr std::size_t lane_step = 16;
constexpr float minus_infinity = -std::numeric_limits<float>::infinity();

std::size_t padded(std::size_t count) {
  return (count + lane_step - 1) / lane_step * lane_step;
}
std::size_t size(std::int64_t value) {
  return static_cast<std::size_t>(value);
}

}  // namespace

Worker::Worker(const Call& call, const TileOps& ops, const TileProgram* score,
               const TileProgram* prob, bool one_pass, std::size_t widest)
    : call_(call),
      a_(call.arguments),
      ops_(ops),
      pairs_(call.spec.element == Type::bf16 ? ops.pairs : nullptr),
      element_bytes_(call.spec.element == Type::f32 ? 4 : 2),
      key_scale_(call.spec.element != Type::f32 ? KeyScale(root()) : KeyScale()),
      one_pass_(one_pass),
      pair_stride_(padded((size(a_.qk_size) + 1) / 2)),
      few_stride_(pairs_ != nullptr ? pair_stride_ : padded(size(a_.qk_size))),
      out_stride_(padded(size(a_.v_size))) {
  if (score != nullptr) score_.emplace(*score);
  may_trim_ = score != nullptr && score->cuts() && !score->reads_by_element() &&
              (prob == nullptr || !prob->reads_by_element());
  if (prob != nullptr) {
    prob_.emplace(*prob);
    zero_stays_ = prob->keeps_zero();
  }
  make_room(widest);
}

// Not more than these tiles need: what threads keep is small then, and a thread's first call, which
// finds nothing kept, is not much slower.
void Worker::make_room(std::size_t widest) {
  const bool few = widest <= few_limit();
  const std::size_t lanes = few ? lane_step : most_lanes;
  queries_ = Floats(room_, few_stride_ * lanes);
  out_ = Floats(room_, out_stride_ * lanes);
  maximum_ = Floats(room_, lanes);
  sum_ = Floats(room_, lanes);
  factor_ = Floats(room_, lanes);
  few_tile_ = Floats(room_, few_tile_stride * lane_step);
  if (!few || score_ || prob_) tile_ = Floats(room_, most_rows * lanes);
  if (call_.spec.element == Type::f32) return;
  rows_ = Floats(room_, std::max(few_stride_, out_stride_) * lanes);
  if (few) return;
  // Of bf16 4096 keys of size 128. That a cache still has them matters less than that they need not
  // be converted again: Emerald Rapids, 2 MiB of second cache, such a head 1.3 times as fast as
  // with a quarter of that. What is widened is twice as long and soon made again.
  const std::size_t kept_bytes = std::size_t{pairs_ != nullptr ? 1024U : 256U} << 10;
  const std::size_t key_floats = pairs_ != nullptr ? pair_stride_ : size(a_.qk_size);
  const std::size_t value_floats = size(a_.v_size) / (pairs_ != nullptr ? 2 : 1);
  const std::size_t blocks = (size(a_.kv_length) + most_rows - 1) / most_rows;
  const std::int64_t queries = a_.q_length * (a_.q_heads / a_.kv_heads);
  keeps_ = blocks * most_rows * std::max(key_floats, value_floats) * sizeof(float) <= kept_bytes &&
           size(queries) > most_lanes;
  if (keeps_) {
    keys_ready_.resize(blocks);
    values_ready_.resize(blocks);
  }
  const std::size_t rows = keeps_ ? blocks * most_rows : most_rows;
  keys_ = Floats(room_, key_floats * rows);
  values_ = Floats(room_, size(a_.v_size) * rows / (pairs_ != nullptr ? 2 : 1));
  if (pairs_ != nullptr) packed_ = Floats(room_, most_rows / 2 * most_lanes);
}

std::size_t Worker::few_limit() const {
  FewLimit limit;
  if (pairs_ != nullptr) {
    limit = pairs_->few_limit;
  } else if (call_.spec.element == Type::f32) {
    limit = ops_.few_limit;
  }
  return size(std::max(a_.qk_size, a_.v_size)) <= limit.numbers ? limit.queries : usual_few;
}

std::size_t Worker::row_number(const QueryTile& tile, std::int64_t lane) const {
  const std::int64_t group = a_.q_heads / a_.kv_heads;
  const std::int64_t first_head = tile.batch * a_.q_heads + tile.kv_head * group;
  return size(first_head * a_.q_length + tile.row + lane);
}

Worker::State Worker::state() {
  if (few_ > 0) return {few_, out_stride_, 1, maximum_.data(), sum_.data(), out_.data()};
  return {lanes_, 1, lanes_, maximum_.data(), sum_.data(), out_.data()};
}

void Worker::start(const QueryTile& tile, const QueryTile* next) {
  lanes_ = padded(size(tile.count));
  few_ = size(tile.count) <= few_limit() ? size(tile.count) : 0;
  const auto in_order = few_products().few_in_order;
  in_order_ = few_ > 0 && call_.lookahead == Lookahead::in_order && in_order != nullptr &&
              in_order(few_, size(a_.v_size));
  lead_ = 0;
  const std::int64_t kv = (a_.kv_batch == 1 ? 0 : tile.batch) * a_.kv_heads + tile.kv_head;
  if (kv != kv_) {
    std::fill(keys_ready_.begin(), keys_ready_.end(), false);
    std::fill(values_ready_.begin(), values_ready_.end(), false);
  }
  kv_ = kv;
  load_queries(tile);
  plan_fetches(tile, next);
  std::fill_n(out_.data(), out_stride_ * (few_ > 0 ? few_ : lanes_), 0.0F);
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

Ahead Worker::bytes(const void* base, std::int64_t row_size, std::int64_t first,
                    std::int64_t last) const {
  const auto* at = static_cast<const char*>(base);
  const std::size_t row_bytes = size(row_size) * element_bytes_;
  const std::size_t row = size(kv_ * a_.kv_length);
  return {at + (row + size(first)) * row_bytes, at + (row + size(last)) * row_bytes};
}

void Worker::attend(std::int64_t first_key, std::int64_t last_key) {
  last_key_ = last_key;
  const bool set_up =
      few_ > 0 && pairs_ != nullptr && pairs_->few_begin != nullptr && first_key < last_key;
  if (set_up) pairs_->few_begin(few_);
  attend_to(first_key, last_key);
  if (set_up) pairs_->few_end(few_);
}

void Worker::attend_to(std::int64_t first_key, std::int64_t last_key) {
  walk(first_key, last_key, Pass::scores);
  for (; later_count_ > 0; --later_count_) {
    const Ahead& rest = later_[later_count_ - 1];
    for (const char* at = rest.at; at < rest.end; at += 64) __builtin_prefetch(at);
  }
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
  std::fill_n(out_.data(), out_stride_ * (few_ > 0 ? few_ : lanes_), 0.0F);
  std::fill_n(factor_.data(), lanes_, 1.0F);
  walk(first_key, last_key, Pass::values);
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
    const std::int64_t step = few_ > 0 && what == TileClass::full && !prob_ ? few_rows() : rows;
    for (std::int64_t k = first; k < last; k += step)
      visit(k, size(std::min(step, last - k)), what, pass);
    return;
  }
  const std::int64_t middle = first + ((last - first) / 2 + rows - 1) / rows * rows;
  walk(first, std::min(middle, last), pass);
  walk(std::min(middle, last), last, pass);
}

void Worker::visit(std::int64_t first, std::size_t rows, TileClass what, Pass pass) {
  panel_count_ = 0;
  for (std::size_t lane = 0; lane < lanes_; lane += panel_lanes)
    panels_[panel_count_++] = {lane, std::min(panel_lanes, lanes_ - lane), 0, rows};
  begin_ = 0, end_ = rows;
  if (what == TileClass::partial && may_trim_ && (pass == Pass::scores || skip_masked_) &&
      !trim(first, rows)) {
    ++counts_.empty;
    return;
  }
  ++(what == TileClass::full ? counts_.full : counts_.partial);
  if (few_ > 0)
    return visit_few(first + static_cast<std::int64_t>(begin_), end_ - begin_, what, pass);
  join_panels();
  const bool packs = pairs_ != nullptr && pass == Pass::scores && one_pass_ && !prob_;
  if (packs && what == TileClass::full && pairs_->attend != nullptr) {
    score_panels(first, first + static_cast<std::int64_t>(rows), true);
    return weigh(first, true);
  }
  score(first, what);
  fold_panels(pass, packs);
  if (pass == Pass::scores && !one_pass_) return;
  const auto begin = first + static_cast<std::int64_t>(begin_);
  const auto end = first + static_cast<std::int64_t>(end_);
  if (prob_ && prob_->decide(begin, end - 1) != TileClass::full) {
    clear_unseen();
    prob_->apply(tile_.data() + begin_ * lanes_, begin, end_ - begin_);
  }
  weigh(first, packs);
}

void Worker::round_scores(float* scores, std::size_t count) {
  if (call_.spec.element == Type::f32 || pairs_ != nullptr) return;
  VmCall call;
  call.lanes = count;
  call.a = {scores, 0, 1};
  call.result = scores;
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
  score_panels(begin, end, false);
  if (what == TileClass::partial) clear_unseen();
  round_scores(tile, rows * lanes_);
  if (what == TileClass::partial) score_->apply(tile, begin, rows);
}

const ProductOps& Worker::products() const {
  return pairs_ != nullptr ? pairs_->products : ops_.products;
}
// The numbers of a query, or pairs of them.
std::size_t Worker::depth() const {
  return pairs_ != nullptr ? pair_stride_ : size(a_.qk_size);
}

}  // namespace onnxpack::kernels::flex
