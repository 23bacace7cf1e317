// What happens on a machine that advertises instructions and refuses them: this one, told that it
// has AMX, if it has none.
#include <catch2/catch_test_macros.hpp>

#include "ternary_weights.h"
#include "trial.h"

namespace onnxpack::ort_ops {
namespace {

using kernels::CpuFeatures;
using kernels::Isa;

#if defined(__x86_64__)
TEST_CASE("an instruction that faults ends the trial and nothing else") {
  int reached = 0;
  const auto refused = [&] {
    reached = 1;
    asm volatile("ud2");
    reached = 2;
    return true;
  };
  CHECK_FALSE(runs_without_fault(refused));
  CHECK(reached == 1);
  CHECK(runs_without_fault([] { return true; }));
  CHECK_FALSE(runs_without_fault([] { return false; }));
  CHECK_FALSE(runs_without_fault(refused));
}

TEST_CASE("ternary kernels whose instructions fault are left out, and the next best run") {
  using kernels::ternary::choose_kernels;
  const CpuFeatures machine = CpuFeatures::detect();
  if (machine.has(Isa::amx_int8)) SKIP("this CPU has AMX, so nothing faults");
  const CpuFeatures claimed = CpuFeatures::only(Isa::amx_int8);
  const CpuFeatures without = CpuFeatures::only(Isa::avx512_vbmi);
  REQUIRE(choose_kernels(claimed).gemm != choose_kernels(without).gemm);
  const TernaryKernels found = tried_ternary_kernels(claimed);
  CHECK_FALSE(found.features.has(Isa::amx_int8));
  CHECK(found.set.gemm != choose_kernels(claimed).gemm);
  CHECK(kernels::ternary::self_test(found.set));
  // The table look-up of VBMI is not lost with the tiles.
  if (machine.has(Isa::avx512_vbmi)) CHECK(found.features == without);
}
#endif

TEST_CASE("ternary kernels that this machine has are all trusted") {
  const CpuFeatures machine = CpuFeatures::detect();
  CHECK(tried_ternary_kernels(machine).features == machine);
  CHECK(tried_ternary_kernels({}).features == CpuFeatures());
}

}  // namespace
}  // namespace onnxpack::ort_ops
