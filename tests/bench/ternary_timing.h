// Timing in slices, against the speed of reading memory: what the programs that measure ternary
// kernels share.
//
// Slices of about a third of a millisecond are read from a buffer far larger than the last cache;
// kernels take turns, each round in another order, with the read ceiling (the best of plain loads
// and of such loads with prefetch 4, 8, 16 and 32 KiB ahead, or into both caches) in the same
// rounds; the tenth percentile of the slices counts, the median is shown beside it. Slices are lost
// to other work on the machine: when the median is more than 1.25 times the tenth percentile the
// line is marked ~, and figures of such a run are not to be quoted. 768 MB: of 192 MB a last cache
// of 32 MB still held some, and kernels that bypass it made the reads look faster; of 384 MB one of
// 300 MB did, though other machines had their part of it.
#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include <immintrin.h>
#include <pthread.h>
#include <sys/mman.h>

#include "onnxpack/kernels/ternary/format.h"
#include "ternary/dot.h"

namespace ternary_timing {

using namespace onnxpack::kernels;
using namespace onnxpack::kernels::ternary;
using Clock = std::chrono::steady_clock;

inline double seconds_since(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

// Files are mapped in pages of 4 KiB, memory of one's own mostly in huge ones.
inline bool huge_pages = true;

inline std::uint8_t* big(std::size_t bytes) {
  constexpr std::size_t huge = std::size_t{2} << 20;
  bytes = (bytes + huge - 1) / huge * huge;
  void* p = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (p == MAP_FAILED) std::abort();
  if (huge_pages) madvise(p, bytes, MADV_HUGEPAGE);
  std::memset(p, 0, bytes);
  return static_cast<std::uint8_t*>(p);
}

inline void pin(std::size_t cpu) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(cpu, &set);
  pthread_setaffinity_np(pthread_self(), sizeof set, &set);
}

// Threads that wait awake: making one would cost more than a slice.
class Pool {
 public:
  explicit Pool(std::size_t width) : width_(width) {
    pin(0);
    for (std::size_t t = 1; t < width; ++t) threads_.emplace_back([this, t] { work(t); });
  }
  ~Pool() {
    stop_ = true;
    generation_.fetch_add(1);
    for (auto& thread : threads_) thread.join();
  }
  template <typename Task>
  double run(Task&& task) {
    task_ = task;
    done_ = 0;
    const auto begin = Clock::now();
    generation_.fetch_add(1, std::memory_order_acq_rel);
    task_(0);
    while (done_.load(std::memory_order_acquire) + 1 < width_) _mm_pause();
    return seconds_since(begin);
  }
  std::size_t width() const { return width_; }

 private:
  void work(std::size_t t) {
    pin(t);
    for (int seen = 0;;) {
      while (generation_.load(std::memory_order_acquire) == seen) _mm_pause();
      ++seen;
      if (stop_) return;
      task_(t);
      done_.fetch_add(1, std::memory_order_acq_rel);
    }
  }
  std::size_t width_;
  std::vector<std::thread> threads_;
  std::function<void(std::size_t)> task_;
  std::atomic<int> generation_{0};
  std::atomic<std::size_t> done_{0};
  bool stop_ = false;
};

inline volatile std::int32_t sink;

// Ahead: into the first cache; Second: into the second.
template <std::size_t Ahead, std::size_t Second = 0>
__attribute__((target("avx512f"))) void read_512(const std::uint8_t* p, std::size_t n) {
  __m512i sums[4] = {};
  for (std::size_t i = 0; i + 256 <= n; i += 256)
    for (std::size_t q = 0; q < 4; ++q) {
      if (Ahead != 0)
        _mm_prefetch(reinterpret_cast<const char*>(p + i + q * 64 + Ahead), _MM_HINT_T0);
      if (Second != 0)
        _mm_prefetch(reinterpret_cast<const char*>(p + i + q * 64 + Second), _MM_HINT_T1);
      sums[q] = _mm512_add_epi32(sums[q], _mm512_loadu_si512(p + i + q * 64));
    }
  sink = _mm512_reduce_add_epi32(
      _mm512_add_epi32(_mm512_add_epi32(sums[0], sums[1]), _mm512_add_epi32(sums[2], sums[3])));
}
template <std::size_t Ahead>
__attribute__((target("avx2"))) void read_256(const std::uint8_t* p, std::size_t n) {
  __m256i sums[4] = {};
  for (std::size_t i = 0; i + 128 <= n; i += 128)
    for (std::size_t q = 0; q < 4; ++q) {
      if (Ahead != 0)
        _mm_prefetch(reinterpret_cast<const char*>(p + i + q * 32 + Ahead), _MM_HINT_T0);
      sums[q] = _mm256_add_epi32(
          sums[q], _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p + i + q * 32)));
    }
  sink = _mm256_extract_epi32(
      _mm256_add_epi32(_mm256_add_epi32(sums[0], sums[1]), _mm256_add_epi32(sums[2], sums[3])), 0);
}

