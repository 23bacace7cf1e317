// FlexAttention's kernels alone, without ONNX Runtime.
// usage: bench_flex_attention types|decode|calls [threads] [rounds] [part of a row] [MiB]
// Part of a row and MiB are for decode; MiB are those of K and V together, 256 unless given.
// ONNXPACK_KERNELS names an instruction set to keep to, as for the operator library.
//
// types: bf16 and f16 against f32, dense and causal. decode: 1 to 16 queries over K and V that
// no cache should have (MiB says how much; a third cache of a server may be larger than 256 MiB),
// the bytes of K and V by time against the speed of reading the same memory in the same rounds:
// plain loads, as wide as the CPU has them, and the best of those, of such with prefetch 1 to 16
// KiB ahead, each thread its own share, and of pieces of 1 MiB to whoever comes first. calls: the
// time of one, over K and V that a cache has.
//
// In every round each contender runs once, or as often as takes 10 ms, so that a machine that slows
// down slows all; medians are compared, with the 10th and 90th percentile beside them. On one
// thread time is the thread's own CPU time, which other programs do not stretch; on several it is
// wall time.
#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <limits>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include <sys/mman.h>
#include <time.h>

#include "flex_attention/half.h"
#include "onnxpack/kernels/flex_attention.h"

namespace {

using namespace onnxpack::kernels;
using namespace onnxpack::kernels::flex;

// Threads that wait for work by spinning, as those of ONNX Runtime do for some time.
class Threads final : public Parallel {
 public:
  explicit Threads(std::size_t width) : has_work_(width) {
    for (std::size_t i = 1; i < width; ++i) others_.emplace_back([this, i] { serve(i); });
  }
  ~Threads() override {
    stop_ = true;
    others_.clear();
  }
  std::size_t width() const override { return has_work_.size(); }
  // At most as many tasks as there are threads.
  void run(std::size_t count, void (*task)(void*, std::size_t), void* state) override {
    task_ = task;
    state_ = state;
    for (std::size_t i = 1; i < count; ++i) has_work_[i].set = true;
    if (count > 0) task(state, 0);
    for (std::size_t i = 1; i < count; ++i) {
      while (has_work_[i].set) {
      }
    }
  }

 private:
  void serve(std::size_t i) {
    while (!stop_) {
      if (!has_work_[i].set) continue;
      task_(state_, i);
      has_work_[i].set = false;
    }
  }

  // Each on a line of its own: the others spin on theirs.
  struct alignas(64) Flag {
    std::atomic<bool> set = false;
  };
  std::vector<Flag> has_work_;
  std::atomic<bool> stop_ = false;
  void (*task_)(void*, std::size_t) = nullptr;
  void* state_ = nullptr;
  std::vector<std::jthread> others_;
};

double now(bool cpu_time) {
  timespec t{};
  clock_gettime(cpu_time ? CLOCK_THREAD_CPUTIME_ID : CLOCK_MONOTONIC, &t);
  return static_cast<double>(t.tv_sec) + 1e-9 * static_cast<double>(t.tv_nsec);
}

struct Memory {
  explicit Memory(std::size_t count) : bytes((count + huge - 1) / huge * huge) {
    void* p = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED) std::abort();
    madvise(p, bytes, MADV_HUGEPAGE);
    data = static_cast<char*>(p);
  }
  Memory(const Memory&) = delete;
  ~Memory() { munmap(data, bytes); }
  static constexpr std::size_t huge = std::size_t{2} << 20;
  std::size_t bytes;
  char* data;
};

struct Contender {
  std::string name;
  double work;  // operations or bytes
  std::function<void()> run;
  std::vector<double> times = {};

  double percentile(double p) {
    std::ranges::sort(times);
    return times[static_cast<std::size_t>(p * static_cast<double>(times.size() - 1) + 0.5)];
  }
  double rate() { return work / percentile(0.5) / 1e9; }
};

