// Ours beside ggml's TQ1_0 and TQ2_0 and bitnet.cpp's I2_S: matrix by vector, weights from memory,
// in the same rounds (ternary_timing.h). Their libraries are given as files and none of their code
// is here; docs/ternary.md says where they come from.
//
// usage: bench_ternary_peers LIBGGML-CPU.so|- [LIB-WITH-I2_S.so|-] [threads] [seconds] [K]
//
// Each of their kernels must give the exact sum of a row before it is timed.
#include <cmath>
#include <memory>

#include <dlfcn.h>

#include "onnxpack/kernels/ternary/foreign.h"
#include "ternary_timing.h"

namespace {

using namespace ternary_timing;

using VecDot = void (*)(int n, float* sum, std::size_t, const void* weights, std::size_t row_step,
                        const void* activations, std::size_t, int rows);

void* symbol(void* library, const char* name) {
  void* found = dlsym(library, name);
  if (found == nullptr) {
    std::fprintf(stderr, "%s is not there\n", name);
    std::exit(2);
  }
  return found;
}

void* open_library(const char* path) {
  void* library = dlopen(path, RTLD_NOW | RTLD_GLOBAL);
  if (library == nullptr) {
    std::fprintf(stderr, "%s\n", dlerror());
    std::exit(2);
  }
  return library;
}

struct Peer {
  std::string name;
  Blocks form;
  VecDot dot;
  bool whole = false;  // takes all rows in one call, int8 activations, and sums of codes
  std::shared_ptr<std::vector<std::uint8_t>> activations;
};

std::vector<std::int8_t> trits_of(std::size_t count) {
  std::mt19937 engine(9);
  std::vector<std::int8_t> trits(count);
  for (auto& trit : trits) trit = static_cast<std::int8_t>(static_cast<int>(engine() % 3) - 1);
  return trits;
}

// Their quantiser takes 127 as it is, and with it whole numbers, where each block of 256 has one.
std::vector<std::int8_t> activations_of(std::size_t columns) {
  std::mt19937 engine(7);
  std::vector<std::int8_t> a(columns);
  for (auto& value : a) value = static_cast<std::int8_t>(static_cast<int>(engine() % 253) - 126);
  for (std::size_t k = 0; k < columns; k += 256) a[k] = 127;
  return a;
}

// A row of the peer's bytes again and again over the buffer, after its sum was found right.
void add_peer(std::vector<Runner>& runners, const Peer& peer, std::size_t columns) {
  const BlockFacts facts = facts_of(peer.form);
  if (columns % facts.elements != 0) return;
  const auto trits = trits_of(columns);
  const auto a = activations_of(columns);
  const std::size_t blocks = columns / facts.elements;
  const std::vector<std::uint16_t> ones(facts.scale_bytes != 0 ? blocks : 0, 0x3C00);
  std::vector<std::uint8_t> row(blocks * facts.bytes);
  if (!pack_blocks(peer.form, trits, ones, row)) std::abort();
  double wanted = 0;
  for (std::size_t k = 0; k < columns; ++k) wanted += a[k] * (trits[k] + (peer.whole ? 1 : 0));
  const std::size_t size = row.size();
  std::uint8_t* bytes = big(weights_bytes + (1 << 20));
  for (std::size_t i = 0; i + size <= weights_bytes + (1 << 20); i += size)
    std::memcpy(bytes + i, row.data(), size);
  auto sums = std::make_shared<std::vector<float>>(weights_bytes / size + 16);
  const auto run = [=, y = peer.activations, dot = peer.dot, whole = peer.whole](std::size_t begin,
                                                                                 std::size_t end) {
    const int n = static_cast<int>(columns);
    float* out = sums->data() + begin / size;
    if (whole) {
      dot(n, out, 1, bytes + begin, columns, y->data(), 0, static_cast<int>((end - begin) / size));
    } else {
      for (std::size_t at = begin; at < end; at += size, ++out)
        dot(n, out, 0, bytes + at, 0, y->data(), 0, 1);
    }
  };
  run(0, 3 * size);
  for (std::size_t i = 0; i < 3; ++i)
    if (std::fabs((*sums)[i] - wanted) > 0.001 * std::fabs(wanted) + 1) {
      std::fprintf(stderr, "WRONG: %s gives %g, %g expected\n", peer.name.c_str(),
                   static_cast<double>((*sums)[i]), wanted);
      std::exit(1);
    }
  runners.push_back(
      {peer.name, static_cast<double>(size) / static_cast<double>(columns), run, size, {}});
}

double gmacs(const Runner& runner) {
  return 1e-9 / percentile(runner.times, 0.1) / runner.bytes_per_mac;
}

void compare(const std::vector<Runner>& runners, const std::vector<std::string>& peers) {
  for (const std::string& peer : peers) {
    const auto is_peer = [&](const Runner& runner) { return runner.name == peer; };
    const auto found = std::find_if(runners.begin(), runners.end(), is_peer);
    if (found == runners.end()) continue;
    std::printf("  times %s:", peer.c_str());
    for (const Runner& runner : runners)
      if (runner.name.starts_with("t5r ") || runner.name.starts_with("u2"))
        std::printf("  %s %.2f", runner.name.c_str(), gmacs(runner) / gmacs(*found));
    std::printf("\n");
  }
}

}  // namespace

