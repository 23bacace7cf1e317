// Ternary kernels against the speed of reading memory. usage: bench_ternary [gemv|gemm|token]
// [threads] [seconds per shape] [K, 0 for all] [small: pages of 4 KiB]
//
// gemv: see ternary_timing.h. gemm: M = 512; one panel's unpacking and multiplying, against the
// peak of the instruction (vpdpbusd, tdpbsud) on registers in the same rounds; then the whole
// operation, activations quantised and sums scaled. token: every matrix of one token of
// bitnet-b1.58-2B-4T in order, with one scale per matrix and with scales of blocks.
//
// Every kernel's first rows are compared with the plain kernel's before anything is timed.
#include "onnxpack/kernels/ternary/matmul.h"

#include "common/amx_blocks.h"
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

// Operands of the peaks: what registers hold decides how fast the core's clock is.
const std::uint8_t* random_operands() {
  static const std::uint8_t* bytes = random_weights(4096);
  return bytes;
}

__attribute__((target("avx512f,avx512vnni"))) double peak_gmacs() {
  __m512i sums[24] = {};
  const __m512i a = _mm512_loadu_si512(random_operands());
  const __m512i b = _mm512_loadu_si512(random_operands() + 64);
  const auto begin = Clock::now();
  for (int i = 0; i < 20000; ++i) {
    // In registers: else the stores would be what is measured.
#pragma GCC unroll 24
    for (auto& sum : sums) {
      sum = _mm512_dpbusd_epi32(sum, a, b);
      asm volatile("" : "+v"(sum));
    }
  }
  return 20000.0 * 24 * 64 / seconds_since(begin) * 1e-9;
}

double peak_gmacs_of_tiles() {
  constexpr int rounds = 20000;
  configure_tiles(block_shapes(16, 16));
  load_tile<4>(random_operands(), 64);
  load_tile<5>(random_operands() + 1024, 64);
  load_tile<6>(random_operands() + 2048, 64);
  load_tile<7>(random_operands() + 3072, 64);
  const auto begin = Clock::now();
  for (int i = 0; i < rounds; ++i) {
    dot_signed_unsigned<0, 4, 6>();
    dot_signed_unsigned<1, 4, 7>();
    dot_signed_unsigned<2, 5, 6>();
    dot_signed_unsigned<3, 5, 7>();
  }
  const double took = seconds_since(begin);
  release_tiles();
  return rounds * 4.0 * 16 * 16 * 64 / took * 1e-9;
}

struct Gemm {
  const GemmChoice* choice;
  double (*peak)();
  std::vector<double> peaks = {}, unpacking = {}, multiplying = {};
  std::vector<std::vector<double>> whole = {};  // of each shape
};

std::vector<Gemm> gemms_here() {
  std::vector<Gemm> out;
  for (const GemmChoice& choice : gemms()) {
    if (choice.entry.isa == Isa::reference || !CpuFeatures::detect().has(choice.entry.isa))
      continue;
    out.push_back({&choice, choice.entry.isa == Isa::amx_int8 ? peak_gmacs_of_tiles : peak_gmacs});
  }
  return out;
}

constexpr std::size_t gemm_m = 512;

// One panel by 512 rows as the driver does it.
void time_panel(Gemm& gemm, const std::uint8_t* bytes, std::uint8_t* panel,
                const std::int8_t* activations, std::size_t columns, std::int32_t* out) {
  auto start = Clock::now();
  gemm.choice->unpack_t5r({bytes, columns, panel_rows / 5, columns, panel});
  gemm.unpacking.push_back(seconds_since(start));
  const bool pieces = gemm.choice->blocking == Blocking::first_cache;
  const std::size_t step = pieces ? 100 : gemm_rows;
  const std::size_t piece = pieces ? gemm_piece : columns;
  const std::size_t stride = columns + 64;
  start = Clock::now();
  for (std::size_t i = 0; i < gemm_m; i += step)
    for (std::size_t k = 0; k < columns; k += piece)
      gemm.choice->multiply({panel + k * panel_rows, activations + i * stride + k, stride, piece,
                             std::min(step, gemm_m - i), out, panel_rows});
  gemm.multiplying.push_back(seconds_since(start));
}

constexpr Shape gemm_shapes[] = {{2560, 2560}, {6912, 2560}, {2560, 6912}, {4096, 4096}};

