// Kernels are tried before they are trusted: some virtual machines advertise instructions that
// fault.
#include <array>
#include <csetjmp>
#include <csignal>

#include "ternary_weights.h"

namespace onnxpack::ort_ops {
namespace {

using kernels::CpuFeatures;
using kernels::Isa;

// SIGILL is delivered to the thread that caused it, so its own buffer is the right one; another
// thread's SIGILL meanwhile is not ours and goes where it would have gone.
thread_local sigjmp_buf* landing = nullptr;
struct sigaction before = {};

void on_illegal(int signal, siginfo_t* info, void* context) {
  if (landing != nullptr) siglongjmp(*landing, 1);
  if ((before.sa_flags & SA_SIGINFO) != 0 && before.sa_sigaction != nullptr) {
    before.sa_sigaction(signal, info, context);
  } else if (before.sa_handler != SIG_DFL && before.sa_handler != SIG_IGN) {
    before.sa_handler(signal);
  } else {
    std::signal(signal, SIG_DFL);  // returning runs the instruction again, now fatally
  }
}

bool passes(CpuFeatures features) {
  struct sigaction action = {};
  action.sa_sigaction = on_illegal;
  action.sa_flags = SA_SIGINFO;
  sigemptyset(&action.sa_mask);
  if (sigaction(SIGILL, &action, &before) != 0) return false;
  sigjmp_buf buffer;
  volatile bool good = false;
  if (sigsetjmp(buffer, 1) == 0) {
    landing = &buffer;
    good = kernels::ternary::self_test(kernels::ternary::choose_kernels(features));
  }
  landing = nullptr;
  sigaction(SIGILL, &before, nullptr);
  return good;
}

}  // namespace

const TernaryKernels& ternary_kernels() {
  static const TernaryKernels found = [] {
    const auto allowed = process_features();
    if (!allowed) return TernaryKernels{kernels::ternary::choose_kernels({}), {}};
    // Those of the other architecture are left with nothing, and skipped.
    const std::array<CpuFeatures, 6> attempts = {
        *allowed,
        intersect(*allowed, CpuFeatures::only(Isa::avx512_vnni)),
        intersect(*allowed, CpuFeatures::only(Isa::avx_vnni)),
        intersect(*allowed, CpuFeatures::only(Isa::avx2)),
        intersect(*allowed, CpuFeatures::only(Isa::neon_dot)),
        intersect(*allowed, CpuFeatures::only(Isa::neon))};
    for (CpuFeatures features : attempts)
      if (features != CpuFeatures() && passes(features))
        return TernaryKernels{kernels::ternary::choose_kernels(features), features};
    return TernaryKernels{kernels::ternary::choose_kernels({}), {}};
  }();
  return found;
}

}  // namespace onnxpack::ort_ops
