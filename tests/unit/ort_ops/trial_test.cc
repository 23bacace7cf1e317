// What happens on a machine that advertises instructions and refuses them: this one, told that it
// has AMX, if it has none.
#include <catch2/catch_test_macros.hpp>

#include "flex_self_test.h"
#include "ternary_weights.h"
#include "trial.h"
#include "unit/kernels/amx/stand_in.h"

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define ONNXPACK_TEST_LEAKS
#endif
#elif defined(__SANITIZE_ADDRESS__)
#define ONNXPACK_TEST_LEAKS
#endif
#if defined(ONNXPACK_TEST_LEAKS)
#include <sanitizer/lsan_interface.h>
#endif

namespace onnxpack::ort_ops {
namespace {

using kernels::CpuFeatures;
using kernels::Isa;

// What a trial owned when it ran into a fault is lost, as trial.h says.
#if defined(ONNXPACK_TEST_LEAKS)
using LossesAllowed = __lsan::ScopedDisabler;
#else
struct LossesAllowed {
  LossesAllowed() {}  // not trivial, so that no compiler calls it unused
};
#endif

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
  const LossesAllowed losses;
  const TernaryKernels found = tried_ternary_kernels(claimed);
  CHECK_FALSE(found.features.has(Isa::amx_int8));
  CHECK(found.set.gemm != choose_kernels(claimed).gemm);
  CHECK(kernels::ternary::self_test(found.set));
  // The table look-up of VBMI is not lost with the tiles.
  if (machine.has(Isa::avx512_vbmi)) CHECK(found.features == without);
}

TEST_CASE("attention by tiles is left out where they fault") {
  if (CpuFeatures::detect().has(Isa::amx_bf16)) SKIP("this CPU has AMX, so nothing faults");
  if (!CpuFeatures::detect().has(Isa::avx512_bf16)) SKIP("this CPU has no AVX-512 BF16");
  const LossesAllowed losses;
  CHECK(tried_attention_features(CpuFeatures::only(Isa::amx_bf16)) ==
        CpuFeatures::only(Isa::avx512_bf16));
}
#endif

TEST_CASE("what attention is tried with agrees on every instruction set") {
  const onnxpack_test::amx::StandIn machine;
  for (Isa isa : kernels::all_isas()) {
    INFO(to_string(isa));
    if (machine.has(isa)) CHECK(attention_agrees(CpuFeatures::only(isa)));
  }
  CHECK(machine.faults().empty());
  CHECK((machine.executed() > 0) == (machine.emulates() && machine.has(Isa::amx_bf16)));
}

TEST_CASE("attention keeps what this machine has") {
  const CpuFeatures machine = CpuFeatures::detect();
  CHECK(tried_attention_features(machine) == machine);
}

TEST_CASE("ternary kernels that this machine has are all trusted") {
  const CpuFeatures machine = CpuFeatures::detect();
  CHECK(tried_ternary_kernels(machine).features == machine);
  CHECK(tried_ternary_kernels({}).features == CpuFeatures());
}

}  // namespace
}  // namespace onnxpack::ort_ops