int main(int argc, char** argv) {
  const auto given = [&](int i) { return argc > i && std::strcmp(argv[i], "-") != 0; };
  if (!given(1) && !given(2)) {
    std::fprintf(stderr,
                 "usage: bench_ternary_peers LIBGGML-CPU.so|- [LIB-WITH-I2_S.so|-] [threads] "
                 "[seconds] [K]\n");
    return 2;
  }
  const auto threads = static_cast<std::size_t>(argc > 3 ? std::atoi(argv[3]) : 1);
  const double seconds = argc > 4 ? std::atof(argv[4]) : 2;
  const std::size_t only = argc > 5 ? std::strtoul(argv[5], nullptr, 10) : 0;
  void* ggml = given(1) ? open_library(argv[1]) : nullptr;
  void* bitnet = given(2) ? open_library(argv[2]) : nullptr;
  if (ggml != nullptr) reinterpret_cast<void (*)()>(symbol(ggml, "ggml_cpu_init"))();
  const std::uint8_t* bytes = random_weights(weights_bytes + (1 << 20));
  std::vector<std::int32_t> out(weights_bytes / 100);
  Pool pool(threads);
  for (std::size_t columns : {2560UL, 6912UL}) {
    if (only != 0 && columns != only) continue;
    std::vector<Runner> runners;
    add_reads(runners, bytes);
    add_kernels(runners, Format::t5r, t5r_dots(), bytes, columns, out.data());
    add_kernels(runners, Format::u2r, u2r_dots(), bytes, columns, out.data());
    add_kernels(runners, Format::u2, u2_dots(), bytes, columns, out.data());
    const auto a = activations_of(columns);
    if (ggml != nullptr) {
      // 292 bytes for 256: a scale, the values, and sums of sixteen.
      const std::vector<float> x(a.begin(), a.end());
      auto y = std::make_shared<std::vector<std::uint8_t>>(columns / 256 * 292);
      using Quantize = void (*)(const float*, void*, std::int64_t);
      reinterpret_cast<Quantize>(symbol(ggml, "quantize_row_q8_K"))(
          x.data(), y->data(), static_cast<std::int64_t>(columns));
      const auto dot = [&](const char* name) {
        return reinterpret_cast<VecDot>(symbol(ggml, name));
      };
      add_peer(runners, {"ggml TQ1_0", Blocks::tq1_0, dot("ggml_vec_dot_tq1_0_q8_K"), false, y},
               columns);
      add_peer(runners, {"ggml TQ2_0", Blocks::tq2_0, dot("ggml_vec_dot_tq2_0_q8_K"), false, y},
               columns);
    }
    if (bitnet != nullptr) {
      auto y = std::make_shared<std::vector<std::uint8_t>>(columns);
      std::memcpy(y->data(), a.data(), columns);
      const auto dot =
          reinterpret_cast<VecDot>(symbol(bitnet, "_Z24ggml_vec_dot_i2_i8_s_1x1iPfmPKvmS1_mi"));
      add_peer(runners, {"bitnet.cpp I2_S", Blocks::i2_s, dot, true, y}, columns);
    }
    time_all(pool, runners, seconds);
    std::printf("K %zu, %zu thread(s)\n", columns, threads);
    report(runners);
    compare(runners, {"ggml TQ1_0", "ggml TQ2_0", "bitnet.cpp I2_S"});
  }
}
