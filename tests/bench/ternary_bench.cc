// Ternary kernels against the speed of reading memory. usage: bench_ternary [gemv|gemm|token]
// [threads] [seconds per shape] [K, 0 for all] [small: pages of 4 KiB]
//
// gemv: see ternary_timing.h. gemm: M = 512; per panel the time of unpacking and multiplying,
// against the peak of vpdpbusd on registers in the same rounds. token: every matrix of one token of
// bitnet-b1.58-2B-4T in order, with one scale per matrix and with scales of blocks.
//
// Every kernel's first rows are compared with the plain kernel's before anything is timed.
#include "onnxpack/kernels/ternary/matmul.h"
#include "ternary/matmul_plan.h"
#include "ternary_timing.h"

namespace {

using namespace ternary_timing;

void gemv(std::size_t threads, double seconds, std::size_t only_columns) {
  const std::uint8_t* bytes = random_weights(weights_bytes + (1 << 20));
  std::vector<std::int32_t> out(weights_bytes / 100);
  Pool pool(threads);
  struct {
    std::size_t rows, columns;
  } shapes[] = {{2560, 2560}, {640, 2560},   {6912, 2560},  {2560, 6912},
                {8192, 2048}, {3072, 23040}, {14336, 4096}, {4096, 14336}};
  for (const auto& shape : shapes) {
    if (only_columns != 0 && shape.columns != only_columns) continue;
    std::vector<Runner> runners;
    add_reads(runners, bytes);
    add_kernels(runners, Format::t5r, t5r_dots(), bytes, shape.columns, out.data());
    add_kernels(runners, Format::u2r, u2r_dots(), bytes, shape.columns, out.data());
    add_kernels(runners, Format::u2, u2_dots(), bytes, shape.columns, out.data());
    time_all(pool, runners, seconds);
    std::printf("N %zu K %zu, %zu thread(s)\n", shape.rows, shape.columns, threads);
    report(runners);
  }
}

__attribute__((target("avx512f,avx512vnni"))) double peak_gmacs() {
  __m512i sums[24] = {};
  const __m512i a = _mm512_set1_epi8(1);
  const auto begin = Clock::now();
  for (int i = 0; i < 20000; ++i) {
    // In registers: else the stores would be what is measured.
#pragma GCC unroll 24
    for (auto& sum : sums) {
      sum = _mm512_dpbusd_epi32(sum, a, a);
      asm volatile("" : "+v"(sum));
    }
  }
  return 20000.0 * 24 * 64 / seconds_since(begin) * 1e-9;
}

void gemm(double seconds) {
  constexpr std::size_t columns = 2560, m = 512;
  pin(0);
  std::vector<std::uint8_t> bytes(16 * columns, 100);
  std::uint8_t* panel = big(panel_rows * columns);
  auto* activations = reinterpret_cast<std::int8_t*>(big(m * columns));
  std::vector<std::int32_t> out(m * panel_rows);
  const GemmChoice& choice = gemms().front();
  if (!CpuFeatures::detect().has(choice.entry.isa)) return;
  std::vector<double> unpacking, multiplying, peak;
  const auto begin = Clock::now();
  while (seconds_since(begin) < seconds || peak.size() < 20) {
    auto start = Clock::now();
    choice.unpack_t5r({bytes.data(), columns, 16, columns, panel});
    unpacking.push_back(seconds_since(start));
    start = Clock::now();
    for (std::size_t i = 0; i < m; i += 100)
      for (std::size_t k = 0; k < columns; k += gemm_piece)
        choice.multiply({panel + k * panel_rows, activations + i * columns + k, columns, gemm_piece,
                         std::min<std::size_t>(100, m - i), out.data() + i * panel_rows,
                         panel_rows});
    multiplying.push_back(seconds_since(start));
    peak.push_back(1 / peak_gmacs());
  }
  const double macs = static_cast<double>(panel_rows) * columns * m * 1e-9;
  const double both = percentile(unpacking, 0.1) + percentile(multiplying, 0.1);
  const double top = 1 / percentile(peak, 0.1);
  std::printf(
      "gemm M 512 K 2560, one thread: %.0f GMAC/s, %.2f of the vpdpbusd peak %.0f; unpacking is "
      "%.1f %% of the time\n",
      macs / both, macs / both / top, top, 100 * percentile(unpacking, 0.1) / both);
}

// All matrices of one token of bitnet-b1.58-2B-4T in their order, by the whole multiplication
// (activations quantised, sums scaled), beside reading as many bytes.
struct PoolParallel final : Parallel {
  explicit PoolParallel(Pool& p) : pool(p) {}
  std::size_t width() const override { return pool.width(); }
  void run(std::size_t count, void (*task)(void*, std::size_t), void* state) override {
    pool.run([&](std::size_t t) {
      for (std::size_t i = t; i < count; i += pool.width()) task(state, i);
    });
  }
  Pool& pool;
};

struct Kind {
  Format format;
  std::size_t block;  // columns per scale, 0 for one scale
  std::vector<double> times;
  std::size_t bytes = 0;  // codes and scales
};

constexpr std::size_t token_layers = 30;
constexpr Shape token_shapes[] = {{2560, 2560}, {640, 2560},  {640, 2560}, {2560, 2560},
                                  {6912, 2560}, {6912, 2560}, {2560, 6912}};

void one_token(Kind& kind, const KernelSet& kernels, Parallel& parallel, const std::uint8_t* codes,
               const float* scales, std::byte* scratch) {
  static const std::vector<float> x(6912, 0.5F);
  static std::vector<float> y(6912);
  const ScaleLayout scale_layout =
      kind.block == 0 ? ScaleLayout{} : ScaleLayout{Granularity::block, kind.block};
  kind.bytes = 0;
  const auto start = Clock::now();
  for (std::size_t layer = 0; layer < token_layers; ++layer)
    for (const Shape& shape : token_shapes) {
      const Layout layout = *layout_of(kind.format, shape);
      matmul(kernels, {{layout, codes, scale_layout, scales}, Mode::int8, x.data(), 1, y.data()},
             parallel, scratch);
      // Every shape's rows fill the kernels' tiles of scales.
      const std::size_t count = scale_count(scale_layout, shape);
      codes += layout.bytes;
      scales += count;
      kind.bytes += layout.bytes + count * sizeof(float);
    }
  kind.times.push_back(seconds_since(start));
}

void token(std::size_t threads, double seconds) {
  const std::uint8_t* codes = random_weights(std::size_t{560} << 20);
  constexpr std::size_t scales_bytes = std::size_t{540} << 20;
  auto* scales = reinterpret_cast<float*>(big(scales_bytes));
  std::fill_n(scales, scales_bytes / sizeof(float), 0.01F);
  Pool pool(threads);
  PoolParallel parallel(pool);
  const KernelSet kernels = choose_kernels(CpuFeatures::detect());
  auto* scratch = reinterpret_cast<std::byte*>(big(1 << 20));
  std::vector<Kind> kinds;
  for (std::size_t block : {0UL, 256UL, 128UL, 32UL, 16UL})
    for (Format format : {Format::t5r, Format::u2r, Format::u2})
      // With blocks this narrow u2 is transcoded.
      if (block == 0 || block >= 128 || format != Format::u2) kinds.push_back({format, block, {}});
  std::vector<double> reads;
  const auto begin = Clock::now();
  while (seconds_since(begin) < seconds || reads.size() < 10) {
    for (Kind& kind : kinds) one_token(kind, kernels, parallel, codes, scales, scratch);
    std::vector<Runner> runners;
    add_reads(runners, codes);
    const std::size_t part = (std::size_t{416} << 20) / threads;
    double best = 1e9;
    for (Runner& runner : runners)
      best = std::min(best, pool.run([&](std::size_t t) { runner.run(t * part, (t + 1) * part); }));
    reads.push_back(best / static_cast<double>(part * threads));
  }
  const double read = percentile(reads, 0.1);
  double macs = 0;
  for (const Shape& shape : token_shapes)
    macs += static_cast<double>(token_layers * shape.rows * shape.columns);
  std::printf("one token of 2B-4T, %zu thread(s), read %.1f GB/s\n", threads, 1e-9 / read);
  for (const Kind& kind : kinds) {
    const double p10 = percentile(kind.times, 0.1);
    const double p50 = percentile(kind.times, 0.5);
    std::printf(
        "  %c %-13s block %3zu  %6.2f ms, median %6.2f, %.0f MB, %.0f GMAC/s, %.2f of read\n",
        p50 > 1.25 * p10 ? '~' : ' ', std::string(encoding_name(kind.format)).c_str(), kind.block,
        1e3 * p10, 1e3 * p50, 1e-6 * static_cast<double>(kind.bytes), 1e-9 * macs / p10,
        static_cast<double>(kind.bytes) * read / p10);
  }
}

}  // namespace

int main(int argc, char** argv) {
  const std::string what = argc > 1 ? argv[1] : "gemv";
  const auto threads = static_cast<std::size_t>(argc > 2 ? std::atoi(argv[2]) : 1);
  const double seconds = argc > 3 ? std::atof(argv[3]) : 1.5;
  huge_pages = argc < 6 || std::string(argv[5]) != "small";
  if (what == "gemv") gemv(threads, seconds, argc > 4 ? std::strtoul(argv[4], nullptr, 10) : 0);
  if (what == "gemm") gemm(seconds);
  if (what == "token") token(threads, seconds);
}
