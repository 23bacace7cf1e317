// The driver of the fast kernels: tiles of most_lanes queries walk over the keys, most_rows at a
// time; which ranges of keys are walked is decided by the score program's ranges. One task is one
// tile of queries, or a part of its keys when there are fewer tiles than threads (decode); parts
// are put together at the end.
//
// Queries of several heads share a tile when they share a kv head and are few, so that K and V are
// read once for them.
#include <algorithm>
#include <atomic>
#include <cmath>
#include <limits>
#include <mutex>

#include "flex_attention/half.h"
#include "flex_attention/kernel.h"
#include "flex_attention/tile_program.h"

namespace onnxpack::kernels::flex {
namespace {

constexpr std::size_t lane_step = 16;
constexpr float minus_infinity = -std::numeric_limits<float>::infinity();

std::size_t padded(std::size_t count) {
  return (count + lane_step - 1) / lane_step * lane_step;
}

// 64-byte aligned floats.
class Floats {
 public:
  explicit Floats(std::size_t count = 0) : bytes_(count * sizeof(float) + 64) {}
  float* data() {
    auto at = reinterpret_cast<std::uintptr_t>(bytes_.data());
    return reinterpret_cast<float*>((at + 63) / 64 * 64);
  }

 private:
  std::vector<std::byte> bytes_;
};

// Queries of one tile: `count` rows of (heads x L), from `row` on, of kv head `kv_head`.
struct QueryTile {
  std::int64_t batch = 0;
  std::int64_t kv_head = 0;
  std::int64_t row = 0;
  std::int64_t count = 0;
};

struct Plan {
  std::vector<QueryTile> tiles;
  std::size_t parts = 1;  // of the keys, per tile
  std::int64_t part_keys = 0;
};

Plan make_plan(const Arguments& a, bool may_split, std::size_t width) {
  Plan out;
  const std::int64_t group = a.q_heads / a.kv_heads;
  const auto lanes = static_cast<std::int64_t>(most_lanes);
  // Whole heads while several fit, else parts of one head: a tile never straddles two long ones.
  const std::int64_t heads_at_once = std::clamp<std::int64_t>(lanes / a.q_length, 1, group);
  for (std::int64_t b = 0; b < a.batch; ++b) {
    for (std::int64_t g = 0; g < a.kv_heads; ++g) {
      for (std::int64_t h = 0; h < group; h += heads_at_once) {
        const std::int64_t rows = std::min(heads_at_once, group - h) * a.q_length;
        // Later queries first: under a causal mask they have the most to do.
        for (std::int64_t row = (rows - 1) / lanes * lanes; row >= 0; row -= lanes)
          out.tiles.push_back({b, g, h * a.q_length + row, std::min(lanes, rows - row)});
      }
    }
  }
  out.part_keys = a.kv_length;
  const auto blocks =
      static_cast<std::size_t>((a.kv_length + static_cast<std::int64_t>(most_rows) - 1) /
                               static_cast<std::int64_t>(most_rows));
  if (may_split && width > 1 && out.tiles.size() < 2 * width && blocks > 1) {
    const std::size_t wanted = (4 * width + out.tiles.size() - 1) / out.tiles.size();
    const std::size_t blocks_each =
        std::max<std::size_t>(1, blocks / std::max<std::size_t>(1, wanted));
    out.part_keys = static_cast<std::int64_t>(blocks_each * most_rows);
    out.parts = (blocks + blocks_each - 1) / blocks_each;
  }
  return out;
}

// What a worker carries from task to task.
class Worker {
 public:
  Worker(const Call& call, const TileOps& ops, const TileProgram* score, const TileProgram* prob,
         bool one_pass)
      : call_(call),
        a_(call.arguments),
        ops_(ops),
        one_pass_(one_pass),
        queries_(size(a_.qk_size) * most_lanes),
        tile_(most_rows * most_lanes),
        out_(size(a_.v_size) * most_lanes),
        maximum_(most_lanes),
        sum_(most_lanes),
        factor_(most_lanes) {
    if (score != nullptr) score_.emplace(*score);
    if (prob != nullptr) {
      prob_.emplace(*prob);
      zero_stays_ = prob->keeps_zero();
    }
    if (call.spec.element != Type::f32) {
      keys_ = Floats(size(a_.qk_size) * most_rows);
      values_ = Floats(size(a_.v_size) * most_rows);
    }
  }

