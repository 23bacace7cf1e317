// Memory for the workers of a call, kept by each thread from call to call.
#pragma once

#include <cstddef>

namespace onnxpack::kernels::flex {

// What is taken of it is free again when it ends. Rooms of one thread end in the reverse order of
// their beginnings, on that thread. What a thread has kept lives as long as the thread.
//
// The heap would do but for its price: what a worker wants is more than what malloc keeps at its
// top, so that the system gave and took it back in every call (docs/kernels.md: a call of 7 us took
// 54).
class Room {
 public:
  // A thread keeps no more than this; of a call that wants more, what does not fit comes from the
  // heap.
  static constexpr std::size_t most_kept = std::size_t{4} << 20;
  // False in builds with AddressSanitizer, which sees where an array ends only if each is an
  // allocation.
  static const bool keeps;

  Room();
  Room(const Room&) = delete;
  Room& operator=(const Room&) = delete;
  ~Room();

  // 64-byte aligned, not set to anything.
  std::byte* take(std::size_t bytes);

 private:
  std::size_t kept_before_, others_before_;
};

// Floats of a room, 64-byte aligned, not set to anything.
class Floats {
 public:
  Floats() = default;
  Floats(Room& room, std::size_t count)
      : data_(reinterpret_cast<float*>(room.take(count * sizeof(float)))) {}
  float* data() const { return data_; }

 private:
  float* data_ = nullptr;
};

}  // namespace onnxpack::kernels::flex