std::vector<float> random_floats(std::size_t count) {
  std::mt19937 engine(3);
  std::vector<float> out(count);
  for (float& value : out) value = static_cast<float>(engine() % 2001) / 1000.0F - 1.0F;
  return out;
}

struct GemmOperands {
  std::uint8_t* codes = random_weights(std::size_t{16} << 20);
  std::vector<float> x = random_floats(gemm_m * 6912);
  float* y = reinterpret_cast<float*>(big(gemm_m * 6912 * sizeof(float)));
  std::byte* scratch = reinterpret_cast<std::byte*>(big(std::size_t{32} << 20));
};

void time_whole(Gemm& gemm, const GemmOperands& operands, Parallel& parallel) {
  KernelSet kernels = choose_kernels(CpuFeatures::detect());
  kernels.gemm = gemm.choice;
  const float scale = 0.01F;
  gemm.whole.resize(std::size(gemm_shapes));
  for (std::size_t i = 0; i < std::size(gemm_shapes); ++i) {
    const Layout layout = *layout_of(Format::t5r, gemm_shapes[i]);
    const auto start = Clock::now();
    matmul(
        kernels,
        {{layout, operands.codes, {}, &scale}, Mode::int8, operands.x.data(), gemm_m, operands.y},
        parallel, operands.scratch);
    gemm.whole[i].push_back(seconds_since(start));
  }
}

void report(const Gemm& gemm, std::size_t threads, std::size_t columns) {
  const double peak = 1 / percentile(gemm.peaks, 0.1);
  const double unpacking = percentile(gemm.unpacking, 0.1);
  const double both = unpacking + percentile(gemm.multiplying, 0.1);
  const double macs = static_cast<double>(panel_rows * columns * gemm_m) * 1e-9;
  std::printf("%s, peak of registers %.0f GMAC/s, one thread\n",
              std::string(to_string(gemm.choice->entry.isa)).c_str(), peak);
  std::printf(
      "  one panel, K %zu: %.0f GMAC/s, %.2f of the peak; unpacking is %.1f %% of the time\n",
      columns, macs / both, macs / both / peak, 100 * unpacking / both);
  for (std::size_t i = 0; i < std::size(gemm_shapes); ++i) {
    const auto [rows, k] = gemm_shapes[i];
    const double p10 = percentile(gemm.whole[i], 0.1);
    const double p50 = percentile(gemm.whole[i], 0.5);
    const double all = static_cast<double>(rows * k * gemm_m) * 1e-9;
    std::printf("%c N %4zu K %4zu, %zu thread(s), all of it: %6.2f ms, median %6.2f, %.0f GMAC/s\n",
                p50 > 1.25 * p10 ? '~' : ' ', rows, k, threads, 1e3 * p10, 1e3 * p50, all / p10);
  }
}

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

void gemm(std::size_t threads, double seconds) {
  constexpr std::size_t columns = 2560;
  const std::uint8_t* bytes = random_weights(panel_rows / 5 * columns);
  std::uint8_t* panel = big(panel_rows * columns);
  const auto* activations = reinterpret_cast<std::int8_t*>(random_weights(gemm_m * (columns + 64)));
  auto* out = reinterpret_cast<std::int32_t*>(big(100 * panel_rows * sizeof(std::int32_t)));
  const GemmOperands operands;
  Pool pool(threads);
  PoolParallel parallel(pool);
  std::vector<Gemm> all = gemms_here();
  const auto begin = Clock::now();
  for (int round = 0; round < 20 || seconds_since(begin) < seconds; ++round)
    for (Gemm& one : all) {
      for (int again = 0; again < 4; ++again)  // what came before has cooled the caches
        time_panel(one, bytes, panel, activations, columns, out);
      one.peaks.push_back(1 / one.peak());
      time_whole(one, operands, parallel);
    }
  std::printf("gemm, M %zu, t5r\n", gemm_m);
  for (const Gemm& one : all) report(one, threads, columns);
}

// All matrices of one token of bitnet-b1.58-2B-4T in their order, by the whole multiplication
// (activations quantised, sums scaled), beside reading as many bytes.
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
  if (what == "gemm") gemm(threads, seconds);
  if (what == "token") token(threads, seconds);
}