void race(std::vector<Contender>& all, int rounds, bool cpu_time) {
  constexpr double least = 0.01;
  std::vector<int> runs;
  for (Contender& one : all) {
    one.run();
    const double began = now(cpu_time);
    one.run();
    runs.push_back(std::max(1, static_cast<int>(least / (now(cpu_time) - began) + 0.5)));
  }
  for (int round = 0; round < rounds; ++round) {
    for (std::size_t i = 0; i < all.size(); ++i) {
      const double began = now(cpu_time);
      for (int run = 0; run < runs[i]; ++run) all[i].run();
      all[i].times.push_back((now(cpu_time) - began) / runs[i]);
    }
  }
}

CpuFeatures features() {
  const char* forced = std::getenv(force_variable);
  const auto chosen = choose_features(CpuFeatures::detect(), forced ? forced : "");
  if (!chosen) {
    std::fprintf(stderr, "%s\n", chosen.error().c_str());
    std::exit(2);
  }
  return *chosen;
}

// Q, K, V and Y of one call, of normally distributed numbers.
class Problem {
 public:
  Problem(Type type, bool causal, std::int64_t heads, std::int64_t kv_heads, std::int64_t length,
          std::int64_t keys, std::int64_t size) {
    Spec spec;
    spec.element = type;
    Builder b;
    if (causal) {
      const NodeId seen = b.apply(Op::less_equal, {b.index(0), b.index(1)});
      const NodeId never = b.real(Type::f32, -std::numeric_limits<double>::infinity());
      spec.score_mod = b.finish(b.apply(Op::select, {seen, b.element(Type::f32), never}));
    }
    auto kernel = FlexAttention::create(spec, features());
    if (!kernel) std::abort();
    kernel_ = std::make_unique<FlexAttention>(std::move(*kernel));
    a_ = {.batch = 1,
          .kv_batch = 1,
          .q_heads = heads,
          .kv_heads = kv_heads,
          .q_length = length,
          .kv_length = keys,
          .qk_size = size,
          .v_size = size,
          .tables = {}};
    a_.q = fill(type, heads * length * size);
    a_.k = fill(type, kv_heads * keys * size);
    a_.v = fill(type, kv_heads * keys * size);
    a_.y = fill(type, heads * length * size);
  }

  void run(Parallel& parallel) {
    if (!kernel_->run(a_, parallel)) std::abort();
  }
  const Arguments& arguments() const { return a_; }
  std::string kernel() const { return std::string(to_string(kernel_->isa())); }
  double operations() const {
    return 4.0 * static_cast<double>(a_.q_heads * a_.q_length * a_.kv_length * a_.qk_size);
  }
  std::size_t key_bytes() const { return key_bytes_; }

 private:
  void* fill(Type type, std::int64_t count) {
    const std::size_t each = type == Type::f32 ? 4 : 2;
    memory_.push_back(std::make_unique<Memory>(static_cast<std::size_t>(count) * each));
    char* to = memory_.back()->data;
    if (memory_.size() == 2) key_bytes_ = static_cast<std::size_t>(count) * each;
    std::normal_distribution<float> normal;
    std::vector<float> some(1 << 14);
    for (float& value : some) value = normal(random_);
    for (std::size_t i = 0; i < static_cast<std::size_t>(count); ++i) {
      const float value = some[(i + i / some.size() * 31) % some.size()];
      const std::uint16_t half = type == Type::bf16 ? float_to_bfloat(value) : float_to_half(value);
      std::memcpy(to + i * each, each == 4 ? static_cast<const void*>(&value) : &half, each);
    }
    return to;
  }

  std::unique_ptr<FlexAttention> kernel_;
  Arguments a_;
  std::mt19937 random_{1};
  std::size_t key_bytes_ = 0;
  std::vector<std::unique_ptr<Memory>> memory_;
};

typedef float Line __attribute__((vector_size(64), aligned(4)));

volatile float sink;