  void attend(const QueryTile& tile, std::int64_t first_key, std::int64_t last_key) {
    start(tile);
    walk(first_key, last_key, Pass::scores);
    const bool masked =
        std::ranges::any_of(std::span(sum_.data(), lanes_), [](float sum) { return sum == 0; });
    // A probability that is NaN, or 0 by our option, is prob_mod's to see, however homogeneous it
    // is.
    final_ = !one_pass_ || (prob_ && masked);
    if (!final_) return;
    const bool zeros = call_.spec.zero_masked_rows;
    for (std::size_t lane = 0; zeros && lane < lanes_; ++lane) {
      if (sum_.data()[lane] == 0) sum_.data()[lane] = std::numeric_limits<float>::infinity();
    }
    skip_masked_ = zero_stays_ && (zeros || !masked);
    std::fill_n(out_.data(), size(a_.v_size) * lanes_, 0.0F);
    std::fill_n(factor_.data(), lanes_, 1.0F);
    walk(first_key, last_key, Pass::values);
  }

  std::size_t lanes() const { return lanes_; }
  float* out() { return out_.data(); }
  float* maximum() { return maximum_.data(); }
  float* sum() { return sum_.data(); }
  const TileCounts& counts() const { return counts_; }
  bool out_of_range() const {
    return (score_ && score_->out_of_range()) || (prob_ && prob_->out_of_range());
  }

  // Divides by the sums and writes the tile's rows of Y.
  void write(const QueryTile& tile) {
    const auto lanes = static_cast<std::size_t>(tile.count);
    const std::size_t v_size = size(a_.v_size);
    alignas(64) std::array<float, most_lanes> divisor{};
    divisor.fill(1.0F);
    for (std::size_t lane = 0; lane < lanes; ++lane) {
      const float sum = sum_.data()[lane];
      if (final_) continue;
      divisor[lane] = sum;
      const bool masked = maximum_.data()[lane] == minus_infinity && sum == 0;
      if (!masked) continue;
      // No key, or none that is not masked: NaN by the operator's body, which has no row to divide
      // where S is 0.
      const bool zeros = a_.kv_length == 0 || call_.spec.zero_masked_rows;
      divisor[lane] = zeros ? 1.0F : std::numeric_limits<float>::quiet_NaN();
    }
    const std::size_t base = row_number(tile, 0) * v_size;
    if (call_.spec.element == Type::f32) {
      ops_.divide_rows(out_.data(), v_size, lanes_, divisor.data(), lanes,
                       static_cast<float*>(a_.y) + base);
      return;
    }
    rows_.resize(lanes * v_size);
    ops_.divide_rows(out_.data(), v_size, lanes_, divisor.data(), lanes, rows_.data());
    const bool half = call_.spec.element == Type::f16;
    auto* y = static_cast<std::uint16_t*>(a_.y) + base;
    for (std::size_t i = 0; i < rows_.size(); ++i)
      y[i] = half ? float_to_half(rows_[i]) : float_to_bfloat(rows_[i]);
  }

 private:
  enum class Pass { scores, values };
  static std::size_t size(std::int64_t value) { return static_cast<std::size_t>(value); }

  std::size_t row_number(const QueryTile& tile, std::int64_t lane) const {
    const std::int64_t group = a_.q_heads / a_.kv_heads;
    const std::int64_t first_head = tile.batch * a_.q_heads + tile.kv_head * group;
    return size(first_head * a_.q_length + tile.row + lane);
  }