struct Runner {
  std::string name;
  double bytes_per_mac;                                         // 0: a read
  std::function<void(std::size_t begin, std::size_t end)> run;  // over bytes, whole units
  std::size_t unit;                                             // bytes of a row or a row group
  std::vector<double> times;                                    // seconds per byte
};

inline double percentile(std::vector<double> values, double p) {
  std::sort(values.begin(), values.end());
  return values[static_cast<std::size_t>(p * static_cast<double>(values.size() - 1))];
}

constexpr std::size_t weights_bytes = std::size_t{768} << 20;

struct Vectors {
  std::vector<std::int8_t> storage;
  std::int8_t* activations;
  std::int32_t sum = 0;
};
inline Vectors make_vector(std::size_t width, std::size_t columns) {
  Vectors out{std::vector<std::int8_t>(width + 128), nullptr, 0};
  out.activations =
      out.storage.data() + 64 - reinterpret_cast<std::uintptr_t>(out.storage.data()) % 64;
  std::mt19937 engine(5);
  for (std::size_t k = 0; k < columns; ++k) {
    out.activations[k] = static_cast<std::int8_t>(engine() & 255U);
    out.sum += out.activations[k];
  }
  return out;
}

// Any byte below 128 is a legal byte of every form but for the two-bit ones, whose results do not
// matter to their speed.
inline std::uint8_t* random_weights(std::size_t size) {
  std::uint8_t* bytes = big(size);
  std::mt19937 engine(1);
  for (std::size_t i = 0; i + 4 <= size; i += 4) {
    const std::uint32_t value = static_cast<std::uint32_t>(engine()) & 0x7F7F7F7FU;
    std::memcpy(bytes + i, &value, 4);
  }
  return bytes;
}

inline void add_reads(std::vector<Runner>& runners, const std::uint8_t* bytes) {
  const auto add = [&](const char* name, void (*read)(const std::uint8_t*, std::size_t)) {
    runners.push_back(
        {name, 0, [=](std::size_t a, std::size_t b) { read(bytes + a, b - a); }, 256, {}});
  };
  if (CpuFeatures::detect().has(Isa::avx512)) {
    add("read", read_512<0>);
    add("read, 4 KiB ahead", read_512<4096>);
    add("read, 8 KiB ahead", read_512<8192>);
    add("read, 16 KiB ahead", read_512<16384>);
    add("read, 32 KiB ahead", read_512<32768>);
    add("read, 6 and 16 KiB ahead", read_512<6144, 16384>);
  } else {
    add("read", read_256<0>);
    add("read, 4 KiB ahead", read_256<4096>);
    add("read, 8 KiB ahead", read_256<8192>);
    add("read, 16 KiB ahead", read_256<16384>);
  }
}