// With the widest loads there are: by narrower ones the loop itself is slower than the memory.
#if defined(__x86_64__) && defined(__GNUC__)
__attribute__((target_clones("default", "avx2", "avx512f")))
#endif
void read_all(const void* data, std::size_t bytes, std::size_t ahead) {
  const char* at = static_cast<const char*>(data);
  Line sums[8] = {};
  for (std::size_t i = 0; i + 512 <= bytes; i += 512) {
    for (std::size_t j = 0; j < 8; ++j) {
      if (ahead > 0) __builtin_prefetch(at + i + j * 64 + ahead);
      sums[j] += *reinterpret_cast<const Line*>(at + i + j * 64);
      // In this order: Zen 4 reads half as fast what is not asked for line after line.
      asm volatile("" ::: "memory");
    }
  }
  float all = 0;
  for (const Line& sum : sums) all += sum[0];
  sink = all;
}

void types(std::size_t threads, int rounds) {
  Threads parallel(threads);
  for (std::int64_t size : {64, 128}) {
    for (std::int64_t length : {512, 2048, 8192}) {
      std::vector<std::unique_ptr<Problem>> problems;
      std::vector<Contender> all;
      const std::int64_t kv_heads = size == 64 ? 8 : 2;
      for (bool causal : {false, true}) {
        for (Type type : {Type::f32, Type::bf16, Type::f16}) {
          problems.push_back(
              std::make_unique<Problem>(type, causal, 8, kv_heads, length, length, size));
          Problem& p = *problems.back();
          all.push_back({std::string(causal ? "causal " : "dense ") + std::string(to_string(type)),
                         p.operations(), [&p, &parallel] { p.run(parallel); }});
        }
      }
      race(all, length > 4096 ? std::max(3, rounds / 4) : rounds, threads == 1);
      std::printf("D %d, L = S = %d (%s): GFLOP/s dense-equivalent, ms (10th to 90th), to f32\n",
                  static_cast<int>(size), static_cast<int>(length), problems[0]->kernel().c_str());
      for (std::size_t i = 0; i < all.size(); ++i) {
        std::printf("  %-12s %7.0f  %.2f to %.2f", all[i].name.c_str(), all[i].rate(),
                    1e3 * all[i].percentile(0.1), 1e3 * all[i].percentile(0.9));
        if (i % 3 != 0) std::printf("  %.2f", all[i].rate() / all[i - i % 3].rate());
        std::printf("\n");
      }
    }
  }
}

