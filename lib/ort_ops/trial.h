// Kernels are tried before they are trusted: some virtual machines advertise instructions that
// fault.
#pragma once

#include <functional>

namespace onnxpack::ort_ops {

// What `trial` gives, false if it runs into an instruction that the machine refuses (SIGILL): then
// it is left where it stands, so it must own nothing that would be missed. Thread-safe against
// other threads' signals, but one call at a time, since it sets the process's handler meanwhile.
bool runs_without_fault(const std::function<bool()>& trial);

}  // namespace onnxpack::ort_ops