inline void add_kernels(std::vector<Runner>& runners, Format format,
                        std::span<const DotChoice> choices, const std::uint8_t* bytes,
                        std::size_t columns, std::int32_t* out) {
  const Layout one = *layout_of(format, {1, columns});
  const std::size_t height = format == Format::t5r ? 5 : format == Format::u2r ? 4 : 1;
  const std::size_t width = format == Format::u2 ? (columns / 4 + 63) / 64 * 64 : one.stride;
  auto* vectors = new Vectors(
      make_vector(format == Format::u2 ? 4 * width : width, format == Format::u2 ? 0 : columns));
  if (format == Format::u2) {
    const Vectors natural = make_vector(columns, columns);
    for (std::size_t k = 0; k < columns; ++k)
      vectors->activations[k % 4 * width + k / 4] = natural.activations[k];
    vectors->sum = natural.sum;
  }
  const Ahead ahead = ahead_of_stream(CpuFeatures::detect());
  const auto job = [=](std::size_t begin, std::size_t end, std::int32_t* to) {
    return DotJob{bytes + begin,
                  one.stride,
                  (end - begin) / one.stride,
                  width,
                  vectors->activations,
                  &vectors->sum,
                  1,
                  format == Format::u2 ? columns : one.stride,
                  1,
                  to,
                  0,
                  ahead};
  };
  std::vector<std::int32_t> wanted(37 * height);
  choices.back().run(job(0, 37 * one.stride, wanted.data()));
  for (const DotChoice& choice : choices) {
    if (choice.entry.isa == Isa::reference || !CpuFeatures::detect().has(choice.entry.isa))
      continue;
    std::vector<std::int32_t> got(wanted.size());
    choice.run(job(0, 37 * one.stride, got.data()));
    if (got != wanted) {
      std::printf("WRONG: %s\n", std::string(choice.entry.operation).c_str());
      std::exit(1);
    }
    runners.push_back(
        {std::string(choice.entry.operation.substr(8)) + " " +
             std::string(to_string(choice.entry.isa)),
         1.0 / (static_cast<double>(height * columns) / static_cast<double>(one.stride)),
         [=](std::size_t a, std::size_t b) {
           choice.run(job(a, b, out + a / one.stride * height));
         },
         one.stride,
         {}});
  }
}

inline void time_all(Pool& pool, std::vector<Runner>& runners, double seconds) {
  const std::size_t slice = pool.width() == 1 ? std::size_t{12} << 20 : std::size_t{8} << 20;
  const auto begin = Clock::now();
  std::size_t at = 0;
  for (std::size_t round = 0; seconds_since(begin) < seconds || round < 20; ++round) {
    for (std::size_t i = 0; i < runners.size(); ++i) {
      Runner& runner = runners[(i + round) % runners.size()];
      const std::size_t per_thread = slice / pool.width() / runner.unit * runner.unit;
      if (at + slice > weights_bytes) at = 0;
      const std::size_t from = (at + runner.unit - 1) / runner.unit * runner.unit;
      const double took = pool.run(
          [&](std::size_t t) { runner.run(from + t * per_thread, from + (t + 1) * per_thread); });
      runner.times.push_back(took / static_cast<double>(per_thread * pool.width()));
      at += slice;
    }
  }
}

inline void report(const std::vector<Runner>& runners) {
  double best = 1e9;
  for (const Runner& runner : runners)
    if (runner.bytes_per_mac == 0) best = std::min(best, percentile(runner.times, 0.1));
  for (const Runner& runner : runners) {
    const double p10 = percentile(runner.times, 0.1);
    const double p50 = percentile(runner.times, 0.5);
    std::printf("  %c %-24s %6.1f GB/s %5.1f %% of read", p50 > 1.25 * p10 ? '~' : ' ',
                runner.name.c_str(), 1e-9 / p10, 100 * best / p10);
    if (runner.bytes_per_mac != 0)
      std::printf("  %6.1f GMAC/s, median %6.1f", 1e-9 / p10 / runner.bytes_per_mac,
                  1e-9 / p50 / runner.bytes_per_mac);
    std::printf("  n %zu\n", runner.times.size());
  }
}

}  // namespace ternary_timing