void decode(std::size_t threads, int rounds, const std::string& only, std::int64_t mebibytes) {
  Threads parallel(threads);
  struct Row {
    std::int64_t queries, heads, kv_heads, size;
  };
  for (Type type : {Type::f32, Type::bf16, Type::f16}) {
    for (const Row& row :
         {Row{1, 8, 8, 128}, Row{2, 8, 8, 128}, Row{3, 8, 8, 128}, Row{2, 16, 16, 64},
          Row{3, 16, 16, 64}, Row{1, 32, 8, 128}, Row{1, 64, 8, 128}, Row{4, 8, 8, 128},
          Row{8, 8, 8, 128}, Row{2, 32, 8, 128}, Row{2, 64, 8, 128}, Row{3, 32, 8, 128},
          Row{1, 16, 16, 64}, Row{1, 64, 16, 64}}) {
      char what[64];
      std::snprintf(what, sizeof what, "%-4s L %d, heads %2d/%-2d, D %3d",
                    std::string(to_string(type)).c_str(), static_cast<int>(row.queries),
                    static_cast<int>(row.heads), static_cast<int>(row.kv_heads),
                    static_cast<int>(row.size));
      if (std::string(what).find(only) == std::string::npos) continue;
      const std::int64_t bytes = mebibytes << 19;  // of each
      const std::int64_t keys = bytes / (row.kv_heads * row.size * (type == Type::f32 ? 4 : 2));
      Problem p(type, false, row.heads, row.kv_heads, row.queries, keys, row.size);
      const double work = 2.0 * static_cast<double>(p.key_bytes());
      std::vector<Contender> all;
      all.push_back({"decode", work, [&] { p.run(parallel); }});
      for (std::size_t ahead : {0, 1024, 4096, 16384}) {
        all.push_back({"read", work, [&p, &parallel, threads, ahead] {
                         parallel_for(parallel, threads, [&](std::size_t i) {
                           const std::size_t share = p.key_bytes() / threads;
                           for (const void* from : {p.arguments().k, p.arguments().v})
                             read_all(static_cast<const char*>(from) + i * share, share, ahead);
                         });
                       }});
      }
      // In pieces that a faster core takes more of, as decode's tasks are.
      std::atomic<std::size_t> next = 0;
      if (threads > 1) {
        all.push_back({"read", work, [&p, &parallel, &next, threads] {
                         constexpr std::size_t piece = std::size_t{1} << 20;
                         const std::size_t pieces = p.key_bytes() / piece;
                         next = 0;
                         parallel_for(parallel, threads, [&](std::size_t) {
                           for (std::size_t i = next++; i < 2 * pieces; i = next++) {
                             const void* from = i < pieces ? p.arguments().k : p.arguments().v;
                             const std::size_t at = i % pieces * piece;
                             read_all(static_cast<const char*>(from) + at, piece, 0);
                           }
                         });
                       }});
      }
      race(all, rounds, threads == 1);
      double best = 0;
      for (std::size_t i = 1; i < all.size(); ++i) best = std::max(best, all[i].rate());
      const double ours = all[0].rate();
      const double plain = all[1].rate();
      std::printf(
          "%s, S %6d: %5.1f GB/s, plain loads %5.1f GB/s, %.2f, best %5.1f GB/s, %.2f; ms %.2f to "
          "%.2f\n",
          what, static_cast<int>(keys), ours, plain, ours / plain, best, ours / best,
          1e3 * all[0].percentile(0.1), 1e3 * all[0].percentile(0.9));
    }
  }
}

// What a call takes while all it reads stays in the second cache: of what it does beside.
void calls(std::size_t threads, int rounds) {
  Threads parallel(threads);
  for (Type type : {Type::f32, Type::bf16, Type::f16}) {
    for (std::int64_t queries : {1, 8, 16}) {
      std::vector<std::unique_ptr<Problem>> problems;
      std::vector<Contender> all;
      for (std::int64_t keys : {64, 512, 2048}) {
        problems.push_back(std::make_unique<Problem>(type, false, queries, 1, 1, keys, 128));
        Problem& p = *problems.back();
        all.push_back({std::to_string(keys), 0, [&p, &parallel] { p.run(parallel); }});
      }
      race(all, rounds, threads == 1);
      for (Contender& one : all)
        std::printf("%-4s %d queries of one KV head, D 128, S %4s: %6.1f us (%.1f to %.1f)\n",
                    std::string(to_string(type)).c_str(), static_cast<int>(queries),
                    one.name.c_str(), 1e6 * one.percentile(0.5), 1e6 * one.percentile(0.1),
                    1e6 * one.percentile(0.9));
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  const std::string what = argc > 1 ? argv[1] : "";
  const std::size_t threads = argc > 2 ? std::strtoul(argv[2], nullptr, 10) : 1;
  const int rounds = argc > 3 ? std::atoi(argv[3]) : 11;
  if (what == "types") {
    types(threads, rounds);
  } else if (what == "decode") {
    decode(threads, rounds, argc > 4 ? argv[4] : "", argc > 5 ? std::atoi(argv[5]) : 256);
  } else if (what == "calls") {
    calls(threads, rounds);
  } else {
    std::fprintf(stderr,
                 "usage: bench_flex_attention types|decode|calls [threads] [rounds] [row] [MiB]\n");
    return 2;
  }
  return 0;
}
