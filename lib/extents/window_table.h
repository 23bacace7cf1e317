// Which 32-byte windows the sources have, and where: a Bloom filter before an open hash table.
#pragma once

#include <array>
#include <bit>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <vector>

namespace onnxpack::extents {

inline constexpr std::size_t word_size = 8;  // what the filter looks at
// How far apart a blob is looked at; windows of sources are noted at as many positions in a row.
inline constexpr std::size_t step_size = 16;
inline constexpr std::size_t window_size = 32;

inline std::uint64_t load_word(const std::byte* at) {
  std::uint64_t word;
  std::memcpy(&word, at, sizeof word);
  return word;
}

// Fills like zeros stand everywhere and name no place.
inline bool is_fill(std::uint64_t word) {
  return word == (word & 0xFF) * 0x0101010101010101U;
}

inline std::uint64_t hash_window(const std::byte* at) {
  std::uint64_t a = load_word(at) * 0x9E3779B97F4A7C15U;
  std::uint64_t b = load_word(at + 8) * 0xC2B2AE3D27D4EB4FU;
  std::uint64_t c = load_word(at + 16) * 0x165667B19E3779F9U;
  std::uint64_t d = load_word(at + 24) * 0xD6E8FEB86659FD93U;
  std::uint64_t sum = (a ^ std::rotl(b, 17)) + (std::rotl(c, 31) ^ std::rotl(d, 47));
  sum ^= sum >> 32;
  return sum * 0x9E3779B97F4A7C15U;
}

struct Place {
  std::uint64_t offset = 0;
  std::uint32_t source = 0;
  // 0: the window stands in the source so. Else it stands in matrix number n - 1 in another form
  // (transposed, or as ternary codes), and `offset` counts in that.
  std::uint32_t matrix = 0;
};

class WindowTable {
 public:
  // `expected`: windows that will be inserted; more are taken, and make it slower.
  explicit WindowTable(std::uint64_t expected) {
    std::uint64_t words = std::bit_ceil(std::max<std::uint64_t>(expected / 4, 64));
    words_shift_ = 64 - std::countr_zero(words);
    bloom_.assign(static_cast<std::size_t>(words), 0);
    rehash(std::bit_ceil(std::max<std::uint64_t>(expected * 2, 64)));
  }

  // False positives: about one in 200 at 16 bits a window.
  bool may_hold(std::uint64_t word) const {
    auto [index, mask] = bloom_place(word);
    return (bloom_[index] & mask) == mask;
  }

  // The first position from `at` on, in steps, where a window may begin that the table
  // holds; past the last window when there is none. Most of a blob without matches is spent here.
  std::size_t skip(std::span<const std::byte> view, std::size_t at) const {
    // Eight words at once, without a branch between them: their filter words are then fetched side
    // by side.
    constexpr std::size_t batch = 8;
    while (at + (batch - 1) * step_size + window_size <= view.size()) {
      unsigned hits = 0;
      for (unsigned i = 0; i < batch; ++i)
        hits |= static_cast<unsigned>(may_hold(load_word(view.data() + at + i * step_size))) << i;
      if (hits != 0) return at + static_cast<std::size_t>(std::countr_zero(hits)) * step_size;
      at += batch * step_size;
    }
    while (at + window_size <= view.size() && !may_hold(load_word(view.data() + at)))
      at += step_size;
    return at;
  }

  // The first place of a window stays.
  void insert(const std::byte* window, Place place) {
    std::uint64_t hash = hash_window(window);
    std::size_t slot = find_slot(hash);
    if (slots_[slot].place.source != 0) return;
    auto [index, mask] = bloom_place(load_word(window));
    bloom_[index] |= mask;
    slots_[slot] = {hash, place};
    // Sized for half full: heads of matrices in other forms come on top, and do not make it grow.
    if (++used_ > slots_.size() / 4 * 3) rehash(slots_.size() * 2);
  }

  // To be called some time before insert(): a table larger than the cache answers late.
  void prefetch(const std::byte* window) const {
    __builtin_prefetch(&slots_[static_cast<std::size_t>(hash_window(window) >> slots_shift_)], 1);
    __builtin_prefetch(&bloom_[bloom_place(load_word(window)).first], 1);
  }

  std::optional<Place> find(const std::byte* window) const {
    const Slot& slot = slots_[find_slot(hash_window(window))];
    if (slot.place.source == 0) return std::nullopt;
    return slot.place;
  }

 private:
  struct Slot {
    std::uint64_t hash = 0;
    Place place;  // source 0: free
  };

  std::pair<std::size_t, std::uint64_t> bloom_place(std::uint64_t word) const {
    std::uint64_t hash = word * 0x9E3779B97F4A7C15U;
    std::uint64_t mask = (std::uint64_t{1} << ((hash >> 32) & 63)) |
                         (std::uint64_t{1} << ((hash >> 26) & 63)) |
                         (std::uint64_t{1} << ((hash >> 20) & 63));
    return {static_cast<std::size_t>(hash >> words_shift_), mask};
  }

  std::size_t find_slot(std::uint64_t hash) const {
    std::size_t slot = static_cast<std::size_t>(hash >> slots_shift_);
    while (slots_[slot].place.source != 0 && slots_[slot].hash != hash)
      slot = (slot + 1) & (slots_.size() - 1);
    return slot;
  }

  void rehash(std::size_t size) {
    std::vector<Slot> old(size);
    old.swap(slots_);
    slots_shift_ = 64 - std::countr_zero(size);
    for (const Slot& slot : old) {
      if (slot.place.source != 0) slots_[find_slot(slot.hash)] = slot;
    }
  }

  std::vector<std::uint64_t> bloom_;
  int words_shift_ = 0;
  std::vector<Slot> slots_;
  int slots_shift_ = 0;
  std::size_t used_ = 0;
};

}  // namespace onnxpack::extents
