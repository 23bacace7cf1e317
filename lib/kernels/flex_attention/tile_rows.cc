// How a worker's operands and results lie: Q, K and V into the form that the loops want, and Y
// back.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "flex_attention/half.h"
#include "flex_attention/tile_worker.h"

namespace onnxpack::kernels::flex {
namespace {

constexpr float minus_infinity = -std::numeric_limits<float>::infinity();

std::size_t size(std::int64_t value) {
  return static_cast<std::size_t>(value);
}

}  // namespace

float Worker::root() const {
  const double exact = std::sqrt(static_cast<double>(call_.scale));
  return static_cast<float>(
      round_to(call_.spec.element, {static_cast<double>(static_cast<float>(exact)), 0}).f);
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
    deep = pair_stride_;
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
  if (pairs_ != nullptr)
    return pairs_->scale_few(from, count, e_size, key_scale_, to, pair_stride_);
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

// Rows `first` on, put where row `at` is.
Worker::Rows Worker::convert_keys(std::int64_t first, std::size_t rows, std::size_t at) {
  const std::size_t e_size = size(a_.qk_size);
  const char* from = bytes(a_.k, a_.qk_size, first, first).at;
  const std::size_t stride = pairs_ != nullptr ? pair_stride_ : e_size;
  float* to = keys_.data() + at * stride;
  if (pairs_ != nullptr) {
    pairs_->scale(from, rows, e_size, root(), to, stride);
  } else {
    ops_.widen(from, call_.spec.element, rows * e_size, root(), to);
  }
  return {to, stride, stride};
}

// Row `row` of a block that convert_values has made.
Worker::Rows Worker::value_rows(const float* block, std::size_t row) const {
  const std::size_t v_size = size(a_.v_size);
  if (pairs_ == nullptr) return {block + row * v_size, v_size, v_size};
  if (pairs_->turned_stride > 0) return {block + row / 2, pairs_->turned_stride, 1};
  return {block + row / 2 * v_size, v_size, v_size};
}

Worker::Rows Worker::convert_values(std::int64_t first, std::size_t rows, std::size_t at) {
  const std::size_t v_size = size(a_.v_size);
  const char* from = bytes(a_.v, a_.v_size, first, first).at;
  float* to = values_.data() + (pairs_ != nullptr ? at / 2 : at) * v_size;
  if (pairs_ != nullptr) {
    pairs_->interleave(from, rows, v_size, to);
  } else {
    ops_.widen(from, call_.spec.element, rows * v_size, 1.0F, to);
  }
  return value_rows(to, 0);
}

// convert(first row, rows) of the block of most_rows that `first` is in, if that has not been done.
template <typename Convert>
void Worker::ready_block(std::vector<bool>& ready, std::int64_t first, Convert&& convert) {
  constexpr auto step = static_cast<std::int64_t>(most_rows);
  auto done = ready[size(first / step)];
  if (done) return;
  const std::int64_t block = first / step * step;
  convert(block, size(std::min(step, a_.kv_length - block)));
  done = true;
}

// Rows of one block of most_rows: what is asked for begins at an even row.
Worker::Rows Worker::keys_of(std::int64_t first, std::size_t rows) {
  if (call_.spec.element == Type::f32)
    return {reinterpret_cast<const float*>(bytes(a_.k, a_.qk_size, first, first).at),
            size(a_.qk_size), size(a_.qk_size)};
  if (!keeps_) return convert_keys(first, rows, 0);
  ready_block(keys_ready_, first, [this](std::int64_t block, std::size_t count) {
    convert_keys(block, count, size(block));
  });
  const std::size_t stride = pairs_ != nullptr ? pair_stride_ : size(a_.qk_size);
  return {keys_.data() + size(first) * stride, stride, stride};
}

Worker::Rows Worker::values_of(std::int64_t first, std::size_t rows) {
  const std::size_t v_size = size(a_.v_size);
  if (call_.spec.element == Type::f32)
    return {reinterpret_cast<const float*>(bytes(a_.v, a_.v_size, first, first).at), v_size,
            v_size};
  if (!keeps_) return convert_values(first, rows, 0);
  ready_block(values_ready_, first, [this](std::int64_t block, std::size_t count) {
    convert_values(block, count, size(block));
  });
  const std::size_t block = size(first) / most_rows * most_rows;
  return value_rows(values_.data() + (pairs_ != nullptr ? block / 2 : block) * v_size,
                    size(first) - block);
}

// The rows that this tile will write; of the next its queries, and the first keys where they are
// another head's. Nothing else would see them coming.
void Worker::plan_fetches(const QueryTile& tile, const QueryTile* next) {
  later_count_ = 0;
  if (few_ > 0) return;
  auto plan = [this](const void* base, std::size_t row, std::size_t count, std::int64_t row_size) {
    const std::size_t row_bytes = size(row_size) * element_bytes_;
    const char* at = static_cast<const char*>(base) + row * row_bytes;
    later_[later_count_++] = {at, at + count * row_bytes};
  };
  if (next != nullptr) {
    if (next->kv_head != tile.kv_head || next->batch != tile.batch) {
      const std::int64_t kv = (a_.kv_batch == 1 ? 0 : next->batch) * a_.kv_heads + next->kv_head;
      plan(a_.k, size(kv * a_.kv_length), std::min(most_rows, size(a_.kv_length)), a_.qk_size);
    }
    plan(a_.q, row_number(*next, 0), size(next->count), a_.qk_size);
  }
  plan(a_.y, row_number(tile, 0), size(tile.count), a_.v_size);
}

// One of these, where nothing else is asked for: all at once they would hold up what is computed.
// Not so early that what is read until then drives them out of the cache again.
void Worker::fetch_later(Ahead& ahead, std::int64_t first) {
  const auto near = static_cast<std::int64_t>(8 * most_rows);
  if (ahead.at < ahead.end || later_count_ == 0 || first + near < last_key_) return;
  ahead = later_[--later_count_];
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
    for (std::size_t lane = 0; lane < count; ++lane) {
      const float* from = out_.data() + lane * out_stride_;
      float* to = rows + lane * v_size;
      for (std::size_t e = 0; e < v_size; ++e) to[e] = from[e] / divisor[lane];
    }
  } else {
    ops_.divide(out_.data(), v_size, lanes_, divisor.data());
    ops_.transpose(out_.data(), v_size, count, lanes_, 1.0F, rows, v_size);
  }
  if (wide) return;
  ops_.narrow(rows, call_.spec.element, count * v_size, static_cast<std::uint16_t*>(a_.y) + base);
}

}  // namespace onnxpack::kernels::flex
