#include "flex_attention/room.h"

#include <algorithm>
#include <memory>
#include <new>
#include <vector>

namespace onnxpack::kernels::flex {
namespace {

#if defined(__SANITIZE_ADDRESS__)
constexpr bool kept_at_all = false;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
constexpr bool kept_at_all = false;
#else
constexpr bool kept_at_all = true;
#endif
#else
constexpr bool kept_at_all = true;
#endif

constexpr std::size_t line = 64;

struct Release {
  void operator()(std::byte* p) const { ::operator delete (p, std::align_val_t{line}); }
};
using Bytes = std::unique_ptr<std::byte, Release>;

Bytes allocate(std::size_t bytes) {
  return Bytes(static_cast<std::byte*>(::operator new (bytes, std::align_val_t{line})));
}

// The rooms of a thread: a stack of arrays in `bytes`, and others where those did not fit.
struct Kept {
  Bytes bytes;
  std::size_t size = 0;
  std::size_t used = 0;
  std::vector<Bytes> others;
  std::size_t others_bytes = 0;
  std::size_t wanted = 0;  // the most that was taken at once
  std::size_t rooms = 0;
};
thread_local Kept kept;

}  // namespace

const bool Room::keeps = kept_at_all;

Room::Room() {
  const std::size_t wanted = std::min(kept.wanted, most_kept);
  if (kept_at_all && kept.rooms == 0 && wanted > kept.size) {
    kept.size = 0;
    kept.bytes.reset();
    kept.bytes = allocate(wanted);
    kept.size = wanted;
  }
  ++kept.rooms;
  kept_before_ = kept.used;
  others_before_ = kept.others.size();
}

Room::~Room() {
  --kept.rooms;
  kept.used = kept_before_;
  kept.others.resize(others_before_);
  if (kept.others.empty()) kept.others_bytes = 0;
}

std::byte* Room::take(std::size_t bytes) {
  bytes = std::max(line, (bytes + line - 1) / line * line);
  const bool fits = bytes <= kept.size - kept.used;
  std::byte* out = nullptr;
  if (fits) {
    out = kept.bytes.get() + kept.used;
    kept.used += bytes;
  } else {
    kept.others.push_back(allocate(bytes));
    kept.others_bytes += bytes;
    out = kept.others.back().get();
  }
  kept.wanted = std::max(kept.wanted, kept.used + kept.others_bytes);
  return out;
}

}  // namespace onnxpack::kernels::flex
