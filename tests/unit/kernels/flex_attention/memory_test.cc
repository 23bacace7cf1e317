// What a call takes beyond its tensors, by the process' own peak: nothing of the size of L by S.
#include <fstream>
#include <limits>
#include <string>
#include <vector>

#include <catch2/catch_test_macros.hpp>

#include "onnxpack/kernels/flex_attention.h"

namespace onnxpack::kernels::flex {
namespace {

// In KB, 0 where the system does not say.
long status_of(const std::string& name) {
  std::ifstream file("/proc/self/status");
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with(name + ":")) return std::stol(line.substr(name.size() + 1));
  }
  return 0;
}

// The peak counts from here.
bool reset_peak() {
  std::ofstream file("/proc/self/clear_refs");
  file << "5" << std::flush;
  return file.good();
}

class Threads final : public Parallel {
 public:
  std::size_t width() const override { return 2; }
  void run(std::size_t count, void (*task)(void*, std::size_t), void* state) override {
    for (std::size_t i = 0; i < count; ++i) task(state, i);
  }
};

// Documents of 1000 tokens, causal: a captured table of S numbers, and tiles of all classes.
Spec documents() {
  Builder b;
  const std::size_t ids = b.add_table({Type::i64, 1, true, {}, {}});
  const NodeId same = b.apply(Op::equal, {b.load(ids, {b.index(0)}), b.load(ids, {b.index(1)})});
  const NodeId before = b.apply(Op::less_equal, {b.index(0), b.index(1)});
  const NodeId seen = b.apply(Op::logical_and, {same, before});
  const NodeId never = b.real(Type::f32, -std::numeric_limits<double>::infinity());
  Spec spec;
  spec.score_mod = b.finish(b.apply(Op::select, {seen, b.element(Type::f32), never}));
  return spec;
}

// Peak beyond what is there before the call, in MB.
double extra(const Spec& spec, std::int64_t queries, std::int64_t keys,
             std::vector<TableView> tables) {
  constexpr std::int64_t size = 64;
  std::vector<float> q(static_cast<std::size_t>(queries * size), 0.25F);
  std::vector<float> kv(static_cast<std::size_t>(keys * size), 0.5F);
  std::vector<float> y(q.size(), 1.0F);
  Arguments a{.batch = 1,
              .kv_batch = 1,
              .q_heads = 1,
              .kv_heads = 1,
              .q_length = queries,
              .kv_length = keys,
              .qk_size = size,
              .v_size = size,
              .tables = std::move(tables)};
  a.q = q.data(), a.k = a.v = kv.data(), a.y = y.data();
  auto kernel = FlexAttention::create(spec, CpuFeatures::detect());
  REQUIRE(kernel);
  if (!reset_peak()) return -1;
  const long before = status_of("VmRSS");
  Threads parallel;
  REQUIRE(kernel->run(a, parallel));
  return static_cast<double>(status_of("VmHWM") - before) / 1024;
}

TEST_CASE("65,536 keys take no memory beyond the tensors to speak of") {
  if (status_of("VmHWM") == 0 || !reset_peak()) SKIP("this system does not tell a process' peak");
  const auto features = CpuFeatures::detect();
  if (!features.has(Isa::avx2) && !features.has(Isa::neon)) SKIP("no fast kernel on this CPU");
  constexpr std::int64_t length = 65536;
  std::vector<std::int64_t> ids;
  for (std::int64_t i = 0; i < length; ++i) ids.push_back(i / 1000);
  const double masked = extra(documents(), length, length, {{Type::i64, ids.data(), {length}}});
  const double decode = extra({}, 4, length, {});
  const double dense = extra({}, 96, length, {});
  INFO("MB: masked " << masked << ", decode " << decode << ", dense " << dense);
  // (L, S) of floats would be 16 GB; the issue asks for 100 MB.
  CHECK(masked < 20);
  CHECK(decode < 20);
  CHECK(dense < 20);
}

}  // namespace
}  // namespace onnxpack::kernels::flex
