// When memory is asked for what decode reads.
#pragma once

#include <algorithm>
#include <cstddef>
#include <type_traits>

#include "onnxpack/kernels/cpu_features.h"

namespace onnxpack::kernels::flex {

// The way for `queries` of decode whose loops are not in order.
constexpr Lookahead asking_way(Lookahead lookahead, std::size_t queries) {
  if (lookahead != Lookahead::in_order) return lookahead;
  return queries <= 2 ? Lookahead::one_stage : Lookahead::two_stages;
}

// How many bytes before they are used decode asks memory for a line: for the nearest cache, and,
// farther ahead, for the second. 0 is for not asking.
struct Distances {
  std::size_t near = 0;
  std::size_t far = 0;
};
// In one stage a line that is asked of memory holds one of the nearest cache's few buffers for all
// the time that memory takes: decode got 0.75 of the speed of reading on Emerald Rapids so, 0.9 in
// two stages. Zen 5 has as much of it in one stage, and each further question of any kind costs:
// with one more for the second cache, of the same line, and lines asked for beside the softmax,
// decode of f32 with up to 8 queries had 0.78 to 0.91 there instead of 0.85 to 0.99. More queries
// give memory more time. On Zen 4 neither comes near to what loops have that go through K and V in
// order and ask for nothing (tile_few_order.h); where those do not do, one or two queries were
// faster in one stage and more in two, measured when one stage asked twice. Arm's and AMD's other
// CPUs were not measured.
constexpr Distances distances(Lookahead way, std::size_t queries) {
  switch (way) {
    case Lookahead::one_stage: {
      const std::size_t near = queries <= 4 ? 8192 : 10240;
      return {near, near};
    }
    case Lookahead::two_stages:
      return {4096, 12288};
    default:
      return {};
  }
}

// Memory that is read next, to be fetched beside the work; what is used of it is taken off.
struct Ahead {
  const char* at = nullptr;
  const char* end = nullptr;

  std::size_t bytes() const { return static_cast<std::size_t>(end - at); }
};

// What is asked for next: for the nearest cache alone, or for that and for the second.
struct OneStage {
  const char* near;
};
struct TwoStages {
  const char* near;
  std::ptrdiff_t farther;  // from there
};

// What a loop for few queries reads, byte after byte, and what is read when it is done: memory is
// asked for it in that order. In two stages the second cache is asked for `lead` bytes ahead at the
// begin and `far` at the end.
//
// Memory that nobody asks is idle, and that time does not come back: reading is all that decode
// takes. So in two stages whatever else is done meanwhile asks for lines too, which adds to how far
// ahead it is asked; the keys that come next are then asked for by as much less.
struct Reading {
  const char* begin = nullptr;
  std::size_t bytes = 0;
  const char* next = nullptr;
  std::size_t near = 0;
  std::size_t lead = 0, far = 0;
  // In order K's and V's loops ask for nothing.
  Lookahead way = Lookahead::two_stages;

  // A tile's keys, `lead` being what the tile before left, and its values, of the same tile.
  static Reading of_keys(Ahead keys, const char* next, Lookahead way, std::size_t queries,
                         std::size_t lead) {
    const auto [near, far] = distances(way, queries);
    // In order and in one stage it is always as far ahead.
    const std::size_t first = way == Lookahead::two_stages ? std::max(lead, far) : far;
    return {keys.at, keys.bytes(), next, near, first, far, way};
  }
  static Reading of_values(Ahead values, const char* next, const Reading& keys) {
    return {values.at, values.bytes(), next, keys.near, keys.far, keys.far, keys.way};
  }
  // What is left for the tile that comes next.
  std::size_t lead_left() const { return way == Lookahead::two_stages ? lead : 0; }

  // When `done` bytes have been read. The places may be any addresses.
  template <typename Stages>
  Stages ahead(std::size_t done) const {
    const char* first = place(done + near);
    if constexpr (std::is_same_v<Stages, TwoStages>) {
      return {first, place(done + lead_at(done)) - first};
    } else {
      return {first};
    }
  }
  // Whether the softmax asks for lines.
  bool asks_beside() const { return way != Lookahead::one_stage; }
  // A line to ask the second cache for beside what is asked for while reading: the next one before
  // anything has been read, and when all has been.
  const char* another_first() {
    const char* at = place(lead);
    count_one();
    return at;
  }
  const char* another_last() {
    const char* at = place(bytes + far);
    count_one();
    return at;
  }
  // What is left when `done` bytes have been read.
  Reading from(std::size_t done) const {
    Reading out = *this;
    out.begin = begin + done;
    out.bytes = bytes - done;
    out.lead = lead_at(done);
    return out;
  }

 private:
  // What is read of lines that rows do not fill may come to more than there is.
  std::size_t lead_at(std::size_t done) const {
    if (lead <= far || bytes == 0) return lead;
    return done < bytes ? lead - (lead - far) * done / bytes : far;
  }
  void count_one() {
    lead += 64;
    far += 64;
  }
  const char* place(std::size_t at) const { return at < bytes ? begin + at : next + (at - bytes); }
};

}  // namespace onnxpack::kernels::flex