  void start(const QueryTile& tile) {
    lanes_ = padded(size(tile.count));
    kv_ = (a_.kv_batch == 1 ? 0 : tile.batch) * a_.kv_heads + tile.kv_head;
    load_queries(tile);
    std::fill_n(out_.data(), size(a_.v_size) * lanes_, 0.0F);
    std::fill_n(maximum_.data(), lanes_, minus_infinity);
    std::fill_n(sum_.data(), lanes_, 0.0F);
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
  // does.
  void load_queries(const QueryTile& tile) {
    const std::size_t e_size = size(a_.qk_size);
    float* to = queries_.data();
    std::vector<float> row(e_size);
    for (std::size_t lane = 0; lane < lanes_; ++lane) {
      const std::size_t base =
          row_number(tile, static_cast<std::int64_t>(std::min(lane, size(tile.count) - 1))) *
          e_size;
      if (call_.spec.element == Type::f32) {
        const float* from = static_cast<const float*>(a_.q) + base;
        for (std::size_t e = 0; e < e_size; ++e) to[e * lanes_ + lane] = from[e] * call_.scale;
      } else {
        ops_.widen(static_cast<const std::uint16_t*>(a_.q) + base, call_.spec.element, e_size,
                   root(), row.data());
        for (std::size_t e = 0; e < e_size; ++e) to[e * lanes_ + lane] = row[e];
      }
    }
  }

  float root() const {
    const double exact = std::sqrt(static_cast<double>(call_.scale));
    return static_cast<float>(
        round_to(call_.spec.element, {static_cast<double>(static_cast<float>(exact)), 0}).f);
  }

  // Halves a range of keys until it is empty, needs no program, or is one tile.
  void walk(std::int64_t first, std::int64_t last, Pass pass) {
    constexpr auto rows = static_cast<std::int64_t>(most_rows);
    if (first >= last) return;
    const TileClass what = score_ ? score_->decide(first, last - 1) : TileClass::full;
    const bool masked = what == TileClass::empty;
    if (masked && (pass == Pass::scores || skip_masked_)) {
      ++counts_.empty;
      return;
    }
    if (masked || what == TileClass::full || last - first <= rows) {
      for (std::int64_t k = first; k < last; k += rows) {
        ++(what == TileClass::full ? counts_.full : counts_.partial);
        visit(k, static_cast<std::size_t>(std::min(rows, last - k)), what, pass);
      }
      return;
    }
    const std::int64_t middle = first + ((last - first) / 2 + rows - 1) / rows * rows;
    walk(first, std::min(middle, last), pass);
    walk(std::min(middle, last), last, pass);
  }

  struct Rows {
    const float* data;
    std::size_t stride;
  };
  Rows rows_of(const void* base, std::int64_t row_size, std::int64_t first, std::size_t rows,
               float factor, Floats& buffer) {
    const std::size_t at = size((kv_ * a_.kv_length + first) * row_size);
    if (call_.spec.element == Type::f32)
      return {static_cast<const float*>(base) + at, size(row_size)};
    ops_.widen(static_cast<const std::uint16_t*>(base) + at, call_.spec.element,
               rows * size(row_size), factor, buffer.data());
    return {buffer.data(), size(row_size)};
  }

  void round_scores(std::size_t rows) {
    if (call_.spec.element == Type::f32) return;
    VmCall call;
    call.lanes = rows * lanes_;
    call.a = {tile_.data(), 0, 1};
    call.result = tile_.data();
    const auto extra = call_.spec.element == Type::f16 ? VmExtra::round_f16 : VmExtra::round_bf16;
    ops_.function({.extra = extra})(call);
  }

  void visit(std::int64_t first, std::size_t rows, TileClass what, Pass pass) {
    if (what == TileClass::empty) {
      std::fill_n(tile_.data(), rows * lanes_, minus_infinity);
    } else {
      const Rows keys = rows_of(a_.k, a_.qk_size, first, rows, root_for_keys(), keys_);
      ops_.scores(queries_.data(), keys.data, keys.stride, rows, size(a_.qk_size), lanes_,
                  tile_.data());
      round_scores(rows);
    }
    if (what == TileClass::partial) score_->apply(tile_.data(), first, rows);
    if (pass == Pass::scores) {
      ops_.softmax(tile_.data(), rows, lanes_, maximum_.data(), sum_.data(), factor_.data());
      if (!one_pass_) return;
    } else {
      ops_.probabilities(tile_.data(), rows, lanes_, maximum_.data(), sum_.data());
    }
    if (prob_ &&
        prob_->decide(first, first + static_cast<std::int64_t>(rows) - 1) != TileClass::full)
      prob_->apply(tile_.data(), first, rows);
    const Rows values = rows_of(a_.v, a_.v_size, first, rows, 1.0F, values_);
    ops_.weigh(tile_.data(), rows, values.data, values.stride, size(a_.v_size), lanes_,
               factor_.data(), out_.data());
  }
  float root_for_keys() const { return call_.spec.element == Type::f32 ? 1.0F : root(); }

  const Call& call_;
  const Arguments& a_;
  const TileOps& ops_;
  bool one_pass_;
  bool zero_stays_ = true;
  bool skip_masked_ = true;  // in the second pass
  bool final_ = false;       // out is the result, not to be divided by the sums
  std::optional<TileRunner> score_;
  std::optional<TileRunner> prob_;
  Floats queries_, tile_, out_, maximum_, sum_, factor_, keys_, values_;
  std::vector<float> rows_;
  std::size_t lanes_ = 0;
  std::int64_t kv_ = 0;
  TileCounts counts_;
};

// Results of the parts of one tile's keys.
class Parts {
 public:
  Parts(const Plan& plan, std::int64_t v_size)
      : parts_(plan.parts),
        v_size_(static_cast<std::size_t>(v_size)),
        stride_((v_size_ + 2) * most_lanes),
        floats_(plan.parts > 1 ? plan.tiles.size() * plan.parts * stride_ : 0) {}

