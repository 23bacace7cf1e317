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
#include <tuple>

#include "flex_attention/tile_worker.h"

namespace onnxpack::kernels::flex {
namespace {

// Results of the parts of one tile's keys.
class Parts {
 public:
  Parts(const Plan& plan, std::int64_t v_size)
      : parts_(plan.parts),
        v_size_(static_cast<std::size_t>(v_size)),
        lanes_((plan.widest + 15) / 16 * 16),
        stride_((v_size_ + 2) * lanes_),
        floats_(room_, plan.parts > 1 ? plan.tiles.size() * plan.parts * stride_ : 0) {}

  void keep(std::size_t tile, std::size_t part, const Worker::State& state) {
    float* at = floats_.data() + (tile * parts_ + part) * stride_;
    std::copy_n(state.maximum, state.lanes, at);
    std::copy_n(state.sum, state.lanes, at + lanes_);
    at += 2 * lanes_;
    for (std::size_t lane = 0; lane < state.lanes; ++lane) {
      for (std::size_t e = 0; e < v_size_; ++e)
        *at++ = state.out[lane * state.lane_step + e * state.size_step];
    }
  }

  // Into a worker that has attended to no key since start().
  void merge(std::size_t tile, const Worker::State& state) {
    float* base = floats_.data() + tile * parts_ * stride_;
    for (std::size_t part = 0; part < parts_; ++part) {
      for (std::size_t lane = 0; lane < state.lanes; ++lane)
        state.maximum[lane] = std::max(state.maximum[lane], base[part * stride_ + lane]);
    }
    for (std::size_t part = 0; part < parts_; ++part) {
      const float* at = base + part * stride_;
      for (std::size_t lane = 0; lane < state.lanes; ++lane) {
        const float sum = at[lanes_ + lane];
        if (at[lane] == -std::numeric_limits<float>::infinity() && sum == 0) continue;
        const float factor = std::exp(at[lane] - state.maximum[lane]);
        const float* row = at + 2 * lanes_ + lane * v_size_;
        state.sum[lane] += sum * factor;
        for (std::size_t e = 0; e < v_size_; ++e)
          state.out[lane * state.lane_step + e * state.size_step] += row[e] * factor;
      }
    }
  }

 private:
  std::size_t parts_;
  std::size_t v_size_;
  std::size_t lanes_;
  std::size_t stride_;
  Room room_;
  Floats floats_;
};

// Hands out tasks, several in a row while many are left: those of a head meet the same K and V,
// and the last ones are single so that all workers end together.
class Queue {
 public:
  Queue(std::size_t tasks, std::size_t workers, std::size_t most)
      : tasks_(tasks), share_(2 * std::max<std::size_t>(1, workers)), most_(most) {}
  // Empty when there are none left.
  std::pair<std::size_t, std::size_t> take() {
    std::size_t first = next_;
    std::size_t count = 0;
    do {
      const std::size_t left = tasks_ - std::min(first, tasks_);
      count = std::min(left, std::clamp<std::size_t>(left / share_, 1, most_));
    } while (count > 0 && !next_.compare_exchange_weak(first, first + count));
    return {first, first + count};
  }

 private:
  std::size_t tasks_, share_, most_;
  std::atomic<std::size_t> next_ = 0;
};

// One task: a tile of queries and its part of the keys.
void attend(Worker& worker, const Plan& plan, std::size_t task, std::int64_t keys, Parts& parts) {
  const std::size_t number = task / plan.parts;
  const QueryTile& tile = plan.tiles[number];
  const std::int64_t first = static_cast<std::int64_t>(task % plan.parts) * plan.part_keys;
  const std::size_t after = (task + 1) / plan.parts;
  worker.start(tile, after < plan.tiles.size() ? &plan.tiles[after] : nullptr);
  worker.attend(first, std::min(first + plan.part_keys, keys));
  if (plan.parts == 1) {
    worker.write(tile);
  } else {
    parts.keep(number, task % plan.parts, worker.state());
  }
}

}  // namespace

Status run_tiles(const Call& call, const TileOps& ops, const TileProgram* score,
                 const TileProgram* prob, Parallel& parallel) {
  const bool one_pass = call.prob == nullptr || is_homogeneous(*call.prob->program);
  const Plan plan = make_plan(call.arguments, call.prob == nullptr, parallel.width());
  Parts parts(plan, call.arguments.v_size);
  const std::size_t tasks = plan.tiles.size() * plan.parts;
  const std::size_t workers = std::min(parallel.width(), tasks);
  const auto heads = static_cast<std::size_t>(call.arguments.batch * call.arguments.kv_heads);
  Queue queue(tasks, workers,
              plan.parts > 1 || heads == 0 ? 1 : std::max<std::size_t>(1, tasks / heads));
  std::atomic<std::size_t> next_merge = 0;
  std::atomic<bool> out_of_range = false;
  std::mutex counting;
  parallel_for(parallel, workers, [&](std::size_t) {
    // Memory only for those who find work: a pool may be narrower than it says.
    std::optional<Worker> worker;
    for (auto [task, end] = queue.take(); task < end; std::tie(task, end) = queue.take()) {
      if (!worker) worker.emplace(call, ops, score, prob, one_pass, plan.widest);
      for (; task < end; ++task) attend(*worker, plan, task, call.arguments.kv_length, parts);
    }
    if (!worker) return;
    if (worker->out_of_range()) out_of_range = true;
    if (call.counts == nullptr) return;
    std::scoped_lock lock(counting);
    call.counts->empty += worker->counts().empty;
    call.counts->full += worker->counts().full;
    call.counts->partial += worker->counts().partial;
    call.counts->scores += worker->counts().scores;
  });
  if (plan.parts > 1) {
    parallel_for(parallel, std::min(workers, plan.tiles.size()), [&](std::size_t) {
      std::optional<Worker> worker;
      for (std::size_t tile = next_merge++; tile < plan.tiles.size(); tile = next_merge++) {
        if (!worker) worker.emplace(call, ops, nullptr, nullptr, one_pass, plan.widest);
        worker->start(plan.tiles[tile], nullptr);
        worker->attend(0, 0);
        parts.merge(tile, worker->state());
        worker->write(plan.tiles[tile]);
      }
    });
  }
  if (out_of_range) return std::unexpected("a modifier's index is beyond its table");
  return {};
}

}  // namespace onnxpack::kernels::flex
