#include "flex_attention/room.h"

#include <algorithm>
#include <memory>
#include <new>
#include <vector>

namespace onnxpack::kernels::flex {
namespace {

// A sanitizer sees where one array ends only if each is an allocation.
#if defined(__SANITIZE_ADDRESS__)
constexpr bool apart = true;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
constexpr bool apart = true;
#else
constexpr bool apart = false;
#endif
#else
constexpr bool apart = false;
#endif

constexpr std::size_t line = 64;

struct Release {
  void operator()(std::byte* p) const { ::operator delete(p, std::align_val_t{line}); }
};
using Bytes = std::unique_ptr<std::byte, Release>;

Bytes allocate(std::size_t bytes) {
  return Bytes(static_cast<std::byte*>(::operator new(bytes, std::align_val_t{line})));
}

struct Kept {
  Bytes bytes;
  std::size_t size = 0;
  std::size_t used = 0;    // of bytes, and beyond them of others
  std::size_t wanted = 0;  // the most that was used
  std::vector<Bytes> others;
};
thread_local Kept kept;

}  // namespace

Room::Room() : before_(kept.used) {
  const std::size_t wanted = std::min(kept.wanted, most_kept);
  if (apart || before_ > 0 || wanted <= kept.size) return;
  kept.size = 0;
  kept.bytes.reset();
  kept.bytes = allocate(wanted);
  kept.size = wanted;
}

Room::~Room() {
  kept.used = before_;
  // Those of an outer room may be among them: they wait for its end.
  if (before_ == 0) kept.others.clear();
}

std::byte* Room::take(std::size_t bytes) {
  bytes = std::max(line, (bytes + line - 1) / line * line);
  const std::size_t first = kept.used;
  kept.used += bytes;
  kept.wanted = std::max(kept.wanted, kept.used);
  if (kept.used <= kept.size) return kept.bytes.get() + first;
  kept.others.push_back(allocate(bytes));
  return kept.others.back().get();
}

}  // namespace onnxpack::kernels::flex