  void keep(std::size_t tile, std::size_t part, Worker& worker) {
    float* at = floats_.data() + (tile * parts_ + part) * stride_;
    std::copy_n(worker.maximum(), worker.lanes(), at);
    std::copy_n(worker.sum(), worker.lanes(), at + most_lanes);
    std::copy_n(worker.out(), v_size_ * worker.lanes(), at + 2 * most_lanes);
  }

  // Into the worker, which has attended to no key since start().
  void merge(std::size_t tile, Worker& worker) {
    const std::size_t lanes = worker.lanes();
    float* base = floats_.data() + tile * parts_ * stride_;
    for (std::size_t part = 0; part < parts_; ++part) {
      for (std::size_t lane = 0; lane < lanes; ++lane)
        worker.maximum()[lane] = std::max(worker.maximum()[lane], base[part * stride_ + lane]);
    }
    for (std::size_t part = 0; part < parts_; ++part) {
      const float* at = base + part * stride_;
      for (std::size_t lane = 0; lane < lanes; ++lane) {
        if (at[lane] == minus_infinity && at[most_lanes + lane] == 0) continue;
        const float factor = std::exp(at[lane] - worker.maximum()[lane]);
        worker.sum()[lane] += at[most_lanes + lane] * factor;
        for (std::size_t e = 0; e < v_size_; ++e)
          worker.out()[e * lanes + lane] += at[2 * most_lanes + e * lanes + lane] * factor;
      }
    }
  }

 private:
  std::size_t parts_;
  std::size_t v_size_;
  std::size_t stride_;
  Floats floats_;
};

}  // namespace

Status run_tiles(const Call& call, const TileOps& ops, const TileProgram* score,
                 const TileProgram* prob, Parallel& parallel) {
  const bool one_pass = call.prob == nullptr || is_homogeneous(*call.prob->program);
  const Plan plan = make_plan(call.arguments, call.prob == nullptr, parallel.width());
  Parts parts(plan, call.arguments.v_size);
  const std::size_t tasks = plan.tiles.size() * plan.parts;
  const std::size_t workers = std::min(parallel.width(), tasks);
  std::atomic<std::size_t> next = 0;
  std::atomic<std::size_t> next_merge = 0;
  std::atomic<bool> out_of_range = false;
  std::mutex counting;
  parallel_for(parallel, workers, [&](std::size_t) {
    // Memory only for those who find work: a pool may be narrower than it says.
    std::optional<Worker> worker;
    for (std::size_t task = next++; task < tasks; task = next++) {
      if (!worker) worker.emplace(call, ops, score, prob, one_pass);
      const QueryTile& tile = plan.tiles[task / plan.parts];
      const std::int64_t first = static_cast<std::int64_t>(task % plan.parts) * plan.part_keys;
      worker->attend(tile, first, std::min(first + plan.part_keys, call.arguments.kv_length));
      if (plan.parts == 1) {
        worker->write(tile);
      } else {
        parts.keep(task / plan.parts, task % plan.parts, *worker);
      }
    }
    if (!worker) return;
    if (worker->out_of_range()) out_of_range = true;
    if (call.counts == nullptr) return;
    std::scoped_lock lock(counting);
    call.counts->empty += worker->counts().empty;
    call.counts->full += worker->counts().full;
    call.counts->partial += worker->counts().partial;
  });
  if (plan.parts > 1) {
    parallel_for(parallel, std::min(workers, plan.tiles.size()), [&](std::size_t) {
      std::optional<Worker> worker;
      for (std::size_t tile = next_merge++; tile < plan.tiles.size(); tile = next_merge++) {
        if (!worker) worker.emplace(call, ops, nullptr, nullptr, one_pass);
        worker->attend(plan.tiles[tile], 0, 0);
        parts.merge(tile, *worker);
        worker->write(plan.tiles[tile]);
      }
    });
  }
  if (out_of_range) return std::unexpected("a modifier's index is beyond its table");
  return {};
}

}  // namespace onnxpack::kernels::flex
